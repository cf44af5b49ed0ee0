package replay

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
