package replay

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"
)

// EndlessError is a history that this build never comes to the end of: its
// workflow code goes round without waiting for anything. A worker that took such
// a case over would spin, and its workflow task time out.
type EndlessError struct{ Events int }

func (e *EndlessError) Error() string {
	return fmt.Sprintf("the replay does not end: after %d events the workflow code loops without waiting", e.Events)
}

const (
	// A replay takes a few steps (waits, timers, activities) for each event of its
	// history; code that goes round takes a million a second, and memory for each.
	stepsAtFirst  = 2_000
	stepsPerEvent = 50
	replayWithin  = time.Minute

	endless = "replay stopped: it takes more steps than its history has events"
)

// stepLimit stops workflow code after so many steps, or so late, by a panic.
type stepLimit struct {
	interceptor.WorkerInterceptorBase
	steps int
	until time.Time
}

func newStepLimit(events int) *stepLimit {
	return &stepLimit{steps: stepsAtFirst + stepsPerEvent*events, until: time.Now().Add(replayWithin)}
}

func (l *stepLimit) InterceptWorkflow(_ workflow.Context,
	next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &limitedInbound{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next},
		limit: l}
}

// step is taken by one coroutine at a time.
func (l *stepLimit) step() {
	//workflowcheck:ignore it counts from outside of the workflow code
	if l.steps--; l.steps < 0 || time.Now().After(l.until) {
		panic(endless)
	}
}

type limitedInbound struct {
	interceptor.WorkflowInboundInterceptorBase
	limit *stepLimit
}

func (i *limitedInbound) Init(outbound interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&limitedOutbound{interceptor.WorkflowOutboundInterceptorBase{Next: outbound}, i.limit})
}

// limitedOutbound counts what code that goes round cannot do without: a wait, a
// timer, a call, or a coroutine.
type limitedOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	limit *stepLimit
}

func (o *limitedOutbound) Await(ctx workflow.Context, condition func() bool) error {
	o.limit.step()
	return o.Next.Await(ctx, condition)
}

func (o *limitedOutbound) Sleep(ctx workflow.Context, d time.Duration) error {
	o.limit.step()
	return o.Next.Sleep(ctx, d)
}

func (o *limitedOutbound) NewTimer(ctx workflow.Context, d time.Duration) workflow.Future {
	o.limit.step()
	return o.Next.NewTimer(ctx, d)
}

func (o *limitedOutbound) NewTimerWithOptions(ctx workflow.Context, d time.Duration,
	options workflow.TimerOptions) workflow.Future {
	o.limit.step()
	return o.Next.NewTimerWithOptions(ctx, d, options)
}

func (o *limitedOutbound) ExecuteActivity(ctx workflow.Context, activity string, args ...any) workflow.Future {
	o.limit.step()
	return o.Next.ExecuteActivity(ctx, activity, args...)
}

func (o *limitedOutbound) ExecuteLocalActivity(ctx workflow.Context, activity string, args ...any) workflow.Future {
	o.limit.step()
	return o.Next.ExecuteLocalActivity(ctx, activity, args...)
}

func (o *limitedOutbound) Go(ctx workflow.Context, name string, f func(workflow.Context)) workflow.Context {
	o.limit.step()
	return o.Next.Go(ctx, name, f)
}

func (o *limitedOutbound) Now(ctx workflow.Context) time.Time {
	o.limit.step()
	return o.Next.Now(ctx)
}

func stopped(err error) bool { return err != nil && strings.Contains(err.Error(), endless) }
