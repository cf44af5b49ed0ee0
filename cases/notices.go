package cases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"durablekyc.example/workflows"
)

// Events returns the notifications of a case, oldest first, and what
// became of each. Empty if there were none; ErrNotFound if
// there is no case. A notifier that has ended needs no worker to be asked.
func (c Client) Events(ctx context.Context, reference string) ([]workflows.Event, error) {
	d, err := c.Temporal.DescribeWorkflowExecution(ctx, workflows.NotifyID(reference), "")
	if err = translate(ctx, err); errors.Is(err, ErrNotFound) {
		if _, err = c.Describe(ctx, reference); err == nil {
			return []workflows.Event{}, nil
		}
		return c.recordedEvents(ctx, reference, err)
	}
	if err != nil {
		return nil, err
	}
	switch state := RunStateOf(d.GetWorkflowExecutionInfo().GetStatus()); {
	case !state.Open():
		ledger, err := c.ledger(ctx, reference)
		return ledger.Events(), err
	case state == RunPaused:
		return nil, pausedError(d)
	}
	value, err := c.Temporal.QueryWorkflow(ctx, workflows.NotifyID(reference), "", workflows.QueryEvents)
	if err != nil {
		return nil, c.explainRun(ctx, workflows.NotifyID(reference), translate(ctx, err))
	}
	var events []workflows.Event
	if err := value.Get(&events); err != nil {
		return nil, fmt.Errorf("cannot read the notifications: %w", err)
	}
	return pending(events, d.GetPendingActivities()), nil
}

// recordedEvents are the events of a case that Temporal has forgotten.
func (c Client) recordedEvents(ctx context.Context, reference string, unknown error) ([]workflows.Event, error) {
	r, err := c.recorded(ctx, reference, unknown)
	switch {
	case err != nil:
		return nil, err
	case r.Notifier.Broken():
		return nil, &EndedError{r.Notifier}
	}
	return r.Events, nil
}

// pending adds what only the server knows: attempts leave no trace in a
// notifier until the last one. The error's type is the answer, in clear.
func pending(events []workflows.Event, activities []*workflowpb.PendingActivityInfo) []workflows.Event {
	for _, a := range activities {
		for i := range events {
			for j := range events[i].Receipts {
				r := &events[i].Receipts[j]
				if !r.Pending || !workflows.IsDelivery(a.GetActivityId(), events[i].ID, r.Receiver) {
					continue
				}
				if answer := a.GetLastFailure().GetApplicationFailureInfo().GetType(); answer != "" {
					r.Answer = answer
				}
				if next := a.GetNextAttemptScheduleTime(); next != nil {
					r.NextAt = next.AsTime()
				}
				// The attempt counted last is still to come, or under way.
				r.Attempts += max(int(a.GetAttempt())-1, 0)
			}
		}
	}
	return events
}

// Redirect sends the caller's events to another webhookUrl from now on, and
// sends again what Resend would. open reports whether the case was open, so that
// later events go there, too; of a closed case there are none. With nothing to
// send again it is a *RefusedError for a closed case only.
func (c Client) Redirect(ctx context.Context, reference, id, webhookURL string) (events []workflows.Event, open bool,
	err error) {
	_, err = c.update(ctx, reference, workflows.UpdateWebhook, "", webhookURL)
	if err != nil && !errors.Is(err, ErrEnded) && !isRefusal(err, workflows.RefusedEnded) {
		return nil, false, err
	}
	open = err == nil
	events, err = c.resend(ctx, reference, id, webhookURL)
	if open && isRefusal(err, workflows.RefusedNotWanted) {
		events, err = c.Events(ctx, reference)
	}
	return events, open, err
}

// isRefusal reports whether the case refused for this reason.
func isRefusal(err error, reason string) bool {
	refused, isRefused := errors.AsType[*RefusedError](err)
	return isRefused && refused.Type == reason
}

// Resend sends an event again, by its id or number, or without one every event
// that was not delivered, at once and under the same id. A notifier that has ended is
// started again from its result.
func (c Client) Resend(ctx context.Context, reference, id string) ([]workflows.Event, error) {
	return c.resend(ctx, reference, id, "")
}

// resend is Resend, to a new webhookUrl unless that is empty.
func (c Client) resend(ctx context.Context, reference, id, webhookURL string) ([]workflows.Event, error) {
	var events []workflows.Event
	args := []any{id}
	if webhookURL != "" {
		args = append(args, webhookURL)
	}
	handle, err := c.Temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.NotifyID(reference), UpdateName: workflows.UpdateResend, Args: args,
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, &events)
	}
	if err = c.explainRun(ctx, workflows.NotifyID(reference), translate(ctx, err)); !errors.Is(err, ErrNotFound) {
		return events, err
	}
	ledger, err := c.ledger(ctx, reference)
	if errors.Is(err, ErrNotFound) {
		if _, err := c.Describe(ctx, reference); err != nil {
			if _, err = c.recorded(ctx, reference, err); err != nil {
				return nil, err
			}
			return nil, &RefusedError{Type: workflows.RefusedNotWanted,
				Reason: "Temporal has forgotten the case: its events are on record, and are not sent again"}
		}
		return nil, &RefusedError{Type: workflows.RefusedNotWanted, Reason: "the case has sent no notification"}
	}
	if err != nil {
		return nil, err
	}
	if webhookURL != "" {
		ledger.Redirect(id, webhookURL)
	}
	if err := ledger.Resend(id); err != nil {
		return nil, translate(ctx, err)
	}
	_, err = c.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.NotifyID(reference), TaskQueue: workflows.TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            workflows.NotifySummary(reference), StaticDetails: workflows.NotifyDetails(
			reference),
	}, workflows.NotifyType, ledger)
	if _, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return nil, fmt.Errorf("%w: another resend is in progress", ErrUnavailable)
	}
	return ledger.Events(), translate(ctx, err)
}

// ledger is what the latest notifier knew when it ended.
func (c Client) ledger(ctx context.Context, reference string) (workflows.NotifierState, error) {
	return c.ledgerOf(ctx, reference, "")
}

// ledgerOf reads the result of a notifier that has ended. One that was ended
// from outside has none, and is asked: that takes a worker.
func (c Client) ledgerOf(ctx context.Context, reference, run string) (workflows.NotifierState, error) {
	var (
		ledger workflows.NotifierState
	)
	err := c.Temporal.GetWorkflow(ctx, workflows.NotifyID(reference), run).Get(ctx, &ledger)
	_, isFailed := errors.AsType[*temporal.WorkflowExecutionError](err)
	if !isFailed {
		return ledger, translate(ctx, err)
	}
	value, err := c.Temporal.QueryWorkflow(ctx, workflows.NotifyID(reference), run, workflows.QueryLedger)
	if err == nil {
		return ledger, value.Get(&ledger)
	}
	d, err := c.Temporal.DescribeWorkflowExecution(ctx, workflows.NotifyID(reference), run)
	if err != nil {
		return workflows.NotifierState{}, translate(ctx, err)
	}
	return workflows.NotifierState{}, &EndedError{RunStateOf(d.GetWorkflowExecutionInfo().GetStatus())}
}

// Recall is what the notifiers of this reference knew before this run of one. It
// finds them by visibility: each was started long before its successor, or has
// reported nothing that is not reported again.
func (c Client) Recall(ctx context.Context, reference, run string) (workflows.NotifierState, error) {
	answer, err := c.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowId = '%s'", workflows.NotifyID(reference)), PageSize: openPage})
	if err != nil {
		return workflows.NotifierState{}, translate(ctx, err)
	}
	runs := answer.GetExecutions()
	slices.SortStableFunc(runs, func(a, b *workflowpb.WorkflowExecutionInfo) int {
		return b.GetStartTime().AsTime().Compare(a.GetStartTime().AsTime()) // the latest first
	})
	known, untaken := workflows.NotifierState{Reference: reference}, []workflows.Report(nil)
	for _, e := range runs {
		if e.GetExecution().GetRunId() == run || e.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW {
			continue
		}
		ledger, err := c.ledgerOf(ctx, reference, e.GetExecution().GetRunId())
		if errors.Is(err, ErrNotFound) {
			continue // deleted
		}
		if err != nil {
			return workflows.NotifierState{}, err
		}
		if ledger.Recall == nil {
			known = ledger
			break
		}
		untaken = append(untaken, *ledger.Recall) // it was ended before it had recalled anything
	}
	for _, report := range slices.Backward(untaken) {
		known.Take(report, time.Now())
	}
	return known, nil
}
