package cases

import (
	"context"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"durablekyc.example/workflows"
)

// Expedite gives an open case the priority of cases that a person waits for: an applicant of a batch would otherwise
// wait behind the rest of it. The first call adds an event to the history of such a case; a case that has the priority
// already, or is closed, is left as it is. It costs no action.
func (c Client) Expedite(ctx context.Context, reference string) error {
	info, err := c.describe(ctx, reference)
	if err != nil {
		return err
	}
	has := workflows.Priority(info.GetPriority().GetPriorityKey())
	if has == 0 {
		has = workflows.PriorityDefault
	}
	if has <= workflows.PriorityInteractive || !RunStateOf(info.GetStatus()).Open() {
		return nil
	}
	// The SDK changes no priority (v1.50.0).
	_, err = c.Temporal.WorkflowService().UpdateWorkflowExecutionOptions(ctx,
		&workflowservice.UpdateWorkflowExecutionOptionsRequest{Namespace: c.Namespace,
			WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflows.ID(reference)},
			WorkflowExecutionOptions: &workflowpb.WorkflowExecutionOptions{
				Priority: &commonpb.Priority{PriorityKey: int32(workflows.PriorityInteractive)}},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"priority"}}})
	if err = translate(ctx, err); err != nil {
		return fmt.Errorf("the priority of the case stays as it was: %w", err)
	}
	return nil
}
