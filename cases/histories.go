package cases

import (
	"context"
	"fmt"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/workflows"
)

// openPage is how many executions are asked for at once.
const openPage = 500

// ListOpen calls each with every case and every notifier that is open, as visibility
// knows them, and ends with its first error. It costs no action and needs no
// worker.
func (c Client) ListOpen(ctx context.Context, each func(workflow.Execution) error) error {
	query := fmt.Sprintf("WorkflowType IN ('%s', '%s') AND %s", workflows.Type, workflows.NotifyType, isOpen)
	for page := []byte(nil); ; {
		answer, err := c.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query,
			PageSize: openPage, NextPageToken: page})
		if err != nil {
			return translate(ctx, err)
		}
		for _, e := range answer.GetExecutions() {
			if err := each(workflow.Execution{ID: e.GetExecution().GetWorkflowId(),
				RunID: e.GetExecution().GetRunId()}); err != nil {
				return err
			}
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			return nil
		}
	}
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

// IsNotifier tells the workflow id of a notifier from that of a case.
func IsNotifier(id string) bool { return strings.HasPrefix(id, workflows.NotifyID("")) }
