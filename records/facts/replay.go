package facts

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
	"durablekyc.example/records/histories"
	"durablekyc.example/workflows"
)

// Account is what the histories of a case say of it.
type Account struct {
	Facts  []Fact
	Policy kyc.Policy
}

// FromHistories replays the runs of a case, oldest first and with payloads in plaintext, and returns what the workflow
// of this build takes from them. What a workflow task had begun with that was never completed is no fact.
func FromHistories(runs []*historypb.History) (Account, error) {
	var a Account
	for i, h := range runs {
		if err := a.replay(i+1, h); err != nil {
			return Account{}, fmt.Errorf("history %d: %w", i+1, err)
		}
	}
	if len(a.Facts) == 0 {
		return Account{}, errors.New("no worker has run the case: it has no facts")
	}
	return a, nil
}

func (a *Account) replay(run int, h *historypb.History) error {
	completed := map[int64]bool{}
	for _, event := range h.GetEvents() {
		if done := event.GetWorkflowTaskCompletedEventAttributes(); done != nil {
			completed[done.GetStartedEventId()] = true
		}
	}
	if len(completed) == 0 {
		return nil // workflow code has done nothing, and the SDK replays no such history
	}
	var failed error
	add := func(ctx workflow.Context, what string, data any) {
		task := int64(workflow.GetInfo(ctx).GetCurrentHistoryLength())
		if !completed[task] {
			return
		}
		text, err := canonical(data)
		failed = errors.Join(failed, err)
		a.Facts = append(a.Facts, Fact{N: len(a.Facts) + 1, Run: run, Event: task, What: what, Data: text})
	}
	observer := workflows.Observer{
		Began: func(ctx workflow.Context, in workflows.Input, c kyc.Case) {
			a.Policy = c.Policy
			add(a.began(ctx, in, c))
		},
		Applies: func(ctx workflow.Context, e kyc.Event) { add(ctx, nameOf(e), e) },
	}
	return errors.Join(Replay(h, histories.RunID(h), worker.WorkflowReplayerOptions{},
		func(r worker.WorkflowRegistry) { workflows.RegisterObserved(r, observer) }), failed)
}

func (a *Account) began(ctx workflow.Context, in workflows.Input, c kyc.Case) (workflow.Context, string, any) {
	switch {
	case in.Carried == nil:
		return ctx, WhatStarted, Started{
			At: c.StartedAt, Reference: c.Reference, Identity: c.Identity, CustomerID: c.CustomerID, By: in.By}
	case len(a.Facts) == 0:
		c.Notices = nil
		return ctx, WhatRestored, Restored{c}
	}
	sum, _ := digestOf(c) // a case always has JSON: it came as such
	return ctx, WhatCarried, Carried{sum}
}

// Replay runs this build's workflows against a history in plaintext, under the id of a run: workflow code knows by it
// whether it was reset. The error is the SDK's, and names no event.
func Replay(h *historypb.History, run string, o worker.WorkflowReplayerOptions,
	register func(worker.WorkflowRegistry)) error {
	o.DisableDeadlockDetection = true // a busy machine is no deadlock
	replayer, err := worker.NewWorkflowReplayerWithOptions(o)
	if err != nil {
		return err
	}
	register(replayer)
	events := decided(h.GetEvents())
	started := events[0].GetWorkflowExecutionStartedEventAttributes()
	return replayer.ReplayWorkflowHistoryWithOptions(log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
		&historypb.History{Events: events}, worker.ReplayWorkflowHistoryOptions{OriginalExecution: workflow.Execution{
			ID: started.GetWorkflowId(), RunID: run}})
}

// decided leaves out a last workflow task that was started and never completed, and all that follows: it decided
// nothing, and in front of it the SDK leaves unchecked what was decided last (v1.50.0,
// internal_task_handlers.go:1076). So ends the history of a case that was terminated in Temporal.
func decided(events []*historypb.HistoryEvent) []*historypb.HistoryEvent {
	end := len(events)
	for i, e := range slices.Backward(events) {
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			return events[:end]
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
			enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
			end = i
		}
	}
	return events[:end]
}
