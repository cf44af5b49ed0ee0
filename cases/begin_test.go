package cases_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// doorkeeper is a Temporal that answers one start, and tells how what exists began.
type doorkeeper struct {
	client.Client
	err     error // of the start
	whose   any   // the input of what exists
	unheard error // of that history
	status  enumspb.WorkflowExecutionStatus
	asked   []client.StartWorkflowOptions
	started []workflows.Input
}

func (d *doorkeeper) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, kind any,
	args ...any) (client.WorkflowRun, error) {
	if kind != workflows.Type {
		return nil, errors.New("another type")
	}
	d.asked, d.started = append(d.asked, o), append(d.started, args[0].(workflows.Input))
	return nil, d.err
}

func (d *doorkeeper) GetWorkflowHistory(context.Context, string, string, bool,
	enumspb.HistoryEventFilterType) client.HistoryEventIterator {
	return d
}

func (d *doorkeeper) DescribeWorkflowExecution(context.Context, string,
	string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Status: d.status}}, nil
}

func (d *doorkeeper) HasNext() bool { return true }

func (d *doorkeeper) Next() (*historypb.HistoryEvent, error) {
	input, err := converter.GetDefaultDataConverter().ToPayloads(d.whose)
	return &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
			WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{Input: input}}},
		errors.Join(err, d.unheard)
}

func TestBegin(t *testing.T) {
	exists := serviceerror.NewWorkflowExecutionAlreadyStarted("it is there", "", "run")
	for name, test := range map[string]struct {
		temporal doorkeeper
		found    bool
		is       error
		refused  string
		says     string
	}{
		"new": {},
		"there": {temporal: doorkeeper{err: exists, whose: workflows.Input{CustomerID: "cstap_1"}},
			found: true},
		"there, carried over": {temporal: doorkeeper{err: exists, whose: workflows.Input{CustomerID: "cstap_1",
			Carried: &workflows.State{}}}, found: true},
		"there, and ended": {temporal: doorkeeper{err: exists, status: enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED,
			whose: workflows.Input{CustomerID: "cstap_1"}}, found: true, is: cases.ErrEnded},
		"another customer's": {temporal: doorkeeper{err: exists, whose: workflows.Input{CustomerID: "cstap_2"}}, found: true,
			refused: workflows.RefusedOtherCustomer},
		"nobody knows whose": {temporal: doorkeeper{err: exists, whose: 7}, says: "its customer cannot be read"},
		"gone meanwhile": {temporal: doorkeeper{err: exists, unheard: serviceerror.NewNotFound("no such workflow")},
			is: cases.ErrNotFound},
		"Temporal is away": {temporal: doorkeeper{err: serviceerror.NewUnavailable("try again")}, is: cases.ErrUnavailable},
		"no answer":        {temporal: doorkeeper{err: serviceerror.NewDeadlineExceeded("late")}, is: cases.ErrNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			order := cases.StartOptions{Reference: "A1", CustomerID: "cstap_1", Notify: true, Policy: kyc.DefaultPolicy()}
			found, err := cases.Client{Temporal: &test.temporal}.StartAsync(t.Context(), order,
				converter.GetDefaultDataConverter())
			var refused *cases.RefusedError
			switch {
			case test.refused != "":
				require.ErrorAs(t, err, &refused)
				require.Equal(t, test.refused, refused.Type)
			case test.says != "":
				require.ErrorContains(t, err, test.says)
			default:
				require.ErrorIs(t, err, test.is)
			}
			require.Equal(t, test.found, found)
			require.Equal(t, []workflows.Input{{Reference: "A1", CustomerID: "cstap_1", Notify: true,
				Policy: kyc.DefaultPolicy()}}, test.temporal.started)
			options := test.temporal.asked[0]
			require.Equal(t, "kyc-A1", options.ID)
			require.Equal(t, workflows.TaskQueue, options.TaskQueue)
			require.Equal(t, enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, options.WorkflowIDReusePolicy, "for ever")
			require.Equal(t, enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL, options.WorkflowIDConflictPolicy)
			require.True(t, options.WorkflowExecutionErrorWhenAlreadyStarted, "or what is there looks new")
		})
	}
}

func TestBeginAsksNobodyForWhatNoCaseCanBe(t *testing.T) {
	temporal := &doorkeeper{}
	_, err := cases.Client{Temporal: temporal}.StartAsync(t.Context(), cases.StartOptions{Reference: "a_b",
		CustomerID: "cstap_1", Policy: kyc.DefaultPolicy()}, nil)
	var refused *cases.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, workflows.RefusedInvalid, refused.Type)
	require.Empty(t, temporal.asked)
}
