package cases_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
)

// told is a Temporal that says one thing of every case.
type told struct {
	client.Client
	info     *workflowpb.WorkflowExecutionInfo
	extended *workflowpb.WorkflowExecutionExtendedInfo
	err      error
	view     kyc.View
	queried  error // what a query is refused with
}

func (c told) DescribeWorkflowExecution(context.Context, string,
	string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: c.info,
		WorkflowExtendedInfo: c.extended}, c.err
}

func (c told) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(c.view)
	return client.NewValue(payloads), errors.Join(err, c.queried)
}

func info(t *testing.T, status enumspb.WorkflowExecutionStatus, stage kyc.Stage,
	closed time.Time) *workflowpb.WorkflowExecutionInfo {
	t.Helper()
	i := &workflowpb.WorkflowExecutionInfo{Status: status}
	if !closed.IsZero() {
		i.CloseTime = timestamppb.New(closed)
	}
	if stage != "" {
		payload, err := converter.GetDefaultDataConverter().ToPayload(string(stage))
		require.NoError(t, err)
		i.SearchAttributes = &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{"KycStage": payload}}
	}
	return i
}

func TestStanding(t *testing.T) {
	const (
		running   = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
		completed = enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	)
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	decided, undecided := cases.Standing{Closed: noon}, cases.Standing{Closed: noon, Undecided: true}
	for name, test := range map[string]struct {
		info *workflowpb.WorkflowExecutionInfo
		err  error
		want cases.Standing
		is   error
	}{
		"running":           {info: info(t, running, kyc.AwaitingDocuments, time.Time{})},
		"running, approved": {info: info(t, running, kyc.Approved, time.Time{})},
		"continued":         {info: info(t, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW, kyc.InReview, noon)},
		"paused":            {info: info(t, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED, kyc.InReview, time.Time{})},
		"approved":          {info: info(t, completed, kyc.Approved, noon), want: decided},
		"denied":            {info: info(t, completed, kyc.Denied, noon), want: decided},
		"expired":           {info: info(t, completed, kyc.Expired, noon), want: undecided},
		"withdrawn":         {info: info(t, completed, kyc.Withdrawn, noon), want: undecided},
		"terminated": {info: info(t, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, kyc.InReview, noon),
			want: undecided},
		"terminated late": {info: info(t, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, kyc.Approved, noon),
			want: undecided},
		"cancelled":        {info: info(t, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, kyc.InReview, noon), want: undecided},
		"failed":           {info: info(t, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, kyc.InReview, noon), want: undecided},
		"timed out":        {info: info(t, enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, "", noon), want: undecided},
		"unknown":          {err: serviceerror.NewNotFound("no such workflow"), is: cases.ErrNotFound},
		"Temporal is away": {err: serviceerror.NewUnavailable("try again"), is: cases.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cases.Client{Temporal: told{info: test.info, err: test.err}}.CloseState(t.Context(), "A1")
			require.ErrorIs(t, err, test.is)
			require.Equal(t, test.want, got)
		})
	}
}

// Whoever deletes because a case is unknown must not mistake these for it.
func TestNoStandingIsNotUnknown(t *testing.T) {
	for name, c := range map[string]told{
		"closed without a stage": {info: info(t, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, "", time.Now())},
		"closed at no end":       {info: info(t, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, kyc.InReview, time.Now())},
		"no such namespace":      {err: serviceerror.NewNamespaceNotFound("kyc")},
		"not allowed":            {err: serviceerror.NewPermissionDenied("no", "")},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cases.Client{Temporal: c}.CloseState(t.Context(), "A1")
			require.Error(t, err)
			require.NotErrorIs(t, err, cases.ErrNotFound)
			require.Zero(t, got)
		})
	}
}

func TestSending(t *testing.T) {
	running := info(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, kyc.AwaitingDocuments, time.Time{})
	for name, test := range map[string]struct {
		view kyc.View
		want bool
	}{
		"nothing":              {kyc.View{Entities: []kyc.EntityView{{}, {}}}, false},
		"one of them":          {kyc.View{Entities: []kyc.EntityView{{}, {Sending: true}}}, true},
		"of an entity no more": {kyc.View{Entities: []kyc.EntityView{{}}, Queued: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cases.Client{Temporal: told{info: running, view: test.view}}.HasPendingUploads(t.Context(), "A1")
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
	_, err := cases.Client{Temporal: told{err: serviceerror.NewUnavailable("try again")}}.HasPendingUploads(t.Context(),
		"A1")
	require.ErrorIs(t, err, cases.ErrUnavailable)
}

// The timeline of a case that an operator reset says when. A case that does not
// answer has no timeline.
func TestShowOfACaseThatWasReset(t *testing.T) {
	running := info(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, kyc.InReview, time.Time{})
	view := kyc.View{Stage: kyc.InReview, Timeline: []kyc.Entry{{At: begin, What: kyc.EntryStarted}}}
	reset := begin.Add(time.Hour)
	temporal := told{info: running, view: view}
	got, err := cases.Client{Temporal: temporal}.Show(t.Context(), "A1")
	require.NoError(t, err)
	require.Equal(t, view, got, "nobody reset it")

	temporal.extended = &workflowpb.WorkflowExecutionExtendedInfo{LastResetTime: timestamppb.New(reset)}
	got, err = cases.Client{Temporal: temporal}.Show(t.Context(), "A1")
	require.NoError(t, err)
	require.Equal(t, append(view.Timeline, kyc.Entry{At: reset, What: kyc.EntryReset, By: kyc.ActorTemporal}),
		got.Timeline)

	temporal.queried = serviceerror.NewUnavailable("try again")
	got, err = cases.Client{Temporal: temporal}.Show(t.Context(), "A1")
	require.ErrorIs(t, err, cases.ErrUnavailable)
	require.Zero(t, got)
}
