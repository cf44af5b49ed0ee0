package main

import (
	"context"
	crand "crypto/rand"
	"errors"
	"math/rand/v2"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/workflows"
)

// button is what an operator presses in Temporal's UI, or types with its CLI.
type button string

// The buttons. A reset goes to the start, the middle or the end of a run. Deleting
// is what retention does to a closed case.
const (
	pressCancel        button = "cancel"
	pressTerminate     button = "terminate"
	pressReset         button = "reset"
	pressPause         button = "pause"
	pressPauseActivity button = "pause activity"
	pressSignal        button = "signal in plaintext"
	pressDelete        button = "delete"
)

// buttons lists how often each is pressed, of a hundred times, and what it does.
var buttons = []struct {
	button button
	share  int
	do     func(*operator, context.Context, *caseRecord) error
}{
	{pressReset, 36, (*operator).reset},
	{pressSignal, 16, (*operator).signal},
	{pressPauseActivity, 12, (*operator).pauseActivity},
	{pressPause, 8, (*operator).pauseCase},
	{pressCancel, 8, (*operator).cancel},
	{pressTerminate, 10, (*operator).terminate},
	{pressDelete, 10, (*operator).remove},
}

// press is a button that was pressed on a case. If Temporal did not answer, it is
// not sure that anything happened.
type press struct {
	button button
	sure   bool
}

// operator presses buttons on cases in any stage, and on closed ones.
type operator struct {
	*nemesis
	dice   *rand.Rand                             // of its own, so that the seed alone decides what is drawn
	paused map[string]func(context.Context) error // by reference: what ends the pause
}

// operate presses as many buttons as the settings say, over the time of the faults.
func (n *nemesis) operate(ctx context.Context) {
	o := &operator{nemesis: n, dice: rand.New(rand.NewPCG(n.Seed, 0x0B5E55ED)),
		paused: map[string]func(context.Context) error{}}
	subjects := n.all()
	every := n.Over / time.Duration(max(n.Operators, 1))
	for i := range n.Operators {
		began := time.Now()
		at := o.dice.IntN(100)
		// Cases are started in this order: the first ones exist by now.
		known := max(len(subjects)*(i+1)/n.Operators, 1)
		for range 20 { // until there is a case with this button
			if o.press(ctx, at, subjects[o.dice.IntN(known)]) {
				break
			}
		}
		time.Sleep(every - time.Since(began))
	}
	for reference := range o.paused {
		n.note(o.unpause(ctx, reference))
	}
}

// press presses the button that a number below 100 stands for, and reports whether
// that may have done something.
func (o *operator) press(ctx context.Context, at int, s *caseRecord) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if o.absent(s) || o.paused[s.reference] != nil && o.unpause(ctx, s.reference) != nil {
		return false
	}
	which := 0
	for ; at >= buttons[which].share; which++ {
		at -= buttons[which].share
	}
	b := buttons[which]
	err := b.do(o, ctx, s)
	if refused(err) {
		return false
	}
	o.count("operator: " + string(b.button))
	o.world.mu.Lock()
	defer o.world.mu.Unlock()
	s.pressed = append(s.pressed, press{b.button, err == nil})
	return true
}

// absent reports whether a case was deleted, and nobody has asked for it since.
func (o *operator) absent(s *caseRecord) bool {
	o.world.mu.Lock()
	defer o.world.mu.Unlock()
	return s.absent
}

// errNotNow means that the case has no such button in the state that it is in.
var errNotNow = errors.New("there is nothing to press")

// refused reports whether nothing happened, because Temporal or errNotNow says so.
func refused(err error) bool {
	_, isMissing := errors.AsType[*serviceerror.NotFound](err)
	_, isImpossible := errors.AsType[*serviceerror.FailedPrecondition](err)
	_, isInvalid := errors.AsType[*serviceerror.InvalidArgument](err)
	return errors.Is(err, errNotNow) || isMissing || isImpossible || isInvalid
}

func execution(id string) *commonpb.WorkflowExecution {
	return &commonpb.WorkflowExecution{WorkflowId: id}
}

func (o *operator) cancel(ctx context.Context, s *caseRecord) error {
	_, err := o.temporal.RequestCancelWorkflowExecution(ctx, &workflowservice.RequestCancelWorkflowExecutionRequest{
		Namespace: embedded.Namespace, WorkflowExecution: execution(workflows.ID(s.reference)), RequestId: crand.Text()})
	return err
}

func (o *operator) terminate(ctx context.Context, s *caseRecord) error {
	_, err := o.temporal.TerminateWorkflowExecution(ctx, &workflowservice.TerminateWorkflowExecutionRequest{
		Namespace: embedded.Namespace, WorkflowExecution: execution(workflows.ID(s.reference)), Reason: "chaos"})
	return err
}

// signal sends the callback as an operator types it: without input, or with some JSON.
func (o *operator) signal(ctx context.Context, s *caseRecord) error {
	var input *commonpb.Payloads
	if typed := []string{"", "{}", `"now"`, `{"requestId":7}`}[o.dice.IntN(4)]; typed != "" {
		input = &commonpb.Payloads{Payloads: []*commonpb.Payload{{
			Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(typed)}}}
	}
	_, err := o.temporal.SignalWorkflowExecution(ctx, &workflowservice.SignalWorkflowExecutionRequest{
		Namespace: embedded.Namespace, WorkflowExecution: execution(workflows.ID(s.reference)),
		SignalName: workflows.SignalCallback, Input: input, RequestId: crand.Text()})
	return err
}

// reset goes back to the first, the middle or the last workflow task of an open
// or closed case. One in three leaves out the signals, updates and requests for
// cancellation that came since.
func (o *operator) reset(ctx context.Context, s *caseRecord) error {
	tasks, err := o.completedTasks(ctx, workflows.ID(s.reference))
	if err != nil {
		return err
	}
	if len(tasks) == 0 {
		return errNotNow
	}
	var exclude []enumspb.ResetReapplyExcludeType
	if o.dice.IntN(3) == 0 {
		exclude = []enumspb.ResetReapplyExcludeType{enumspb.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL,
			enumspb.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE, enumspb.RESET_REAPPLY_EXCLUDE_TYPE_CANCEL_REQUEST}
	}
	to := []int{0, len(tasks) / 2, len(tasks) - 1}[o.dice.IntN(3)]
	_, err = o.temporal.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: embedded.Namespace, WorkflowExecution: execution(workflows.ID(s.reference)),
		Reason: "chaos", RequestId: crand.Text(), WorkflowTaskFinishEventId: tasks[to],
		ResetReapplyType: enumspb.RESET_REAPPLY_TYPE_ALL_ELIGIBLE, ResetReapplyExcludeTypes: exclude})
	return err
}

// completedTasks lists the events to which a run can be reset, from its first page.
func (o *operator) completedTasks(ctx context.Context, id string) (tasks []int64, err error) {
	h, err := o.temporal.GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace: embedded.Namespace, Execution: execution(id)})
	for _, e := range h.GetHistory().GetEvents() {
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			tasks = append(tasks, e.GetEventId())
		}
	}
	return tasks, err
}
