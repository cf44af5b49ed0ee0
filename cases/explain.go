package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"durablekyc.example/workflows"
)

// Why a case did not answer. Each is ErrNoAnswer, too: what was asked may still happen.
var (
	ErrNoWorker = fmt.Errorf("no worker polls the task queue %q: %w", workflows.TaskQueue, ErrNoAnswer)
	ErrBusy     = fmt.Errorf("a worker is up; the case is still waiting for ConnectFi: %w", ErrNoAnswer)
)

const (
	// explainWithin bounds the questions about a case that did not answer.
	explainWithin = 3 * time.Second
	// pollsWithin is how long ago a worker that is up began its last poll: Temporal
	// answers each after a minute at the latest.
	pollsWithin = 75 * time.Second
	// taskWaits is how long a workflow task waits that no worker takes: one that is
	// up takes it within milliseconds.
	taskWaits = 2 * time.Second
)

// explain turns "no answer" into why: the case was ended or paused, is stuck, has
// no worker, or is waiting for ConnectFi. It asks Temporal, which costs no
// action, and not with what is left of ctx, since that is mostly nothing. What it
// cannot find out stays as it is.
func (c Client) explain(ctx context.Context, reference string, err error) error {
	return c.explainRun(ctx, workflows.ID(reference), err)
}

func (c Client) explainRun(ctx context.Context, id string, err error) error {
	_, isPrecondition := errors.AsType[*serviceerror.FailedPrecondition](err)
	_, isNotReady := errors.AsType[*serviceerror.WorkflowNotReady](err)
	unexplained := errors.Is(err, ErrNoAnswer) || isPrecondition || isNotReady
	if !unexplained || errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), explainWithin)
	defer cancel()
	d, unknown := c.Temporal.DescribeWorkflowExecution(asking, id, "")
	if unknown != nil {
		return err
	}
	switch state := RunStateOf(d.GetWorkflowExecutionInfo().GetStatus()); {
	case state.Broken():
		return &EndedError{state}
	case state == RunPaused:
		return pausedError(d)
	case !state.Open():
		return err
	}
	if stuck := c.stuck(asking, d); stuck != nil {
		return stuck
	}
	switch polled, unknown := c.polled(asking); {
	case unknown != nil:
		return err
	case !polled, waits(d):
		return fmt.Errorf("%w (%v)", ErrNoWorker, err)
	}
	return fmt.Errorf("%w (%v)", ErrBusy, err)
}

// polled reports whether a worker polls the queue of the cases.
func (c Client) polled(ctx context.Context) (bool, error) {
	d, err := c.Temporal.DescribeTaskQueue(ctx, workflows.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return false, err
	}
	for _, p := range d.GetPollers() {
		if time.Since(p.GetLastAccessTime().AsTime()) < pollsWithin {
			return true, nil
		}
	}
	return false, nil
}

// waits reports a workflow task that no worker takes: a worker that died has
// polled a moment ago, too.
func waits(d *workflowservice.DescribeWorkflowExecutionResponse) bool {
	task := d.GetPendingWorkflowTask()
	return task.GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED &&
		time.Since(task.GetScheduledTime().AsTime()) > taskWaits
}
