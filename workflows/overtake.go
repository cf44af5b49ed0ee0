package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"durablekyc.example/activities"
)

// next is the record to be delivered on a lane: the one that is on it as long as
// it is wanted, else the oldest that is on none.
func (n *notifier) next(l *receiverQueue) *Record {
	if l.busy() {
		if r := n.receipt(l.id, l.receiver); r == nil || !r.Pending {
			return nil
		}
		return n.find(l.id)
	}
	for i := range n.Records {
		r := &n.Records[i]
		to := r.receipt(l.receiver)
		if to != nil && to.Pending && !n.carried(r.Notice.ID, l.receiver) && (!l.fast || n.hurried && r.Notice.Final()) {
			return r
		}
	}
	return nil
}

// carried reports whether a delivery is on a lane.
func (n *notifier) carried(notice string, receiver activities.Receiver) bool {
	return slices.ContainsFunc(n.lanes, func(l *receiverQueue) bool {
		return l.busy() && l.id == notice &&
			l.receiver == receiver
	})
}

// overtakeAfter is how long a final notice waits for its turn: long enough for a
// receiver that takes what comes before, if only at the second attempt.
const overtakeAfter = time.Minute

// overtake lets final notices go on a lane of their own once they have waited
// behind a delivery that is not taken. docs/decisions/0059 has the reason.
func (n *notifier) overtake(ctx workflow.Context) {
	waits := slices.ContainsFunc(n.Records, func(r Record) bool {
		return r.Notice.Final() && slices.ContainsFunc(r.Receipts, func(to Delivery) bool {
			return to.Pending && !n.carried(r.Notice.ID, to.Receiver)
		})
	})
	switch {
	case !waits:
		n.hurry.cancel()
		n.hurry, n.hurried = deadlineTimer{}, false
	case !n.hurried && n.hurry.future == nil:
		ctx, stop := workflow.WithCancel(ctx)
		n.hurry = deadlineTimer{stop: stop, future: workflow.NewTimerWithOptions(ctx, overtakeAfter,
			workflow.TimerOptions{Summary: "The last notification overtakes undelivered ones"})}
	}
}
