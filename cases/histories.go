package cases

import (
	"context"
	"fmt"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// openPage is how many executions are asked for at once.
const openPage = 500

// ListOpen calls each with every case, notifier and Nexus check that is open, as visibility
// knows them, and ends with its first error. It costs no action and needs no
// worker.
func (c Client) ListOpen(ctx context.Context, each func(workflow.Execution) error) error {
	query := fmt.Sprintf("WorkflowType IN ('%s', '%s', '%s') AND %s", workflows.Type, workflows.NotifyType,
		workflows.CheckType, isOpen)
	return c.list(ctx, query, func(e *workflowpb.WorkflowExecutionInfo) error {
		return each(workflow.Execution{ID: e.GetExecution().GetWorkflowId(), RunID: e.GetExecution().GetRunId()})
	})
}

// SampleOpen returns open executions: of the cases at each stage, of the notifiers and of the Nexus checks, the latest
// ones, up to this many of each. It costs no action and needs no worker.
func (c Client) SampleOpen(ctx context.Context, ofEach int) (all []workflow.Execution, err error) {
	kinds := []string{fmt.Sprintf("WorkflowType = '%s'", workflows.NotifyType),
		fmt.Sprintf("WorkflowType = '%s'", workflows.CheckType)}
	for _, stage := range kyc.Stages {
		if !stage.Final() {
			kinds = append(kinds, fmt.Sprintf("WorkflowType = '%s' AND %s = '%s'", workflows.Type,
				workflows.AttributeStage.GetName(), stage))
		}
	}
	for _, kind := range kinds {
		answer, err := c.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: kind + " AND " + isOpen, PageSize: int32(ofEach)})
		if err != nil {
			return nil, translate(ctx, err)
		}
		for _, e := range answer.GetExecutions() {
			all = append(all, workflow.Execution{ID: e.GetExecution().GetWorkflowId(), RunID: e.GetExecution().GetRunId()})
		}
	}
	return all, nil
}

// History reads all that a run has lived through so far; without a run id the
// latest. ErrNotFound if there is none. It costs no action and needs no worker.
func (c Client) History(ctx context.Context, e workflow.Execution) (*historypb.History, error) {
	history := &historypb.History{}
	for events := c.Temporal.GetWorkflowHistory(ctx, e.ID, e.RunID, false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		if err != nil {
			return nil, translate(ctx, err)
		}
		history.Events = append(history.Events, event)
	}
	return history, nil
}

// IsNotifier reports whether a workflow id is a notifier's and not a case's.
func IsNotifier(id string) bool { return strings.HasPrefix(id, workflows.NotifyID("")) }

// IsCheck tells the workflow id of a KYCCheck from that of a case.
func IsCheck(id string) bool { return strings.HasPrefix(id, workflows.CheckPrefix) }
