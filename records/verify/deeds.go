package verify

import (
	"errors"
	"fmt"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"
)

// deeds are what workflow code did in a replay.
type deeds struct {
	interceptor.WorkerInterceptorBase
	commands []command
	updates  map[string]*commonpb.Payloads // answers, by the id of the update
	result   *commonpb.Payloads            // or the input of the next run
}

// command is something that workflow code asked for, or a history event of it.
type command struct {
	task      int64 // of a deed: the event that began the workflow task
	completed int64 // of an event: the event that completed it
	kind      string
	name      string
	input     *commonpb.Payloads
	after     time.Duration // of a timer
}

const (
	kindActivity = "activity"
	kindChild    = "child workflow"
	kindSignal   = "signal to"
	kindTimer    = "timer"
)

// is reports whether a deed is what an event has.
func (c command) is(event command) bool {
	_, same := samePayloads(event.input, c.input)
	return c.kind == event.kind && c.name == event.name && c.after == event.after && same
}

// explain says how an event differs from the deeds that it could have been.
func (c command) explain(deeds []command) string {
	i := slices.IndexFunc(deeds, func(d command) bool { return d.kind == c.kind && d.name == c.name })
	switch {
	case i < 0:
		return fmt.Sprintf("this build does not do the recorded %s %s", c.kind, c.name)
	case c.kind == kindTimer:
		return fmt.Sprintf("the recorded timer is %s, this build sets %s", c.after, deeds[i].after)
	}
	at, _ := samePayloads(c.input, deeds[i].input)
	return fmt.Sprintf("the input of the %s %s differs in byte %d from this build's", c.kind, c.name, at)
}

// commandOf is what an event says was asked for.
func commandOf(e *historypb.HistoryEvent) (command, bool) {
	switch {
	case e.GetActivityTaskScheduledEventAttributes() != nil:
		a := e.GetActivityTaskScheduledEventAttributes()
		return command{completed: a.GetWorkflowTaskCompletedEventId(), kind: kindActivity,
			name: a.GetActivityType().GetName(), input: a.GetInput()}, true
	case e.GetStartChildWorkflowExecutionInitiatedEventAttributes() != nil:
		a := e.GetStartChildWorkflowExecutionInitiatedEventAttributes()
		return command{completed: a.GetWorkflowTaskCompletedEventId(), kind: kindChild,
			name: a.GetWorkflowType().GetName(), input: a.GetInput()}, true
	case e.GetSignalExternalWorkflowExecutionInitiatedEventAttributes() != nil:
		a := e.GetSignalExternalWorkflowExecutionInitiatedEventAttributes()
		return command{completed: a.GetWorkflowTaskCompletedEventId(), kind: kindSignal,
			name: a.GetWorkflowExecution().GetWorkflowId() + " " + a.GetSignalName(), input: a.GetInput()}, true
	case e.GetTimerStartedEventAttributes() != nil:
		a := e.GetTimerStartedEventAttributes()
		return command{completed: a.GetWorkflowTaskCompletedEventId(), kind: kindTimer,
			after: a.GetStartToFireTimeout().AsDuration()}, true
	}
	return command{}, false
}

// of are the deeds of one workflow task, in their order.
func (d *deeds) of(task int64) (done []command) {
	for _, c := range d.commands {
		if c.task == task {
			done = append(done, c)
		}
	}
	return done
}

// until replaces the deeds in front of a history event by those of another replay.
func (d *deeds) until(event int64, before *deeds) {
	d.commands = slices.DeleteFunc(d.commands, func(c command) bool { return c.task < event })
	earlier := slices.DeleteFunc(before.commands, func(c command) bool { return c.task >= event })
	d.commands = slices.Concat(earlier, d.commands)
}

func (d *deeds) note(ctx workflow.Context, kind, name string, after time.Duration, args ...any) {
	d.commands = append(d.commands, command{task: int64(workflow.GetInfo(ctx).GetCurrentHistoryLength()),
		kind: kind, name: name, after: after, input: payloads(args...)})
}

// payloads are values as Temporal is given them; nil for what has no such form.
func payloads(values ...any) *commonpb.Payloads {
	all, err := converter.GetDefaultDataConverter().ToPayloads(values...)
	if err != nil {
		return nil
	}
	return all
}

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (d *deeds) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor,
) interceptor.WorkflowInboundInterceptor {
	i := &inbound{deeds: d}
	i.Next = next
	return i
}

// inbound sees what workflow code is called for.
type inbound struct {
	interceptor.WorkflowInboundInterceptorBase
	deeds *deeds
}

func (i *inbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	o := &outbound{deeds: i.deeds}
	o.Next = next
	return i.Next.Init(o)
}

func (i *inbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	result, err := i.Next.ExecuteWorkflow(ctx, in)
	again, isAgain := errors.AsType[*workflow.ContinueAsNewError](err)
	switch {
	case isAgain:
		i.deeds.result = again.Input
	case err == nil:
		i.deeds.result = payloads(result)
	}
	return result, err
}

func (i *inbound) ExecuteUpdate(ctx workflow.Context, in *interceptor.UpdateInput) (any, error) {
	answer, err := i.Next.ExecuteUpdate(ctx, in)
	if err == nil {
		if i.deeds.updates == nil {
			i.deeds.updates = map[string]*commonpb.Payloads{}
		}
		i.deeds.updates[workflow.GetCurrentUpdateInfo(ctx).ID] = payloads(answer)
	}
	return answer, err
}

// outbound sees what workflow code asks for.
type outbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	deeds *deeds
}

func (o *outbound) ExecuteActivity(ctx workflow.Context, activity string, args ...any) workflow.Future {
	o.deeds.note(ctx, kindActivity, activity, 0, args...)
	return o.Next.ExecuteActivity(ctx, activity, args...)
}

func (o *outbound) ExecuteChildWorkflow(ctx workflow.Context, child string, args ...any) workflow.ChildWorkflowFuture {
	o.deeds.note(ctx, kindChild, child, 0, args...)
	return o.Next.ExecuteChildWorkflow(ctx, child, args...)
}

func (o *outbound) SignalExternalWorkflow(ctx workflow.Context, id, run, signal string, arg any) workflow.Future {
	o.deeds.note(ctx, kindSignal, id+" "+signal, 0, arg)
	return o.Next.SignalExternalWorkflow(ctx, id, run, signal, arg)
}

func (o *outbound) NewTimer(ctx workflow.Context, after time.Duration) workflow.Future {
	o.deeds.note(ctx, kindTimer, "", after)
	return o.Next.NewTimer(ctx, after)
}

func (o *outbound) NewTimerWithOptions(ctx workflow.Context, after time.Duration, t workflow.TimerOptions,
) workflow.Future {
	o.deeds.note(ctx, kindTimer, "", after)
	return o.Next.NewTimerWithOptions(ctx, after, t)
}
