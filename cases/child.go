package cases

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// ActivityClosedCase is the activity by which RunChild asks whether a case has ended already.
const ActivityClosedCase = "ClosedCase"

// lookupTimeout bounds one attempt of ActivityClosedCase: some calls to Temporal and to the bucket of records.
const lookupTimeout = 30 * time.Second

// ClosedQuestion asks for the case of an order, if it has ended.
type ClosedQuestion struct {
	Reference  string `json:"reference"`
	CustomerID string `json:"customerId"`
	WebhookURL string `json:"webhookUrl,omitempty"`
}

// RunChild runs a case as a child of the workflow that calls it, and waits for its end. The worker of that workflow
// is in the namespace of cases and made of Client.Temporal, so that its payloads are encrypted as theirs are; elsewhere
// the Nexus operation does the same (docs/nexus.md).
//
// A case that has ended is not started again: RunChild returns its result, also once Temporal has forgotten it and only
// a record is left. An activity on the task queue of cases finds that out first.
//
// A decision, an expiry and a withdrawal are results. Cancelling ctx withdraws the case and waits for that; where the
// parent ends in another way, the case goes on. A reference whose case is open is a
// *temporal.ChildWorkflowExecutionAlreadyStartedError, an order that is not valid or that names another customer a
// *RefusedError, and a case that was ended in Temporal an error of the type workflows.CheckEnded.
func RunChild(ctx workflow.Context, o StartOptions) (view kyc.View, err error) {
	if err := o.Validate(); err != nil {
		return kyc.View{}, &RefusedError{Type: workflows.RefusedInvalid, Reason: err.Error()}
	}
	switch closed, err := closedOf(ctx, o); {
	case err != nil:
		return kyc.View{}, err
	case closed != nil:
		return *closed, nil
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

// closedOf asks for the case of an order, for as long as it takes to get an answer: nil if it has none that has ended.
func closedOf(ctx workflow.Context, o StartOptions) (closed *kyc.View, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{TaskQueue: workflows.TaskQueue,
		StartToCloseTimeout: lookupTimeout, Priority: o.Priority.Options()})
	err = workflow.ExecuteActivity(ctx, ActivityClosedCase, ClosedQuestion{Reference: o.Reference,
		CustomerID: o.CustomerID, WebhookURL: o.WebhookURL}).Get(ctx, &closed)
	if refused, ok := errors.AsType[*temporal.ApplicationError](err); ok && refused.Type() != workflows.CheckEnded {
		return nil, &RefusedError{Type: refused.Type(), Reason: refused.Message()}
	}
	return closed, err
}

// RegisterActivities registers what RunChild needs, in the worker of cases.
func (c Client) RegisterActivities(r worker.ActivityRegistry) {
	r.RegisterActivityWithOptions(c.closedFor, activity.RegisterOptions{Name: ActivityClosedCase})
}

// closedFor is ActivityClosedCase.
func (c Client) closedFor(ctx context.Context, q ClosedQuestion) (*kyc.View, error) {
	view, found, err := c.closedCase(ctx, StartOptions{Reference: q.Reference, CustomerID: q.CustomerID,
		WebhookURL: q.WebhookURL})
	refused, isRefused := errors.AsType[*RefusedError](err)
	broken, isBroken := errors.AsType[*EndedError](err)
	switch {
	case isRefused:
		return nil, temporal.NewNonRetryableApplicationError(refused.Reason, refused.Type, nil)
	case isBroken:
		return nil, temporal.NewNonRetryableApplicationError("the case "+broken.Error(), workflows.CheckEnded, nil)
	case err != nil || !found:
		return nil, err
	}
	return &view, nil
}
