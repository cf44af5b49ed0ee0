package cases_test

import (
	"context"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
)

// moment is how the case is from this time on.
type moment struct {
	after   time.Duration
	length  int64 // of its history
	pending string
	state   enumspb.PendingActivityState
	task    bool
	err     error
	view    kyc.View
}

// maxAsked is how many descriptions a case that is followed may cost.
const maxAsked = 50

// course is a Temporal whose case goes through some moments. It refuses more
// than maxAsked descriptions, so that following a case without a pause ends.
type course struct {
	client.Client
	begun          time.Time
	accepted       kyc.View // what the update answers
	moments        []moment
	asked, queries int
}

func (c *course) now() (now moment) {
	for _, m := range c.moments {
		if time.Since(c.begun) >= m.after {
			now = m
		}
	}
	return now
}

type handle struct {
	client.WorkflowUpdateHandle
	view kyc.View
}

func (h handle) Get(_ context.Context, to any) error {
	reflect.ValueOf(to).Elem().Set(reflect.ValueOf(h.view))
	return nil
}

func (c *course) UpdateWorkflow(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	c.begun = time.Now()
	return handle{view: c.accepted}, nil
}

func (c *course) DescribeWorkflowExecution(context.Context, string,
	string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	m := c.now()
	if c.asked++; c.asked > maxAsked {
		return nil, serviceerror.NewPermissionDenied("too many descriptions", "")
	}
	if m.err != nil {
		return nil, m.err
	}
	d := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, HistoryLength: m.length}}
	if m.pending != "" {
		d.PendingActivities = []*workflowpb.PendingActivityInfo{{ActivityType: &commonpb.ActivityType{Name: m.pending},
			State: m.state}}
	}
	if m.task {
		d.PendingWorkflowTask = &workflowpb.PendingWorkflowTaskInfo{}
	}
	return d, nil
}

func (c *course) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	c.queries++
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(c.now().view)
	return client.NewValue(payloads), err
}

// The outcome of what was asked is followed by descriptions, which cost nothing:
// the case is asked once, when something has happened.
func TestTheOutcomeIsFollowedForOneQuery(t *testing.T) {
	entry := func(what string) kyc.Entry { return kyc.Entry{What: what, Entity: person} }
	sent := kyc.View{Queued: 1, Timeline: []kyc.Entry{entry(kyc.EntrySubmitted)}}
	second := kyc.View{Queued: 2, Timeline: []kyc.Entry{entry(kyc.EntrySubmitted), entry(kyc.EntrySubmitted)}}
	through := kyc.View{Timeline: []kyc.Entry{entry(kyc.EntrySubmitted), entry(kyc.EntryHandedOver)}}
	half := kyc.View{Queued: 1, Timeline: []kyc.Entry{entry(kyc.EntrySubmitted), entry(kyc.EntrySubmitted),
		entry(kyc.EntryRefused)}}
	both := kyc.View{Timeline: []kyc.Entry{entry(kyc.EntrySubmitted), entry(kyc.EntrySubmitted), entry(kyc.EntryRefused),
		entry(kyc.EntryHandedOver)}}
	hinted, read := kyc.View{Hints: 3, Covered: 2}, kyc.View{Hints: 3, Covered: 3}
	cancelRequested := enumspb.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED
	for name, test := range map[string]struct {
		refresh  bool
		accepted kyc.View
		moments  []moment
		want     kyc.View
		queries  int
		err      error
	}{
		"through at once": {accepted: through, want: through},
		"closed at once":  {accepted: kyc.View{Stage: kyc.Approved}, want: kyc.View{Stage: kyc.Approved}},
		"documents": {accepted: sent, want: through, queries: 1, moments: []moment{{0, 10, "SubmitDocuments", 0, false, nil,
			sent},
			{5 * time.Second, 13, "", 0, true, nil, sent}, {6 * time.Second, 16, "", 0, false, nil, through}}},
		"documents behind others": {accepted: second, want: both, queries: 3, moments: []moment{{0, 10, "SubmitDocuments", 0,
			false, nil, second},
			{5 * time.Second, 16, "SubmitDocuments", 0, false, nil, half}, {9 * time.Second, 22, "", 0, false, nil, both}}},
		"quicker than the first description": {accepted: sent, want: through, queries: 1,
			moments: []moment{{0, 16, "WatchStatus", 0, false, nil, through}}},
		"Temporal stumbles": {accepted: sent, want: through, queries: 1, moments: []moment{{0, 10, "SubmitDocuments", 0,
			false, nil, sent},
			{time.Second, 0, "", 0, false, serviceerror.NewUnavailable("later"), sent}, {6 * time.Second, 16, "", 0, false, nil,
				through}}},
		"ConnectFi is away": {accepted: sent, want: sent, err: cases.ErrUnanswered,
			moments: []moment{{0, 10, "SubmitDocuments", 0, false, nil, sent}}},
		"a read within the task": {refresh: true, accepted: hinted, want: read, queries: 1,
			moments: []moment{{0, 10, "", 0, false, nil, read}}},
		"a read after the watch": {refresh: true, accepted: hinted, want: read, queries: 1,
			moments: []moment{{0, 10, "WatchStatus", cancelRequested, false, nil, hinted},
				{time.Second, 14, "", 0, true, nil, hinted}, {2 * time.Second, 18, "WatchStatus", 0, false, nil, read}}},
		"a read that is tried again": {refresh: true, accepted: hinted, want: hinted, err: cases.ErrNoAnswer,
			moments: []moment{{0, 10, "ReadStatus", 0, false, nil, hinted}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &course{accepted: test.accepted, moments: test.moments}
				caseClient := cases.Client{Temporal: c}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				var (
					got kyc.View
					err error
				)
				if test.refresh {
					got, err = caseClient.Refresh(ctx, "A1", kyc.ActorSystem)
				} else {
					got, err = caseClient.Submit(ctx, "A1", kyc.Submission{ID: "s", Entity: person})
				}
				require.ErrorIs(t, err, test.err)
				require.Equal(t, test.want.Timeline, got.Timeline)
				require.Equal(t, test.want.Covered, got.Covered)
				require.Equal(t, test.queries, c.queries)
				require.LessOrEqual(t, c.asked, maxAsked)
			})
		})
	}
}

// An outcome is seen within a time that goes with how long it took, and never
// more than a second late.
func TestAnOutcomeIsSeenSoon(t *testing.T) {
	hinted, read := kyc.View{Hints: 1}, kyc.View{Hints: 1, Covered: 1}
	for _, took := range []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond,
		10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			c := &course{accepted: hinted, moments: []moment{{0, 10, "ReadStatus", 0, false, nil, hinted},
				{took, 12, "", 0, false, nil, read}}}
			got, err := cases.Client{Temporal: c}.Refresh(t.Context(), "A1", kyc.ActorSystem)
			require.NoError(t, err)
			require.Equal(t, 1, got.Covered)
			late := time.Since(c.begun) - took
			require.Less(t, late, max(took/2, 20*time.Millisecond))
			require.LessOrEqual(t, late, time.Second)
		})
	}
}
