package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/activities"
	"durablekyc.example/kyc"
)

// pendingActivity is one need of the case that the world is working on. The zero errand
// is none.
type pendingActivity struct {
	need            kyc.NextStep
	future          workflow.Future
	stop            workflow.CancelFunc
	cancelRequested bool
}

func (e *pendingActivity) running() bool { return e.future != nil }
func (e *pendingActivity) ready() bool   { return e.future != nil && e.future.IsReady() }
func (e *pendingActivity) cancel() {
	if e.stop != nil {
		e.stop()
		e.cancelRequested = true
	}
}

// start turns a need into an activity.
func (f *caseWorkflow) start(ctx workflow.Context, need kyc.NextStep) pendingActivity {
	var do *activities.Activities
	c := f.kycCase()
	read := activities.ReadRequest{Reference: c.Reference, CustomerID: c.CustomerID, ApplicationID: c.ApplicationID}
	settle := time.Duration(c.Policy.Settle)
	ctx, stop := workflow.WithCancel(workflow.WithActivityOptions(ctx, f.options(ctx, need)))
	run := func(activity, argument any) pendingActivity {
		return pendingActivity{need: need, stop: stop, future: workflow.ExecuteActivity(ctx, activity, argument)}
	}
	switch need.Action {
	case kyc.ActionIdentify:
		request := activities.IdentifyRequest{Reference: c.Reference, CustomerID: c.CustomerID, SyncMode: f.in.SyncMode,
			Settle: settle}
		if wasReset(ctx) {
			request.Unsettled = attemptTakes + settle
		}
		return run(do.Identify, request)
	case kyc.ActionSubmit:
		return run(do.SubmitDocuments, activities.SubmitRequest{ReadRequest: read, Submission: *need.Submission,
			Settle: settle})
	case kyc.ActionPollStatus:
		first, longest := c.ReadEvery()
		request := activities.WatchRequest{ReadRequest: read, Seen: c.Reading.Fingerprint(),
			Since: c.ChangedAt, LastRead: c.ReadAt, Until: need.At, First: first, Max: longest}
		if c.Refusal != nil && c.Refusal.Step == kyc.StepStatus {
			request.Refusal = c.Refusal.Code
		}
		return run(do.WatchStatus, request)
	}
	return pendingActivity{need: need, stop: stop, future: readStatusLocally(ctx, read)}
}

// localReadTimeout is how long a read within a workflow task may take. No update is
// answered meanwhile, and a withdrawal is to be within two seconds.
const localReadTimeout = 1500 * time.Millisecond

// readStatusLocally reads the status within the workflow task that a callback has brought
// about, which spares a task and five events where ConnectFi answers. It is
// tried once: what fails is left to an activity, which has all the patience and
// keeps no workflow task, after the pause that the failure asks for.
func readStatusLocally(ctx workflow.Context, read activities.ReadRequest) workflow.Future {
	var do *activities.Activities
	once := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: localReadTimeout, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1}})
	answer, answered := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		var reading kyc.Snapshot
		err := workflow.ExecuteLocalActivity(once, do.ReadStatus, read).Get(ctx, &reading)
		refused, isRefused := errors.AsType[*temporal.ApplicationError](err)
		_, isCalled := errors.AsType[*temporal.CanceledError](err)
		switch {
		case err == nil, isCalled, isRefused && refused.NonRetryable():
			answered.Set(reading, err)
			return
		case refused != nil && refused.NextRetryDelay() > 0:
			if err := workflow.Sleep(ctx, refused.NextRetryDelay()); err != nil {
				answered.SetError(err)
				return
			}
		}
		answered.Chain(workflow.ExecuteActivity(ctx, do.ReadStatus, read))
	})
	return answer
}

// finalReadGrace is what a call may last beyond the stage's end: the server cancels it
// as soon as the NEXT attempt would overrun ScheduleToClose, and the last look
// at the end is worth a day of trying.
const finalReadGrace = 24 * time.Hour

// attemptTakes is how long one attempt may take.
const attemptTakes = 30 * time.Second

// wasReset reports whether an operator has reset the case: the run goes by
// another id then than the one whose history it goes on with. What follows from
// it must be no command, for the events before the reset were written without it.
func wasReset(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.OriginalRunID != "" && info.OriginalRunID != info.WorkflowExecution.RunID
}

// options says how long each errand may take and how it is repeated. The delay
// between attempts comes with the activity's error; the policy here serves an
// attempt that died without a word, and then waits for what it may have done
// to settle. A summary is there where it says more than the activity's name:
// each costs a hundred bytes of every history.
func (f *caseWorkflow) options(ctx workflow.Context, need kyc.NextStep) workflow.ActivityOptions {
	policy, left := f.kycCase().Policy, need.At.Sub(workflow.Now(ctx))
	o := workflow.ActivityOptions{
		StartToCloseTimeout:    attemptTakes,
		ScheduleToCloseTimeout: max(left, 0) + finalReadGrace,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: max(time.Second, time.Duration(policy.Settle)), MaximumInterval: 5 * time.Minute},
	}
	switch need.Action {
	case kyc.ActionIdentify:
		o.ScheduleToCloseTimeout = max(left, time.Minute)
	case kyc.ActionSubmit:
		o.StartToCloseTimeout = time.Minute // an attempt that is cut off has its receipts
		o.ScheduleToCloseTimeout = max(left, finalReadGrace)
		o.Priority = PriorityInteractive.Options() // of a case of a batch, too: an applicant has sent them
		o.Summary = fmt.Sprintf("Submit the %s of %s", need.Submission.Label(), need.Submission.Entity)
	case kyc.ActionPollStatus:
		o.TaskQueue = ReadsQueue
		o.Priority = PriorityRead.Options()
		o.WaitForCancellation = true
		o.RetryPolicy = &temporal.RetryPolicy{InitialInterval: time.Duration(policy.ReadFirst),
			MaximumInterval: time.Duration(policy.ReadMax)}
		o.Summary = "Poll the status at ConnectFi until " + need.At.UTC().Format(time.RFC3339)
	}
	o.RetryPolicy.MaximumInterval = max(o.RetryPolicy.MaximumInterval, o.RetryPolicy.InitialInterval)
	return o
}

// steps names the needs as a refusal lists them.
var steps = map[kyc.Action]string{kyc.ActionIdentify: kyc.StepIdentification, kyc.ActionSubmit: kyc.StepDocuments,
	kyc.ActionReadStatus: kyc.StepStatus, kyc.ActionPollStatus: kyc.StepStatus}

// result turns the end of an errand into the event it is to the case; nil if
// it was called off. An attempt that was under way then ends as it would have
// ended, but is not repeated: that it found nothing new, or found nobody, is no
// answer of ConnectFi's.
func (e *pendingActivity) result(ctx workflow.Context) kyc.Event {
	done, now := *e, workflow.Now(ctx)
	*e = pendingActivity{}
	var (
		result activities.WatchResult
		err    error
	)
	if done.need.Action == kyc.ActionPollStatus {
		err = done.future.Get(ctx, &result)
	} else {
		err = done.future.Get(ctx, &result.Reading)
	}
	if result.Last && now.Before(done.need.At) {
		now = done.need.At // one clock of the server's is ahead of another: the last look was taken
	}
	submission := ""
	if done.need.Submission != nil {
		submission = done.need.Submission.ID
	}
	step := steps[done.need.Action]
	refused, isRefused := errors.AsType[*temporal.ApplicationError](err)
	_, isCalled := errors.AsType[*temporal.CanceledError](err)
	switch {
	case err == nil:
		return kyc.StatusReceived{At: now, Reading: result.Reading, Covers: done.need.UpToHint, Submission: submission}
	case isRefused && refused.NonRetryable():
		return kyc.RequestRejected{At: now, Step: step, Code: refused.Type(), Covers: done.need.UpToHint,
			Submission: submission, RequestID: requestID(refused)}
	case isCalled, done.cancelRequested:
		return nil
	}
	return kyc.RetriesExhausted{At: now, Step: step, Covers: done.need.UpToHint, Submission: submission}
}

// requestID is ConnectFi's id of the answer that a refusal follows from; empty if
// there was none, or if the activity ran on a build that did not say.
func requestID(refused *temporal.ApplicationError) (id string) {
	if refused.HasDetails() {
		_ = refused.Details(&id)
	}
	return id
}

// deadlineTimer is the one timer of a case: the hour of its next need.
type deadlineTimer struct {
	at     time.Time
	future workflow.Future
	stop   workflow.CancelFunc
}

func (a *deadlineTimer) ready() bool { return a.future != nil && a.future.IsReady() }
func (a *deadlineTimer) cancel() {
	if a.stop != nil {
		a.stop()
	}
}

// set keeps an alarm that comes no later: a look that is too early changes
// nothing and sets the next one, and every new timer is an action.
func (a *deadlineTimer) set(ctx workflow.Context, at time.Time, stage kyc.Stage) {
	if a.future != nil && !a.at.After(at) {
		return
	}
	a.cancel()
	ctx, stop := workflow.WithCancel(ctx)
	*a = deadlineTimer{at: at, stop: stop, future: workflow.NewTimerWithOptions(ctx, at.Sub(workflow.Now(ctx)),
		workflow.TimerOptions{Summary: fmt.Sprintf("Next step of the case (%s) at %s", stage,
			at.UTC().Format(time.RFC3339))})}
}
