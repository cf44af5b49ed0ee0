package cases

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// RunChild starts a case as a child of the workflow that calls it, and waits for its end. The worker of that workflow
// is in the namespace of cases and made of Client.Temporal, so that its payloads are encrypted as theirs are; elsewhere
// the Nexus operation does the same (docs/nexus.md).
//
// A decision, an expiry and a withdrawal are results. Cancelling ctx withdraws the case and waits for that; where the
// parent ends in another way, the case goes on. A reference that has a case already is a
// *temporal.ChildWorkflowExecutionAlreadyStartedError, and an order that is not valid a *RefusedError.
func RunChild(ctx workflow.Context, o StartOptions) (view kyc.View, err error) {
	if err := o.Validate(); err != nil {
		return kyc.View{}, &RefusedError{Type: workflows.RefusedInvalid, Reason: err.Error()}
	}
	as := startOptions(o, workflow.Now(ctx))
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: as.ID, TaskQueue: as.TaskQueue, WorkflowIDReusePolicy: as.WorkflowIDReusePolicy,
		ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON, WaitForCancellation: true,
		TypedSearchAttributes: as.TypedSearchAttributes, StaticSummary: as.StaticSummary, Priority: as.Priority,
	})
	err = workflow.ExecuteChildWorkflow(ctx, workflows.Type, input(o)).Get(ctx, &view)
	return view, err
}
