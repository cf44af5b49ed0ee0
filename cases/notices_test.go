package cases_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/activities"
	"durablekyc.example/cases"
	"durablekyc.example/workflows"
)

// notifying is a Temporal that knows one notifier, or none, and perhaps its case.
type notifying struct {
	client.Client
	status enumspb.WorkflowExecutionStatus // of the notifier; zero is none
	// of notifiers that a list finds, by run; for those in asked it takes a worker
	runs    map[string]workflows.NotifierState
	asked   []string
	noCase  bool
	pending []*workflowpb.PendingActivityInfo
	ledger  workflows.NotifierState
	started []workflows.NotifierState
	options client.StartWorkflowOptions
	busy    bool
	resends [][]any // the arguments of each
	// without a worker no query is answered; undescribed is what a description is refused with
	noWorker    bool
	undescribed error
}

func (n *notifying) DescribeWorkflowExecution(_ context.Context, id,
	_ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if n.undescribed != nil {
		return nil, n.undescribed
	}
	status := n.status
	if id == "kyc-A1" && !n.noCase {
		status = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	}
	if status == 0 {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: status}, PendingActivities: n.pending}, nil
}

func (n *notifying) ListWorkflow(_ context.Context,
	r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	answer := &workflowservice.ListWorkflowExecutionsResponse{}
	if r.GetQuery() != "WorkflowId = 'kyc-notify-A1'" {
		return answer, nil
	}
	for run := range n.runs {
		status := enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
		if strings.HasSuffix(run, "carried") {
			status = enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW
		}
		started, _ := strconv.Atoi(run[:1])
		answer.Executions = append(answer.Executions, &workflowpb.WorkflowExecutionInfo{Status: status,
			Execution: &commonpb.WorkflowExecution{WorkflowId: "kyc-notify-A1", RunId: run},
			StartTime: timestamppb.New(begin.Add(time.Duration(started) * time.Hour))})
	}
	return answer, nil
}

func (n *notifying) QueryWorkflow(_ context.Context, _, run, query string, _ ...any) (converter.EncodedValue, error) {
	if n.noWorker {
		return nil, serviceerror.NewFailedPrecondition("no poller seen")
	}
	if query == workflows.QueryLedger {
		payloads, err := converter.GetDefaultDataConverter().ToPayloads(n.runs[run])
		return client.NewValue(payloads), err
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(n.ledger.Events())
	return client.NewValue(payloads), err
}

func (n *notifying) UpdateWorkflow(_ context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle,
	error) {
	if o.UpdateName == workflows.UpdateResend {
		n.resends = append(n.resends, o.Args)
	}
	return nil, serviceerror.NewNotFound("workflow execution already completed")
}

type ended struct {
	client.WorkflowRun
	n   *notifying
	run string
}

func (e ended) Get(_ context.Context, into any) error {
	if ledger, known := e.n.runs[e.run]; known && slices.Contains(e.n.asked, e.run) {
		return &temporal.WorkflowExecutionError{}
	} else if known {
		*into.(*workflows.NotifierState) = ledger
		return nil
	}
	if e.n.status == 0 {
		return serviceerror.NewNotFound("no such workflow")
	}
	*into.(*workflows.NotifierState) = e.n.ledger
	return nil
}

func (n *notifying) GetWorkflow(_ context.Context, _, run string) client.WorkflowRun {
	return ended{n: n, run: run}
}

func (n *notifying) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, _ any,
	args ...any) (client.WorkflowRun, error) {
	if n.busy {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("running", "", "")
	}
	n.options = o
	n.started = append(n.started, args[0].(workflows.NotifierState))
	return nil, nil
}

func halfDone() workflows.NotifierState {
	l := workflows.NotifierState{Reference: "A1", Terms: terms()}
	n := reported(begin, single("waiting_review", ""), single("completed", "approved"))
	l.Records = []workflows.Record{
		{Number: 1, Notice: n[0], Receipts: []workflows.Delivery{{Receiver: activities.ReceiverGlobal, Attempts: 1,
			Answer: "200", DeliveredAt: begin}}},
		{Number: 2, Notice: n[1], Receipts: []workflows.Delivery{{Receiver: activities.ReceiverGlobal, Attempts: 10,
			Answer: "500", GivenUpAt: begin}}},
	}
	l.Last, l.Count, l.Ended = n[1].ID, 2, true
	return l
}

func TestNoticesOfACase(t *testing.T) {
	running, completed := enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	ledger := halfDone()
	events, err := cases.Client{Temporal: &notifying{status: completed, ledger: ledger}}.Events(t.Context(), "A1")
	require.NoError(t, err)
	require.Equal(t, ledger.Events(), events)

	next := begin.Add(2 * time.Hour)
	ledger.Records[1].Receipts[0] = workflows.Delivery{Receiver: activities.ReceiverGlobal, Pending: true}
	second := ledger.Records[1].Notice.ID
	for _, delivery := range []string{second + "-all", second + "-all-3"} { // the first one, and the third
		pending := &workflowpb.PendingActivityInfo{ActivityId: delivery, Attempt: 4,
			NextAttemptScheduleTime: timestamppb.New(next),
			LastFailure: &failurepb.Failure{FailureInfo: &failurepb.Failure_ApplicationFailureInfo{
				ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: "503"}}}}
		events, err = cases.Client{Temporal: &notifying{status: running, ledger: ledger,
			pending: []*workflowpb.PendingActivityInfo{pending}}}.
			Events(t.Context(), "A1")
		require.NoError(t, err)
		require.Equal(t, workflows.Delivery{Receiver: activities.ReceiverGlobal, Pending: true, Attempts: 3, Answer: "503",
			NextAt: next}, events[1].Receipts[0])
		require.Equal(t, ledger.Events()[0], events[0])
	}

	events, err = cases.Client{Temporal: &notifying{}}.Events(t.Context(), "A1")
	require.NoError(t, err)
	require.Empty(t, events)
	require.NotNil(t, events)
	_, err = cases.Client{Temporal: &notifying{noCase: true}}.Events(t.Context(), "A1")
	require.ErrorIs(t, err, cases.ErrNotFound)
}

func TestResendAfterTheEndStartsFromTheResult(t *testing.T) {
	n := &notifying{status: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, ledger: halfDone()}
	c := cases.Client{Temporal: n}
	events, err := c.Resend(t.Context(), "A1", "")
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Equal(t, [][]any{{""}}, n.resends, "the events go where they went")
	require.Equal(t, "kyc-notify-A1", n.options.ID)
	require.Equal(t, "kyc", n.options.TaskQueue)
	require.Equal(t, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, n.options.WorkflowIDReusePolicy)
	require.False(t, n.started[0].Records[0].Receipts[0].Pending)
	require.True(t, n.started[0].Records[1].Receipts[0].Pending)
	require.Equal(t, halfDone().Records[1].Notice, n.started[0].Records[1].Notice)

	for _, event := range []string{halfDone().Records[0].Notice.ID, "1"} {
		_, err = c.Resend(t.Context(), "A1", event)
		require.NoError(t, err)
		require.True(t, n.started[len(n.started)-1].Records[0].Receipts[0].Pending, "a number is as good as an id")
	}

	var refused *cases.RefusedError
	_, err = c.Resend(t.Context(), "A1", "7")
	require.ErrorAs(t, err, &refused)
	require.Equal(t, workflows.RefusedInvalid, refused.Type)
	n.busy = true
	_, err = c.Resend(t.Context(), "A1", "1")
	require.ErrorIs(t, err, cases.ErrUnavailable)

	c.Temporal = &notifying{}
	_, err = c.Resend(t.Context(), "A1", "")
	require.ErrorAs(t, err, &refused)
	require.Equal(t, workflows.RefusedNotWanted, refused.Type)
	c.Temporal = &notifying{noCase: true}
	_, err = c.Resend(t.Context(), "A1", "")
	require.ErrorIs(t, err, cases.ErrNotFound)
}

// What earlier notifiers knew is the latest one's to tell, and reports that one
// had not come to are not lost with it.
func TestRecallFindsWhatTheLatestNotifierKnew(t *testing.T) {
	later := reported(begin.Add(day), single("pending_step_up", ""))
	waiting := workflows.NotifierState{Reference: "A1", Recall: &workflows.Report{Terms: terms(), Notices: later}}
	recall := func(n *notifying) workflows.NotifierState {
		ledger, err := cases.Client{Temporal: n}.Recall(t.Context(), "A1", "9 own")
		require.NoError(t, err)
		return ledger
	}
	require.Equal(t, workflows.NotifierState{Reference: "A1"}, recall(&notifying{}))
	runs := map[string]workflows.NotifierState{"1 old": {Reference: "old"}, "2 carried": {Reference: "carried"},
		"3 last": halfDone(), "9 own": {Reference: "own"}}
	require.Equal(t, halfDone(), recall(&notifying{runs: runs}))
	require.Equal(t, halfDone(), recall(&notifying{runs: runs, asked: []string{"3 last"}}), "it was terminated")
	runs["4 terminated"] = waiting
	ledger := recall(&notifying{runs: runs, asked: []string{"4 terminated"}})
	require.Len(t, ledger.Records, 3)
	require.Equal(t, later[0].ID, ledger.Records[2].Notice.ID)
	require.Nil(t, ledger.Recall)
	require.False(t, ledger.Ended)
}

// A notifier that was terminated and that no worker answers for is an error: a
// Recall without it would lose what it knew.
func TestRecallOfANotifierThatDoesNotAnswer(t *testing.T) {
	runs, asked := map[string]workflows.NotifierState{"3 last": halfDone()}, []string{"3 last"}
	recall := func(n *notifying) error {
		n.runs, n.asked, n.noWorker = runs, asked, true
		_, err := cases.Client{Temporal: n}.Recall(t.Context(), "A1", "9 own")
		return err
	}
	var ended *cases.EndedError
	require.ErrorAs(t, recall(&notifying{status: enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED}), &ended)
	require.Equal(t, cases.RunTerminated, ended.State)
	require.ErrorIs(t, recall(&notifying{undescribed: serviceerror.NewUnavailable("try again")}), cases.ErrUnavailable)
	require.NoError(t, recall(&notifying{undescribed: serviceerror.NewNotFound("no such run")}), "it was deleted")
}
