package workflows

import (
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
)

// Register makes a worker able to run cases.
func Register(r worker.WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(KYC, workflow.RegisterOptions{Name: Type})
	r.RegisterWorkflowWithOptions(KYCNotify, workflow.RegisterOptions{Name: NotifyType})
	r.RegisterWorkflowWithOptions(KYCCheck, workflow.RegisterOptions{Name: CheckType})
}

// Observer sees what happens to a case while its workflow is replayed: where a
// run begins, and then every event before the case takes it.
type Observer struct {
	Began   func(ctx workflow.Context, in Input, c kyc.Case)
	Applies func(ctx workflow.Context, e kyc.Event)
}

// RegisterObserved is Register for a replay that is observed.
func RegisterObserved(r worker.WorkflowRegistry, o Observer) {
	observed := func(ctx workflow.Context, in Input) (kyc.View, error) { return runCase(ctx, in, &o) }
	r.RegisterWorkflowWithOptions(observed, workflow.RegisterOptions{Name: Type})
	r.RegisterWorkflowWithOptions(KYCNotify, workflow.RegisterOptions{Name: NotifyType})
	r.RegisterWorkflowWithOptions(KYCCheck, workflow.RegisterOptions{Name: CheckType})
}

// KYC runs one case from its identification to its end. A decision, an
// expiry and a withdrawal are all results, not failures.
func KYC(ctx workflow.Context, in Input) (kyc.View, error) { return runCase(ctx, in, nil) }

func runCase(ctx workflow.Context, in Input, o *Observer) (kyc.View, error) {
	ctx, cancelled := uncancelled(ctx)
	f := newFlow(ctx, in)
	if f.cancelled, f.observer = cancelled, o; o != nil {
		o.Began(ctx, in, f.state.Case)
	}
	if err := f.registerHandlers(ctx); err != nil {
		return kyc.View{}, err
	}
	return f.run(ctx)
}

// uncancelled returns a context that "Request Cancellation" in the Temporal UI
// does not reach, and whether it was pressed. On a cancelled context
// every timer and activity, also a new one, is ready at once, and Await looks at
// its condition first: a loop that waits for one of them would spin for ever
// (SDK v1.50.0, internal/workflow.go, Await).
func uncancelled(root workflow.Context) (workflow.Context, func() bool) {
	ctx, _ := workflow.NewDisconnectedContext(root)
	return ctx, func() bool { return root.Err() != nil }
}

// caseWorkflow is one run of a case. state is all that the next run gets to know;
// everything else follows from it.
type caseWorkflow struct {
	in                 Input
	state              State
	inbox              workflow.ReceiveChannel
	pending            pendingActivity // what was asked of the world and is not answered
	alarm              deadlineTimer   // the one timer
	published          published
	cancelled          func() bool // from the Temporal UI: see uncancelled
	observer           *Observer   // nil in a worker
	starting           bool        // a start waits for the first status
	notifier           bool        // this run has started a notifier
	mute               bool        // and can start no other one, which the next run can: see leave
	callbackReceivedAt time.Time   // when the first callback came that no answer covers yet; zero if none did
}

func newFlow(ctx workflow.Context, in Input) *caseWorkflow {
	f := &caseWorkflow{in: in, inbox: workflow.GetSignalChannel(ctx, SignalCallback)}
	if in.Carried != nil {
		f.state = *in.Carried
		if c := f.kycCase(); c.HintsReceived > c.Answered {
			f.callbackReceivedAt = workflow.Now(ctx)
		}
	} else {
		workflow.GetMetricsHandler(ctx).Counter(countStarted).Inc(1)
		// A reset keeps both; workflow.Now would be the time of the reset.
		info := workflow.GetInfo(ctx)
		f.state.Case = kyc.New(in.Reference, in.CustomerID, in.Policy, info.WorkflowStartTime)
		f.state.Case.Identity = info.FirstRunID
		f.state.Case.StartedBy(in.By)
		f.published = initialPublished(f.state.Case)
	}
	return f
}

func (f *caseWorkflow) kycCase() *kyc.Case { return &f.state.Case }

// run is the loop: take in what happened, publish the state, do what is needed.
func (f *caseWorkflow) run(ctx workflow.Context) (kyc.View, error) {
	for {
		f.applyPending(ctx)
		f.forwardNotices(ctx)
		if err := f.publish(ctx); err != nil {
			return kyc.View{}, err
		}
		if f.kycCase().Stage.Final() {
			return f.complete(ctx)
		}
		if f.cancelled() {
			continue // it came while a notice was handed on: the next run would not know
		}
		if f.shouldContinueAsNew(ctx) && !f.pending.running() {
			return kyc.View{}, f.continueAsNew(ctx)
		}
		f.dispatch(ctx, f.kycCase().Next(workflow.Now(ctx)))
		version := f.kycCase().Version
		if err := workflow.Await(ctx, func() bool {
			return f.inbox.Len() > 0 || f.pending.ready() || f.alarm.ready() || f.kycCase().Version != version ||
				f.cancelled() || f.shouldContinueAsNew(ctx) && !f.pending.running()
		}); err != nil {
			return kyc.View{}, err
		}
	}
}

// applyPending applies everything that has happened since the last turn.
func (f *caseWorkflow) applyPending(ctx workflow.Context) {
	f.readInbox(ctx)
	if f.pending.ready() {
		need := f.pending.need
		if event := f.pending.result(ctx); event != nil {
			f.answered(ctx, need, event)
		}
	}
	if f.alarm.ready() {
		f.alarm = deadlineTimer{}
		f.apply(ctx, kyc.TimerFired{At: workflow.Now(ctx)})
	}
	if f.cancelled() && !f.kycCase().Stage.Final() {
		f.apply(ctx, kyc.WithdrawRequested{At: workflow.Now(ctx), By: kyc.ActorTemporal})
	}
}

// readInbox is the only reader of the callback signal.
func (f *caseWorkflow) readInbox(ctx workflow.Context) {
	for {
		input, ok := receive(f.inbox)
		if !ok {
			return
		}
		hint := callbackOf(input)
		f.apply(ctx, kyc.ChangeHinted{At: workflow.Now(ctx), By: kyc.HintCallback,
			ID: hint.RequestID, ApplicationID: hint.ApplicationID, Actor: hint.actor})
	}
}

// dispatch makes the world do what the case needs, and stops what it no longer
// needs. A watch gives way to anything; every other call is left to its end,
// so that one status-bearing call is under way at a time.
func (f *caseWorkflow) dispatch(ctx workflow.Context, need kyc.NextStep) {
	switch {
	case f.pending.running():
		if f.pending.need.Action == kyc.ActionPollStatus && (need.Action != kyc.ActionPollStatus ||
			f.shouldContinueAsNew(ctx)) {
			f.pending.cancel()
		}
	case need.Action == kyc.ActionWait:
		f.alarm.set(ctx, need.At, f.kycCase().Stage)
	default:
		f.pending = f.start(ctx, need)
	}
}

// complete is the one way out: stop what is under way, let every handler answer,
// and read what came in the meantime. A mute case has notices left, which the
// next run hands on. The SDK starts no workflow under the id of a child of the
// same run until that child's end is in the history, and a reset to before that
// event leaves it out for good (v1.50.0: startChildWorkflowExecution).
func (f *caseWorkflow) complete(ctx workflow.Context) (kyc.View, error) {
	f.pending.cancel()
	f.alarm.cancel()
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return kyc.View{}, err
	}
	if f.mute {
		return kyc.View{}, f.continueAsNew(ctx)
	}
	f.readInbox(ctx)
	return f.view(), nil
}

// shouldContinueAsNew reports whether the case is to go on in another run, because the history
// has grown long or the case is mute, and nobody waits for an answer.
func (f *caseWorkflow) shouldContinueAsNew(ctx workflow.Context) bool {
	return (f.mute || workflow.GetInfo(ctx).GetContinueAsNewSuggested()) && workflow.AllHandlersFinished(ctx)
}

// continueAsNew goes on in a fresh history. Nothing is under way then; what
// the case needs next follows from its state.
func (f *caseWorkflow) continueAsNew(ctx workflow.Context) error {
	f.alarm.cancel()
	f.readInbox(ctx)
	f.state.WasReset = f.wasReset(ctx)
	next := f.in
	next.Carried = &f.state
	return workflow.NewContinueAsNewError(ctx, Type, next)
}
