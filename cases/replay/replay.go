// Package replay checks before a deployment that the new build's workflows come
// to the same commands as the histories of open cases.
package replay

import (
	"errors"
	"log/slog"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/workflows"
)

// Replayer runs this build's workflows against histories that any build wrote, before
// the build is deployed. The converters are the ones that the histories
// were written with. Any number of replays may run at once.
type Replayer struct {
	Data     converter.DataConverter
	Failures converter.FailureConverter
}

// Replay reports whether this build would have done what the history says, up
// to its last event: nil, a *NonDeterminismError that names the event where they
// part, or an *EndlessError. A worker that took such a case over would be stuck there.
func (r Replayer) Replay(history *historypb.History) error {
	events := history.GetEvents()
	if len(events) == 0 || events[0].GetWorkflowExecutionStartedEventAttributes() == nil {
		return errors.New("not a workflow history: no WorkflowExecutionStarted event")
	}
	// What a worker has in hand at this moment decides nothing yet, and the SDK
	// leaves what was decided last unchecked in front of it (v1.50.0,
	// internal_task_handlers.go:1076, isLastWFTForPartialWFE).
	if last := len(events) - 1; events[last].GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED {
		events = events[:last]
	}
	events = beforeCancellation(events)
	name := events[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()
	if name != workflows.Type && name != workflows.NotifyType && name != workflows.CheckType {
		return &NonDeterminismError{Event: events[0], Reason: "this build has no workflow type " + name}
	}
	if !decided(events) {
		return nil
	}
	err := r.replay(events)
	switch {
	case stopped(err):
		return &EndlessError{Events: len(events)}
	case err != nil:
		return r.firstDivergence(events, err)
	}
	return nil
}

// beforeCancellation leaves out a cancellation that no workflow task has taken in yet, and what follows it. The SDK
// lets the code see it and then misses the commands that it makes.
func beforeCancellation(events []*historypb.HistoryEvent) []*historypb.HistoryEvent {
	open := events
	for i, e := range events {
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			open = events
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
			if len(open) == len(events) {
				open = events[:i]
			}
		}
	}
	return open
}

// decided reports whether workflow code has done anything yet. Where it has
// not, nothing can be wrong; the SDK takes no history as short as that.
func decided(events []*historypb.HistoryEvent) bool {
	for _, e := range events {
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			return true
		}
	}
	return false
}

func (r Replayer) replay(events []*historypb.HistoryEvent) error {
	return r.replayAs(events, workflows.Register)
}

func (r Replayer) replayAs(events []*historypb.HistoryEvent, register func(worker.WorkflowRegistry)) error {
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DataConverter: r.Data,
		FailureConverter:         r.Failures,
		DisableDeadlockDetection: true, // a busy machine is no deadlock
		Interceptors:             []interceptor.WorkerInterceptor{newStepLimit(len(events))}})
	if err != nil {
		return err
	}
	register(replayer)
	// Payloads open in their own workflow only, so it has to be said which it was.
	started := events[0].GetWorkflowExecutionStartedEventAttributes()
	return replayer.ReplayWorkflowHistoryWithOptions(log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
		&historypb.History{Events: events},
		worker.ReplayWorkflowHistoryOptions{OriginalExecution: workflow.Execution{ID: started.GetWorkflowId(),
			RunID: started.GetOriginalExecutionRunId()}})
}
