package cases_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// queue is a Temporal with one case that has a priority.
type queue struct {
	client.Client
	info    *workflowpb.WorkflowExecutionInfo
	changed []*workflowservice.UpdateWorkflowExecutionOptionsRequest
	refused error
	started client.StartWorkflowOptions
}

// service is its gRPC service.
type service struct {
	workflowservice.WorkflowServiceClient
	queue *queue
}

func (q *queue) WorkflowService() workflowservice.WorkflowServiceClient { return service{queue: q} }

func (q *queue) DescribeWorkflowExecution(context.Context, string, string) (
	*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: q.info}, nil
}

func (q service) UpdateWorkflowExecutionOptions(_ context.Context,
	r *workflowservice.UpdateWorkflowExecutionOptionsRequest,
	_ ...grpc.CallOption) (*workflowservice.UpdateWorkflowExecutionOptionsResponse, error) {
	q.queue.changed = append(q.queue.changed, r)
	return nil, q.queue.refused
}

func (q *queue) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, _ any,
	_ ...any) (client.WorkflowRun, error) {
	q.started = o
	return nil, nil
}

func TestWhichCasesAreExpedited(t *testing.T) {
	for name, test := range map[string]struct {
		priority int32
		status   enumspb.WorkflowExecutionStatus
		changes  int
	}{
		"of a batch":      {5, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, 1},
		"without one":     {0, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, 1},
		"of the API":      {2, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, 0},
		"of an operator":  {1, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, 0},
		"paused":          {5, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED, 1},
		"decided already": {5, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, 0},
	} {
		t.Run(name, func(t *testing.T) {
			q := &queue{info: &workflowpb.WorkflowExecutionInfo{Status: test.status,
				Priority: &commonpb.Priority{PriorityKey: test.priority}}}
			c := cases.Client{Temporal: q, Namespace: "kyc"}
			require.NoError(t, c.Expedite(t.Context(), "A1"))
			require.Len(t, q.changed, test.changes)
			for _, r := range q.changed {
				require.Equal(t, "kyc", r.GetNamespace())
				require.Equal(t, "kyc-A1", r.GetWorkflowExecution().GetWorkflowId())
				require.Equal(t, []string{"priority"}, r.GetUpdateMask().GetPaths(), "nothing else is changed")
				require.EqualValues(t, 2, r.GetWorkflowExecutionOptions().GetPriority().GetPriorityKey())
			}
		})
	}
	q := &queue{info: &workflowpb.WorkflowExecutionInfo{Status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
		refused: serviceerror.NewUnavailable("later")}
	require.ErrorIs(t, cases.Client{Temporal: q}.Expedite(t.Context(), "A1"), cases.ErrUnavailable)
}

func TestCasesStartWithTheirPriority(t *testing.T) {
	q := &queue{}
	for _, p := range []workflows.Priority{0, workflows.PriorityInteractive, workflows.PriorityBatch} {
		_, err := cases.Client{Temporal: q}.StartAsync(t.Context(), cases.StartOptions{Reference: "A1", CustomerID: person,
			Policy: kyc.DefaultPolicy(), Priority: p}, nil)
		require.NoError(t, err)
		require.Equal(t, int(p), q.started.Priority.PriorityKey)
	}
}
