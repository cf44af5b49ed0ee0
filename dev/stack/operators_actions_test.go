package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	activitypb "go.temporal.io/api/activity/v1"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/workflows"
)

// action is a button, pressed by the call that Temporal's UI and CLI make.
type action struct {
	name     string // as docs/operators.md has it
	press    func(ctx context.Context, c *cell) error
	later    func(ctx context.Context, c *cell) error // pressed once ConnectFi has decided; nil is nothing
	soon     bool                                     // later is before ConnectFi decides
	activity bool                                     // it is pressed on an activity: one must be pending
	always   bool                                     // tried at every moment, for individuals
}

const byOperator = "an operator"

var everyAction = []action{
	{name: "Request Cancellation", always: true, press: func(ctx context.Context, c *cell) error {
		_, err := c.rpc().RequestCancelWorkflowExecution(ctx, &workflowservice.RequestCancelWorkflowExecutionRequest{
			Namespace: embedded.Namespace, WorkflowExecution: c.execution(), Identity: byOperator, RequestId: rand.Text()})
		return err
	}},
	{name: "Terminate", always: true, press: func(ctx context.Context, c *cell) error {
		_, err := c.rpc().TerminateWorkflowExecution(ctx, &workflowservice.TerminateWorkflowExecutionRequest{
			Namespace: embedded.Namespace, WorkflowExecution: c.execution(), Identity: byOperator, Reason: "tried"})
		return err
	}},
	{name: "Reset to the first workflow task", always: true, press: resetTo(first)},
	{name: "… without signals and updates", press: resetTo(first, withoutMessages...)},
	{name: "Reset to a workflow task in the middle", press: resetTo(middle)},
	{name: "Reset to the last workflow task", press: resetTo(last)},
	{name: "… without signals and updates (last)", press: resetTo(last, withoutMessages...)},
	{name: "Send signal `callback`", always: true, press: func(ctx context.Context, c *cell) error {
		return c.signal(ctx, workflows.SignalCallback, []string{"{}", "", `"now"`,
			`{"requestId":7,"more":[null]}`}[c.number%4])
	}},
	{name: "Send signal of another name", press: func(ctx context.Context, c *cell) error {
		return c.signal(ctx, "wake-up", `{"please":true}`)
	}},
	{name: "Send update `withdraw`", press: func(ctx context.Context, c *cell) error {
		return c.update(ctx,
			workflows.UpdateWithdraw, "")
	}},
	{name: "Send update in plaintext", press: func(ctx context.Context, c *cell) error {
		err := c.update(ctx, workflows.UpdateSubmit, `{"entity":"cstap_1"}`)
		if c.stage.closed {
			return err
		}
		if !errors.Is(err, errUpdateRefused) {
			return fmt.Errorf("an update in plaintext was not refused: %w", err)
		}
		return nil
	}},
	{name: "Pause, later Unpause", press: pause, later: unpause},
	{name: "Pause activity, later Unpause", activity: true, press: pauseActivity, later: unpauseActivity},
	{name: "Reset activity", activity: true, press: func(ctx context.Context, c *cell) error {
		id, err := c.pendingActivity(ctx)
		if err != nil {
			return err
		}
		_, err = c.rpc().ResetActivity(ctx, &workflowservice.ResetActivityRequest{Namespace: embedded.Namespace,
			Execution: c.execution(), Identity: byOperator,
			Activity: &workflowservice.ResetActivityRequest_Id{Id: id}})
		return c.unlessOver(err)
	}},
	{name: "Update activity options", activity: true, press: func(ctx context.Context, c *cell) error {
		id, err := c.pendingActivity(ctx)
		if err != nil {
			return err
		}
		_, err = c.rpc().UpdateActivityOptions(ctx,
			&workflowservice.UpdateActivityOptionsRequest{Namespace: embedded.Namespace, Execution: c.execution(),
				Identity:        byOperator,
				Activity:        &workflowservice.UpdateActivityOptionsRequest_Id{Id: id},
				ActivityOptions: &activitypb.ActivityOptions{StartToCloseTimeout: durationpb.New(20 * time.Second)},
				UpdateMask:      &fieldmaskpb.FieldMask{Paths: []string{"start_to_close_timeout"}}})
		return c.unlessOver(err)
	}},
	{name: "Start Workflow Like This One", press: startAlike},
	{name: "Delete, later start again", press: deleteIt, soon: true, later: startAgain},
}

var withoutMessages = []enumspb.ResetReapplyExcludeType{enumspb.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL,
	enumspb.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE}

// Which of the workflow tasks that were completed a run is reset to.
func first(int) int    { return 0 }
func middle(n int) int { return n / 2 }
func last(n int) int   { return n - 1 }

// resetTo gives a run's latest execution another life from a workflow task on.
func resetTo(which func(tasks int) int, exclude ...enumspb.ResetReapplyExcludeType) func(context.Context, *cell) error {
	return func(ctx context.Context, c *cell) error {
		var tasks []int64
		if err := patiently(ctx, "a completed workflow task", func() (bool, error) {
			h, err := c.history(ctx, "")
			if err != nil {
				return false, err
			}
			tasks = nil
			for _, e := range h.Events {
				if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
					tasks = append(tasks, e.GetEventId())
				}
			}
			return len(tasks) > 0, nil
		}); err != nil {
			return err
		}
		_, err := c.rpc().ResetWorkflowExecution(ctx,
			&workflowservice.ResetWorkflowExecutionRequest{Namespace: embedded.Namespace, WorkflowExecution: c.execution(),
				Reason: "tried", RequestId: rand.Text(), WorkflowTaskFinishEventId: tasks[which(len(tasks))], Identity: byOperator,
				ResetReapplyType: enumspb.RESET_REAPPLY_TYPE_ALL_ELIGIBLE, ResetReapplyExcludeTypes: exclude})
		return err
	}
}

// signal sends what an operator typed: nothing, or JSON that nobody encrypted.
func (c *cell) signal(ctx context.Context, name, typed string) error {
	_, err := c.rpc().SignalWorkflowExecution(ctx,
		&workflowservice.SignalWorkflowExecutionRequest{Namespace: embedded.Namespace, WorkflowExecution: c.execution(),
			SignalName: name, Input: plaintext(typed), Identity: byOperator, RequestId: rand.Text()})
	return err
}

func plaintext(typed string) *commonpb.Payloads {
	if typed == "" {
		return nil
	}
	return &commonpb.Payloads{Payloads: []*commonpb.Payload{{Metadata: map[string][]byte{"encoding": []byte("json/plain")},
		Data: []byte(typed)}}}
}

// errUpdateRefused is the case's own no.
var errUpdateRefused = errors.New("the update was refused")

func (c *cell) update(ctx context.Context, name, typed string) error {
	answer, err := c.rpc().UpdateWorkflowExecution(ctx,
		&workflowservice.UpdateWorkflowExecutionRequest{Namespace: embedded.Namespace, WorkflowExecution: c.execution(),
			WaitPolicy: &updatepb.WaitPolicy{LifecycleStage: enumspb.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED},
			Request: &updatepb.Request{Meta: &updatepb.Meta{UpdateId: rand.Text(), Identity: byOperator},
				Input: &updatepb.Input{Name: name, Args: plaintext(typed)}}})
	if err == nil && answer.GetOutcome().GetFailure() != nil {
		return fmt.Errorf("%w: %v", errUpdateRefused, answer.GetOutcome().GetFailure().GetMessage())
	}
	return err
}

func pause(ctx context.Context, c *cell) error {
	_, err := c.rpc().PauseWorkflowExecution(ctx,
		&workflowservice.PauseWorkflowExecutionRequest{Namespace: embedded.Namespace,
			WorkflowId: c.id(), Identity: byOperator, Reason: "tried", RequestId: rand.Text()})
	return err
}

func unpause(ctx context.Context, c *cell) error {
	_, err := c.rpc().UnpauseWorkflowExecution(ctx,
		&workflowservice.UnpauseWorkflowExecutionRequest{Namespace: embedded.Namespace,
			WorkflowId: c.id(), Identity: byOperator, Reason: "tried", RequestId: rand.Text()})
	return err
}

func pauseActivity(ctx context.Context, c *cell) error {
	id, err := c.pendingActivity(ctx)
	if err != nil {
		return err
	}
	_, err = c.rpc().PauseActivity(ctx, &workflowservice.PauseActivityRequest{Namespace: embedded.Namespace,
		Execution: c.execution(), Identity: byOperator, Reason: "tried",
		RequestId: rand.Text(), Activity: &workflowservice.PauseActivityRequest_Id{Id: id}})
	c.activity = id
	return c.unlessOver(err)
}

func unpauseActivity(ctx context.Context, c *cell) error {
	_, err := c.rpc().UnpauseActivity(ctx, &workflowservice.UnpauseActivityRequest{Namespace: embedded.Namespace,
		Execution: c.execution(), Identity: byOperator,
		ResetAttempts: c.number%2 == 0, Activity: &workflowservice.UnpauseActivityRequest_Id{Id: c.activity}})
	return c.unlessOver(err)
}

// startAlike starts another workflow of the same id with the same arguments.
func startAlike(ctx context.Context, c *cell) error {
	h, err := c.history(ctx, "")
	if err != nil {
		return err
	}
	before := h.Events[0].GetWorkflowExecutionStartedEventAttributes()
	_, err = c.rpc().StartWorkflowExecution(ctx,
		&workflowservice.StartWorkflowExecutionRequest{Namespace: embedded.Namespace, WorkflowId: c.id(),
			RequestId:    rand.Text(),
			WorkflowType: before.GetWorkflowType(), TaskQueue: &taskqueuepb.TaskQueue{Name: before.GetTaskQueue().GetName()},
			Input: before.GetInput(), Identity: byOperator})
	return err
}

// deleteIt removes a case and its history, as retention does.
func deleteIt(ctx context.Context, c *cell) error {
	if c.stage.closed {
		// Temporal deletes a case only after its own work of closing it, and tries again ever later until then.
		if err := patiently(ctx, "the closed case in the list", func() (bool, error) {
			n, err := c.own.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
				Query: fmt.Sprintf("WorkflowId = '%s' AND CloseTime IS NOT NULL", c.id())})
			return n.GetCount() > 0, err
		}); err != nil {
			return err
		}
	}
	_, err := c.rpc().DeleteWorkflowExecution(ctx,
		&workflowservice.DeleteWorkflowExecutionRequest{Namespace: embedded.Namespace, WorkflowExecution: c.execution()})
	if err != nil {
		return err
	}
	return patiently(ctx, "the history to go", func() (bool, error) {
		_, err := c.own.cases.Describe(ctx, c.reference)
		return errors.Is(err, cases.ErrNotFound), nil
	})
}

// startAgain is whoever wants the case, and finds none. An identification that
// was under way when it was deleted is over by then.
func startAgain(ctx context.Context, c *cell) error {
	if c.stage.name == "identifying" {
		time.Sleep(3 * slowness)
	}
	_, err := c.own.cases.Start(ctx, c.order())
	return err
}

// unlessOver forgives that an activity has ended just before it was pressed.
func (c *cell) unlessOver(err error) error {
	_, isGone := errors.AsType[*serviceerror.NotFound](err)
	if isGone && !c.stage.closed {
		return nil
	}
	return err
}
