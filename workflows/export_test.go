package workflows

import (
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/worker"
)

// EndlessForTest replays a history on other workflows, and reports whether the
// replay had to be stopped.
func EndlessForTest(r Replayer, h *historypb.History, register func(worker.WorkflowRegistry)) bool {
	return stopped(r.replayAs(h.GetEvents(), register))
}

// ResendForTest is what Client.Resend starts an ended notifier with.
func ResendForTest(l NotifierState, id string) (NotifierState, error) { return l, l.resend(id) }

// RedirectForTest is what Client.Redirect starts an ended notifier with.
func RedirectForTest(l NotifierState, id, url string) (NotifierState, error) {
	l.redirect(id, url)
	return l, l.resend(id)
}

// CalledOffForTest is what the test environment cannot act: the server's part in it.
var CancelRequestedForTest = cancelRequested

// TakeForTest is a ledger after it has taken a report.
func TakeForTest(l NotifierState, r Report) NotifierState {
	l.take(r, r.Notices[0].At)
	return l
}

// StepsForTest counts the steps that the replay of a history of so many events
// may take, each of which lasts so long.
func StepsForTest(events int, each time.Duration) (steps int) {
	limit := newStepLimit(events)
	defer func() { _ = recover() }()
	for ; ; steps++ {
		time.Sleep(each)
		limit.step()
	}
}
