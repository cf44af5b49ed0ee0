package workflows

import (
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
)

// Register makes a worker able to carry cases.
func Register(r worker.WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(KYC, workflow.RegisterOptions{Name: Type})
	r.RegisterWorkflowWithOptions(KYCNotify, workflow.RegisterOptions{Name: NotifyType})
}

// KYC carries one case from its identification to its end. A decision, an
// expiry and a withdrawal are all results, not failures.
func KYC(ctx workflow.Context, in Input) (kyc.View, error) {
	ctx, cancelled := uncancelled(ctx)
	f := newFlow(ctx, in)
	f.cancelled = cancelled
	if err := f.listen(ctx); err != nil {
		return kyc.View{}, err
	}
	return f.run(ctx)
}

// uncancelled returns a context that "Request Cancellation" in the Temporal UI
// does not reach, and whether somebody has pressed it. On a cancelled context
// every timer and activity, also a new one, is ready at once, and Await looks at
// its condition first: a loop that waits for one of them would spin for ever
// (SDK v1.50.0, internal/workflow.go, Await).
func uncancelled(root workflow.Context) (workflow.Context, func() bool) {
	ctx, _ := workflow.NewDisconnectedContext(root)
	return ctx, func() bool { return root.Err() != nil }
}

// flow is one run of a case. state is all that the next run gets to know;
// everything else follows from it.
type flow struct {
	in        Input
	state     State
	inbox     workflow.ReceiveChannel
	errand    errand // what was asked of the world and is not answered
	alarm     alarm  // the one timer
	published published
	cancelled func() bool // from the Temporal UI: see uncancelled
	starting  bool        // a start waits for the first status
	heard     time.Time   // when the first callback came that no answer covers yet; zero if none did
}

func newFlow(ctx workflow.Context, in Input) *flow {
	f := &flow{in: in, inbox: workflow.GetSignalChannel(ctx, SignalCallback)}
	if in.Carried != nil {
		f.state = *in.Carried
		if c := f.kase(); c.Hints > c.Answered {
			f.heard = workflow.Now(ctx)
		}
	} else {
		workflow.GetMetricsHandler(ctx).Counter(countStarted).Inc(1)
		// A reset keeps both; workflow.Now would be the time of the reset.
		info := workflow.GetInfo(ctx)
		f.state.Case = kyc.New(in.Reference, in.CustomerID, in.Policy, info.WorkflowStartTime)
		f.state.Case.Identity = info.FirstRunID
		f.published = startsAs(f.state.Case)
	}
	return f
}

func (f *flow) kase() *kyc.Case { return &f.state.Case }

// run is the loop: take in what happened, tell what is so, do what is needed.
func (f *flow) run(ctx workflow.Context) (kyc.View, error) {
	for {
		f.takeIn(ctx)
		f.handOn(ctx)
		if err := f.publish(ctx); err != nil {
			return kyc.View{}, err
		}
		if f.kase().Stage.Final() {
			return f.leave(ctx)
		}
		if f.cancelled() {
			continue // it came while a notice was handed on: the next run would not know
		}
		if f.full(ctx) && !f.errand.running() {
			return kyc.View{}, f.continueAsNew(ctx)
		}
		f.pursue(ctx, f.kase().Next(workflow.Now(ctx)))
		version := f.kase().Version
		if err := workflow.Await(ctx, func() bool {
			return f.inbox.Len() > 0 || f.errand.ready() || f.alarm.ready() || f.kase().Version != version ||
				f.cancelled() || f.full(ctx) && !f.errand.running()
		}); err != nil {
			return kyc.View{}, err
		}
	}
}

// takeIn applies everything that has happened since the last turn.
func (f *flow) takeIn(ctx workflow.Context) {
	f.readInbox(ctx)
	if f.errand.ready() {
		need := f.errand.need
		if event := f.errand.finish(ctx); event != nil {
			f.answered(ctx, need, event)
		}
	}
	if f.alarm.ready() {
		f.alarm = alarm{}
		f.apply(ctx, kyc.Elapsed{At: workflow.Now(ctx)})
	}
	if f.cancelled() && !f.kase().Stage.Final() {
		f.apply(ctx, kyc.Withdrawal{At: workflow.Now(ctx)})
	}
}

// readInbox is the only reader of the callback signal.
func (f *flow) readInbox(ctx workflow.Context) {
	for {
		input, ok := receive(f.inbox)
		if !ok {
			return
		}
		hint := callbackOf(input)
		f.apply(ctx, kyc.Hinted{At: workflow.Now(ctx), By: kyc.HintCallback,
			ID: hint.RequestID, ApplicationID: hint.ApplicationID})
	}
}

// pursue makes the world do what the case needs, and stops what it no longer
// needs. A watch gives way to anything; every other call is left to its end,
// so that one status-bearing call is under way at a time.
func (f *flow) pursue(ctx workflow.Context, need kyc.Need) {
	switch {
	case f.errand.running():
		if f.errand.need.Do == kyc.Watch && (need.Do != kyc.Watch || f.full(ctx)) {
			f.errand.cancel()
		}
	case need.Do == kyc.Wait:
		f.alarm.set(ctx, need.At, f.kase().Stage)
	default:
		f.errand = f.start(ctx, need)
	}
}

// leave is the one way out: stop what is under way, let every handler answer,
// and read what came in the meantime.
func (f *flow) leave(ctx workflow.Context) (kyc.View, error) {
	f.errand.cancel()
	f.alarm.cancel()
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return kyc.View{}, err
	}
	f.readInbox(ctx)
	return f.kase().View(), nil
}

// full reports whether the history has grown long and nobody waits for an answer.
func (f *flow) full(ctx workflow.Context) bool {
	return workflow.GetInfo(ctx).GetContinueAsNewSuggested() && workflow.AllHandlersFinished(ctx)
}

// continueAsNew goes on in a fresh history. Nothing is under way then; what
// the case needs next follows from its state.
func (f *flow) continueAsNew(ctx workflow.Context) error {
	f.alarm.cancel()
	f.readInbox(ctx)
	f.state.WasReset = f.wasReset(ctx)
	next := f.in
	next.Carried = &f.state
	return workflow.NewContinueAsNewError(ctx, Type, next)
}
