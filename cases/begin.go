package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/workflows"
)

// StartAsync starts the case, or finds it, and waits for nothing: it needs no worker
// and is one action, where the update that Start waits for is a second one. The
// same reference for another customer is a *RefusedError, as with Start, and a
// case that was ended in Temporal an *EndedError. data
// is the converter that Temporal was dialled with, which the SDK does not lend.
//
// An attempt whose answer is lost may have started the case: the next one then
// finds it.
func (c Client) StartAsync(ctx context.Context, o StartOptions, data converter.DataConverter) (found bool, err error) {
	if err := o.Validate(); err != nil {
		return false, &RefusedError{Type: workflows.RefusedInvalid, Reason: err.Error()}
	}
	if _, found, err = c.closedBefore(ctx, o); found || err != nil {
		return found, err
	}
	options := startOptions(o, time.Now())
	// An existing case has to be distinguished from a new one, running or closed alike: with
	// USE_EXISTING the SDK answers both the same.
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	_, err = c.Temporal.ExecuteWorkflow(ctx, options, workflows.Type, input(o))
	if _, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); !ok {
		return false, translate(ctx, err)
	}
	info, err := c.describe(ctx, o.Reference)
	if err != nil {
		return false, err
	}
	if state := RunStateOf(info.GetStatus()); state.Broken() {
		return true, &EndedError{state}
	}
	customer, err := c.customer(ctx, o.Reference, data)
	if err != nil {
		return false, err
	}
	if customer != o.CustomerID {
		return true, &RefusedError{Type: workflows.RefusedOtherCustomer, Reason: workflows.OtherCustomer}
	}
	return true, nil
}

// customer reads off the first event of a case whom it is about. Every run
// begins with the whole input, so the latest one does. It costs no action and
// needs no worker, whether the case is running or closed.
func (c Client) customer(ctx context.Context, reference string, data converter.DataConverter) (string, error) {
	event, err := c.Temporal.GetWorkflowHistory(ctx, workflows.ID(reference), "", false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
	if err != nil {
		return "", translate(ctx, err)
	}
	var in workflows.Input
	data = converter.WithDataConverterSerializationContext(data,
		converter.WorkflowSerializationContext{WorkflowID: workflows.ID(reference)})
	if err := data.FromPayloads(event.GetWorkflowExecutionStartedEventAttributes().GetInput(), &in); err != nil {
		return "", fmt.Errorf("the case exists, but its customer cannot be read: %w", err)
	}
	return in.CustomerID, nil
}
