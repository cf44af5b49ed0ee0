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
	f := newFlow(ctx, in)
	if err := f.listen(ctx); err != nil {
		return kyc.View{}, err
	}
	return f.run(ctx)
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
	heard     time.Time // when the first callback came that no answer covers yet; zero if none did
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
		f.state.Case = kyc.New(in.Reference, in.CustomerID, in.Policy, workflow.Now(ctx))
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
		if f.full(ctx) && !f.errand.running() {
			return kyc.View{}, f.continueAsNew(ctx)
		}
		f.pursue(ctx, f.kase().Next(workflow.Now(ctx)))
		version := f.kase().Version
		if err := workflow.Await(ctx, func() bool {
			return f.inbox.Len() > 0 || f.errand.ready() || f.alarm.ready() || f.kase().Version != version ||
				f.full(ctx) && !f.errand.running()
		}); err != nil {
			f.apply(ctx, kyc.Withdrawal{At: workflow.Now(ctx)}) // cancelled from the Temporal UI
			ctx, _ = workflow.NewDisconnectedContext(ctx)
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
}

// readInbox is the only reader of the callback signal.
func (f *flow) readInbox(ctx workflow.Context) {
	var hint Callback
	for f.inbox.ReceiveAsync(&hint) {
		f.apply(ctx, kyc.Hinted{At: workflow.Now(ctx), By: kyc.HintCallback,
			ID: hint.RequestID, ApplicationID: hint.ApplicationID})
		hint = Callback{}
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
	next := f.in
	next.Carried = &f.state
	return workflow.NewContinueAsNewError(ctx, Type, next)
}
