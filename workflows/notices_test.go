package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/activities"
	"durablekyc.example/workflows"
)

// notifying is a Temporal that knows one notifier, or none, and perhaps its case.
type notifying struct {
	client.Client
	status  enumspb.WorkflowExecutionStatus // of the notifier; zero is none
	noCase  bool
	pending []*workflowpb.PendingActivityInfo
	ledger  workflows.Ledger
	started []workflows.Ledger
	options client.StartWorkflowOptions
	busy    bool
}

func (n *notifying) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
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

func (n *notifying) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(n.ledger.Events())
	return client.NewValue(payloads), err
}

func (n *notifying) UpdateWorkflow(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	return nil, serviceerror.NewNotFound("workflow execution already completed")
}

type ended struct {
	client.WorkflowRun
	n *notifying
}

func (e ended) Get(_ context.Context, into any) error {
	if e.n.status == 0 {
		return serviceerror.NewNotFound("no such workflow")
	}
	*into.(*workflows.Ledger) = e.n.ledger
	return nil
}

func (n *notifying) GetWorkflow(context.Context, string, string) client.WorkflowRun {
	return ended{n: n}
}

func (n *notifying) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	if n.busy {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("running", "", "")
	}
	n.options = o
	n.started = append(n.started, args[0].(workflows.Ledger))
	return nil, nil
}

func halfDone() workflows.Ledger {
	l := both()
	n := lived("waiting_review", "completed")
	l.Records = []workflows.Record{
		{Notice: n[0], Receipts: []workflows.Receipt{{Receiver: activities.Everybodys, Attempts: 1, Answer: "200", DeliveredAt: begin}}},
		{Notice: n[1], Receipts: []workflows.Receipt{{Receiver: activities.Everybodys, Attempts: 10, Answer: "500", GivenUpAt: begin}}},
	}
	l.Last, l.Ended = 2, true
	return l
}

func TestNoticesOfACase(t *testing.T) {
	running, completed := enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	ledger := halfDone()
	events, err := workflows.Client{Temporal: &notifying{status: completed, ledger: ledger}}.Notices(t.Context(), "A1")
	require.NoError(t, err)
	require.Equal(t, ledger.Events(), events)

	next := begin.Add(2 * time.Hour)
	ledger.Records[1].Receipts[0] = workflows.Receipt{Receiver: activities.Everybodys, Wanted: true}
	for _, delivery := range []string{"evt_A1_2-all", "evt_A1_2-all-3"} { // the first one, and the third
		pending := &workflowpb.PendingActivityInfo{ActivityId: delivery, Attempt: 4, NextAttemptScheduleTime: timestamppb.New(next),
			LastFailure: &failurepb.Failure{FailureInfo: &failurepb.Failure_ApplicationFailureInfo{
				ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: "503"}}}}
		events, err = workflows.Client{Temporal: &notifying{status: running, ledger: ledger, pending: []*workflowpb.PendingActivityInfo{pending}}}.
			Notices(t.Context(), "A1")
		require.NoError(t, err)
		require.Equal(t, workflows.Receipt{Receiver: activities.Everybodys, Wanted: true, Attempts: 3, Answer: "503", NextAt: next}, events[1].Receipts[0])
		require.Equal(t, ledger.Events()[0], events[0])
	}

	events, err = workflows.Client{Temporal: &notifying{}}.Notices(t.Context(), "A1")
	require.NoError(t, err)
	require.Empty(t, events)
	require.NotNil(t, events)
	_, err = workflows.Client{Temporal: &notifying{noCase: true}}.Notices(t.Context(), "A1")
	require.ErrorIs(t, err, workflows.ErrUnknown)
}

func TestResendAfterTheEndStartsFromTheResult(t *testing.T) {
	n := &notifying{status: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, ledger: halfDone()}
	c := workflows.Client{Temporal: n}
	events, err := c.Resend(t.Context(), "A1", "")
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Equal(t, "kyc-notify-A1", n.options.ID)
	require.Equal(t, "kyc", n.options.TaskQueue)
	require.Equal(t, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, n.options.WorkflowIDReusePolicy)
	require.False(t, n.started[0].Records[0].Receipts[0].Wanted)
	require.True(t, n.started[0].Records[1].Receipts[0].Wanted)
	require.Equal(t, "evt_A1_2", n.started[0].Records[1].Notice.ID)

	_, err = c.Resend(t.Context(), "A1", "evt_A1_1")
	require.NoError(t, err)
	require.True(t, n.started[1].Records[0].Receipts[0].Wanted)

	var refused *workflows.RefusedError
	_, err = c.Resend(t.Context(), "A1", "evt_A1_7")
	require.ErrorAs(t, err, &refused)
	require.Equal(t, workflows.RefusedInvalid, refused.Type)
	n.busy = true
	_, err = c.Resend(t.Context(), "A1", "evt_A1_1")
	require.ErrorIs(t, err, workflows.ErrUnavailable)

	c.Temporal = &notifying{}
	_, err = c.Resend(t.Context(), "A1", "")
	require.ErrorAs(t, err, &refused)
	require.Equal(t, workflows.RefusedNotWanted, refused.Type)
	c.Temporal = &notifying{noCase: true}
	_, err = c.Resend(t.Context(), "A1", "")
	require.ErrorIs(t, err, workflows.ErrUnknown)
}
