package workflows

import (
	"errors"
	"log/slog"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Replayer runs this build's workflows against histories that any build wrote:
// whoever deploys asks it first. The converters are the ones that the histories
// were written with.
type Replayer struct {
	Data     converter.DataConverter
	Failures converter.FailureConverter
}

// Replay reports whether this build would have done what the history says, up
// to its last event: nil, or an error that names the event where they part. A
// worker that took such a case over would be stuck there.
func (r Replayer) Replay(history *historypb.History) error {
	if len(history.GetEvents()) == 0 || history.Events[0].GetWorkflowExecutionStartedEventAttributes() == nil {
		return errors.New("it is no history: it does not begin with a start")
	}
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DataConverter: r.Data, FailureConverter: r.Failures})
	if err != nil {
		return err
	}
	Register(replayer)
	// Payloads open in their own workflow only, so it has to be said which it was.
	started := history.Events[0].GetWorkflowExecutionStartedEventAttributes()
	return replayer.ReplayWorkflowHistoryWithOptions(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), history,
		worker.ReplayWorkflowHistoryOptions{OriginalExecution: workflow.Execution{ID: started.GetWorkflowId(), RunID: started.GetOriginalExecutionRunId()}})
}
