package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/activities"
)

// The names of the workflow that delivers a case's notices.
const (
	NotifyType    = "KYCNotify"
	SignalNotices = "notices" // a Report, from the case
	UpdateResend  = "resend"  // an event's id, its number or nothing; then a new webhookUrl or nothing → []Event
	QueryEvents   = "events"  // → []Event
	QueryLedger   = "ledger"  // → NotifierState
)

// NotifyID is the workflow id of the notifier of this case. No reference has a
// hyphen, so it is never the id of a case.
func NotifyID(reference string) string { return "kyc-notify-" + reference }

// KYCNotify delivers the notices of one case: one after the other to each
// receiver, every receiver by itself. The last one overtakes what is not taken. It outlives its case, which is closed
// at its decision, and ends once the final notice was delivered or given up.
func KYCNotify(ctx workflow.Context, ledger NotifierState) (NotifierState, error) {
	ctx, cancelled := uncancelled(ctx)
	n := &notifier{NotifierState: ledger, cancelled: cancelled, inbox: workflow.GetSignalChannel(ctx, SignalNotices),
		sent: map[string]int{},
		lanes: []*receiverQueue{{receiver: activities.ReceiverGlobal}, {receiver: activities.ReceiverCaller},
			{receiver: activities.ReceiverGlobal, fast: true}, {receiver: activities.ReceiverCaller, fast: true}}}
	err := workflow.SetQueryHandlerWithOptions(ctx, QueryEvents, func() ([]Event, error) { return n.Events(), nil },
		workflow.QueryHandlerOptions{Description: "notifications, their receivers, attempts and answers"})
	err = errors.Join(err, workflow.SetQueryHandlerWithOptions(ctx, QueryLedger, func() (NotifierState,
		error) {
		return n.NotifierState, nil
	},
		workflow.QueryHandlerOptions{Description: "the notifier's whole state, for a successor"}))
	err = errors.Join(err, update(ctx, UpdateResend,
		"resend one notification, or all undelivered ones, now and with the same ids",
		n.resent, n.checkResend))
	if err != nil {
		return NotifierState{}, err
	}
	if n.Recall != nil {
		n.recall(ctx)
	}
	return n.run(ctx)
}

// notifier is one run.
type notifier struct {
	NotifierState
	cancelled func() bool // from the Temporal UI: see uncancelled
	stopped   bool        // and that was dealt with
	inbox     workflow.ReceiveChannel
	lanes     []*receiverQueue // in fixed order
	end       deadlineTimer
	hurry     deadlineTimer // once it has rung, fast lanes are open: see overtake
	hurried   bool
	sent      map[string]int // deliveries of this run, by what their names begin with
	asked     int            // how often something was to be sent again
	details   string
}

// receiverQueue is the way to one receiver and the delivery that is on it, if one is.
type receiverQueue struct {
	receiver activities.Receiver
	fast     bool   // only final notices that have waited go on it
	id       string // of the notice
	future   workflow.Future
	stop     workflow.CancelFunc
	stopped  bool
}

func (l *receiverQueue) busy() bool  { return l.future != nil }
func (l *receiverQueue) ready() bool { return l.future != nil && l.future.IsReady() }
func (l *receiverQueue) cancel() {
	l.stopped = true
	l.stop()
}

// recalling bounds the search for what an earlier notifier knew: what is new
// does not wait for ever for a history that no longer opens.
const recalling = time.Hour

// recall goes on from what an earlier notifier of this reference knew, so that
// nothing is sent twice and all of it can be asked for, and takes what the case
// has reported since.
func (n *notifier) recall(ctx workflow.Context) {
	var do *activities.Activities
	report, before := *n.Recall, NotifierState{Reference: n.Reference}
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Second, ScheduleToCloseTimeout: recalling,
		RetryPolicy: &temporal.RetryPolicy{MaximumInterval: time.Minute},
	}), do.Recall, activities.RecallRequest{Reference: n.Reference}).Get(ctx, &before)
	if err != nil {
		workflow.GetLogger(ctx).Error("it is not known what was sent before", "reference", n.Reference)
		before = NotifierState{Reference: n.Reference}
	}
	n.NotifierState = before
	n.Take(report, workflow.Now(ctx))
}

// run is the loop: take in what happened, publish the state, send what is to be sent.
func (n *notifier) run(ctx workflow.Context) (NotifierState, error) {
	for {
		n.takeIn(ctx)
		if !n.Ended {
			n.setEnd(ctx)
		}
		n.publish(ctx)
		full := workflow.GetInfo(ctx).GetContinueAsNewSuggested()
		switch {
		case n.Ended && !n.open() && !n.busy():
			return n.NotifierState, nil // nothing is unread: applyPending has just been
		case full && !n.busy():
			return NotifierState{}, workflow.NewContinueAsNewError(ctx, NotifyType, n.NotifierState)
		}
		n.pursue(ctx, full)
		n.overtake(ctx)
		asked := n.asked
		if err := workflow.Await(ctx, func() bool { return n.hasWork() || n.asked != asked }); err != nil {
			return NotifierState{}, err
		}
	}
}

// setEnd keeps a timer for the end of the case that reported last: one that was
// terminated has no last word, and its notifier must not wait for ever.
func (n *notifier) setEnd(ctx workflow.Context) {
	if n.end.future != nil && n.end.at.Equal(n.Until) {
		return
	}
	n.end.cancel()
	ctx, stop := workflow.WithCancel(ctx)
	n.end = deadlineTimer{at: n.Until, stop: stop, future: workflow.NewTimerWithOptions(ctx,
		n.Until.Sub(workflow.Now(ctx)),
		workflow.TimerOptions{Summary: "No notification comes after " + n.Until.UTC().Format(time.RFC3339)})}
}

func (n *notifier) busy() bool {
	for _, l := range n.lanes {
		if l.busy() {
			return true
		}
	}
	return false
}

func (n *notifier) hasWork() bool {
	for _, l := range n.lanes {
		if l.ready() {
			return true
		}
	}
	return n.inbox.Len() > 0 || n.end.ready() || n.hurry.ready() || n.cancelled() && !n.stopped
}

func (n *notifier) takeIn(ctx workflow.Context) {
	now := workflow.Now(ctx)
	for {
		input, ok := receive(n.inbox)
		if !ok {
			break
		}
		// Only the case has its key: plaintext, and what is not a report, is left out.
		if report, err := reportOf(input); err != nil {
			workflow.GetLogger(ctx).Warn("ignored a signal that is not a report of the case", "reference", n.Reference)
		} else {
			n.Take(report, now)
		}
	}
	for _, l := range n.lanes {
		if l.ready() {
			n.finish(ctx, l)
		}
	}
	if n.end.ready() {
		n.Ended = n.Ended || !n.end.at.Before(n.Until) // another case may have come, with a later end
		n.end = deadlineTimer{}
	}
	if n.hurry.ready() {
		n.hurry, n.hurried = deadlineTimer{}, true
	}
	if n.cancelled() && !n.stopped {
		// What waits is given up, and the ledger says why. pursue stops what is under way.
		n.stopped, n.Ended = true, true
		n.giveUp(now, answerCancelled, activities.ReceiverGlobal, activities.ReceiverCaller)
	}
}

// finish enters how a delivery ended. One that was called off is still to be
// made, unless it was given up meanwhile.
func (n *notifier) finish(ctx workflow.Context, l *receiverQueue) {
	var (
		result activities.NotifyResult
	)
	now, err, done := workflow.Now(ctx), l.future.Get(ctx, &result), *l
	*l = receiverQueue{receiver: l.receiver, fast: l.fast}
	receipt := n.receipt(done.id, done.receiver)
	failed, isFailed := errors.AsType[*temporal.ApplicationError](err)
	switch {
	case receipt == nil, cancelRequested(done.stopped, err):
		return
	case err == nil:
		receipt.settle(now, true, result)
		receipt.GivenUpAt = time.Time{}
		n.count(ctx, l.receiver, noticeDelivered)
		return
	case !isFailed || failed.Details(&result) != nil:
		// The last attempt died with its worker.
		result = activities.NotifyResult{Attempts: activities.NotifyAttempts, Answer: activities.AnswerNone}
	}
	receipt.settle(now, false, result)
	n.count(ctx, l.receiver, noticeGivenUp)
	if result.Answer == activities.AnswerGone {
		n.unsubscribe(l.receiver, now)
	}
}

func (n *notifier) count(ctx workflow.Context, receiver activities.Receiver, result string) {
	workflow.GetMetricsHandler(ctx).WithTags(delivery(receiver, result)).Counter(countNotices).Inc(1)
}

// cancelRequested reports whether a delivery ended because it was stopped: at once
// while it waited, or because its attempt under way failed, which the server
// does not repeat then. An answer, and a lasting no, count all the same.
func cancelRequested(stopped bool, err error) bool {
	_, isCalled := errors.AsType[*temporal.CanceledError](err)
	failed, isFailed := errors.AsType[*temporal.ApplicationError](err)
	return isCalled || stopped && err != nil && !(isFailed && failed.NonRetryable())
}

// pursue starts the next delivery on every free lane. A history that has grown
// long is left behind first: deliveries are called off and begin their
// schedule again in the next run, under the same ids.
func (n *notifier) pursue(ctx workflow.Context, full bool) {
	for _, l := range n.lanes {
		switch next := n.next(l); {
		case l.busy() && (full || next == nil):
			l.cancel()
		case !l.busy() && !full && next != nil:
			n.send(ctx, l, *next)
		}
	}
}

func (n *notifier) send(ctx workflow.Context, l *receiverQueue, record Record) {
	var do *activities.Activities
	notice, terms := record.Notice, n.Terms
	if record.Terms != nil {
		terms = *record.Terms
	}
	request := activities.NotifyRequest{Reference: n.Reference, CustomerID: terms.CustomerID, Receiver: l.receiver,
		Notice: notice, Sequence: record.Sequence}
	if l.receiver == activities.ReceiverCaller {
		request.WebhookURL = terms.WebhookURL
	}
	ctx, l.stop = workflow.WithCancel(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ActivityID:          n.nextDelivery(notice.ID, l.receiver),
		StartToCloseTimeout: 30 * time.Second, // the receiver has 15
		// An attempt that is under way is waited for: its answer counts.
		WaitForCancellation: true,
		// The delay comes with the error; this serves attempts that died with their worker.
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Minute, MaximumInterval: time.Hour,
			MaximumAttempts: activities.NotifyAttempts},
		Summary: fmt.Sprintf("%s to %s", notice.Type, l.receiver),
	}))
	l.id, l.future = notice.ID, workflow.ExecuteActivity(ctx, do.Notify, request)
}

// nextDelivery names the activity of the next delivery of a notice, so that its
// attempts can be found while the server counts them. No name is used twice: the
// SDK does not forget an activity that ended in another way than cancelled after
// it was called off, and would not go on (v1.50.0: its command stays in
// CompletedAfterCancellationCommandSent).
func (n *notifier) nextDelivery(notice string, receiver activities.Receiver) string {
	id := deliveryID(notice, receiver)
	n.sent[id]++
	if times := n.sent[id]; times > 1 {
		return fmt.Sprintf("%s-%d", id, times)
	}
	return id
}

// deliveryID is what the names of all deliveries of a notice to a receiver begin with.
func deliveryID(notice string, receiver activities.Receiver) string {
	return notice + "-" + string(receiver)
}

// IsDelivery reports whether an activity of this name delivers a notice to a receiver.
func IsDelivery(activity, notice string, receiver activities.Receiver) bool {
	id := deliveryID(notice, receiver)
	return activity == id || strings.HasPrefix(activity, id+"-")
}

func (n *notifier) checkResend(event, webhookURL string) error {
	_, err := n.resendTargets(event)
	if webhookURL != "" && refusedAs(err, RefusedNotWanted) {
		return nil // what comes later goes there
	}
	return err
}

// resent does not wait for the next attempt of a delivery that is under way: it
// may be going to the address that was changed.
func (n *notifier) resent(_ workflow.Context, event, webhookURL string) ([]Event, error) {
	if webhookURL != "" {
		n.Redirect(event, webhookURL)
	}
	if err := n.Resend(event); err != nil && !(webhookURL != "" && refusedAs(err, RefusedNotWanted)) {
		return nil, err
	}
	n.asked++
	for _, l := range n.lanes {
		named := event == "" || l.busy() && l.id == n.find(event).Notice.ID
		if l.busy() && (named || webhookURL != "" && l.receiver == activities.ReceiverCaller) {
			l.cancel()
		}
	}
	return n.Events(), nil
}

// publish shows the ledger in the Temporal UI, at no cost.
func (n *notifier) publish(ctx workflow.Context) {
	if details := EventDetails(n.Events()); details != n.details {
		n.details = details
		workflow.SetCurrentDetails(ctx, details)
	}
}

// NotifySummary and NotifyDetails head a notifier in the Temporal UI.
func NotifySummary(reference string) string { return "Notifications of KYC " + reference }

func NotifyDetails(reference string) string {
	return fmt.Sprintf("Delivers the notifications of the case `%s` to its receivers; "+
		"\"Current details\" has the state of each.", reference)
}
