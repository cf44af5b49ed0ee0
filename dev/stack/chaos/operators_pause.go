package main

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/records/recorder"
	"durablekyc.example/workflows"
)

// pauseCase pauses a case until the operator comes by again, or the faults are over.
func (o *operator) pauseCase(ctx context.Context, s *caseRecord) error {
	id := workflows.ID(s.reference)
	o.paused[s.reference] = func(ctx context.Context) error {
		_, err := o.temporal.UnpauseWorkflowExecution(ctx, &workflowservice.UnpauseWorkflowExecutionRequest{
			Namespace: embedded.Namespace, WorkflowId: id, RequestId: crand.Text()})
		return err
	}
	_, err := o.temporal.PauseWorkflowExecution(ctx, &workflowservice.PauseWorkflowExecutionRequest{
		Namespace: embedded.Namespace, WorkflowId: id, Reason: "chaos", RequestId: crand.Text()})
	if refused(err) {
		delete(o.paused, s.reference)
	}
	return err
}

// pauseActivity does the same to a pending activity of a case.
func (o *operator) pauseActivity(ctx context.Context, s *caseRecord) error {
	target := execution(workflows.ID(s.reference))
	d, err := o.describe(ctx, target.WorkflowId)
	if err != nil {
		return err
	}
	if len(d.GetPendingActivities()) == 0 {
		return errNotNow
	}
	activity := d.GetPendingActivities()[0].GetActivityId()
	o.paused[s.reference] = func(ctx context.Context) error {
		_, err := o.temporal.UnpauseActivity(ctx, &workflowservice.UnpauseActivityRequest{
			Namespace: embedded.Namespace, Execution: target,
			Activity: &workflowservice.UnpauseActivityRequest_Id{Id: activity}})
		return err
	}
	_, err = o.temporal.PauseActivity(ctx, &workflowservice.PauseActivityRequest{
		Namespace: embedded.Namespace, Execution: target, Reason: "chaos", RequestId: crand.Text(),
		Activity: &workflowservice.PauseActivityRequest_Id{Id: activity}})
	if refused(err) {
		delete(o.paused, s.reference)
	}
	return err
}

// unpause ends what was paused. What has ended by itself needs nothing.
func (o *operator) unpause(ctx context.Context, reference string) (err error) {
	for range 60 { // Temporal may have been killed
		if err = o.paused[reference](ctx); err == nil || refused(err) {
			delete(o.paused, reference)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s stays paused: %w", reference, err)
}

// settled is how long after its end a case has nothing more on its way to
// ConnectFi: docs/operators.md asks operators to wait that long before they start
// a deleted case again. Temporal is quicker to delete what is as old, too.
const settled = time.Minute

// remove deletes a closed case and its notifier, as the end of retention does:
// once all its runs are on record. Its caller asks for it again afterwards.
func (o *operator) remove(ctx context.Context, s *caseRecord) error {
	d, err := o.describe(ctx, workflows.ID(s.reference))
	if err != nil {
		return err
	}
	closed := d.GetWorkflowExecutionInfo().GetCloseTime()
	record := recorder.Name(s.reference, d.GetWorkflowExecutionInfo().GetExecution().GetRunId())
	if recorded, err := o.onRecord(ctx, s.reference, record); err != nil || !recorded {
		return errNotNow
	}
	o.world.mu.Lock()
	defer o.world.mu.Unlock()
	if closed == nil || time.Since(closed.AsTime()) < settled || !s.accepted {
		return errNotNow
	}
	s.accepted, s.absent, s.deleted = false, true, record
	o.deletions.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute)
		defer cancel()
		o.note(o.delete(ctx, workflows.ID(s.reference)))
		o.note(o.delete(ctx, workflows.NotifyID(s.reference)))
		o.world.mu.Lock()
		defer o.world.mu.Unlock()
		s.forgotten = true
	})
	return nil
}

// delete makes Temporal forget a workflow, and returns once it has. One that runs
// is left alone: a notifier may be delivering still.
func (o *operator) delete(ctx context.Context, id string) error {
	for i := 0; ; i++ {
		d, err := o.describe(ctx, id)
		_, isMissing := errors.AsType[*serviceerror.NotFound](err)
		if isMissing || err == nil && d.GetWorkflowExecutionInfo().GetCloseTime() == nil {
			return nil
		}
		if err == nil && i%60 == 0 { // every half minute, should the answer or the task be lost
			_, err = o.temporal.DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
				Namespace: embedded.Namespace, WorkflowExecution: execution(id)})
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was not deleted: %w", id, errors.Join(ctx.Err(), err))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (o *operator) describe(ctx context.Context, id string) (
	*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return o.temporal.DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: embedded.Namespace, Execution: execution(id)})
}
