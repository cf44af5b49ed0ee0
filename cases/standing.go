package cases

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// RunState is what Temporal says of the latest run of a case, or of a notifier.
// Every program asks RunStateOf; docs/operations.md has what each answers.
type RunState string

// The run states. The last four ended without a result of ours: the case has no
// outcome, and its reference is used up.
const (
	RunOpen       RunState = "open"
	RunPaused     RunState = "paused" // open; it takes signals and does nothing until it is unpaused
	RunUnknown    RunState = "unknown"
	RunCompleted  RunState = "completed"
	RunCancelled  RunState = "cancelled"
	RunFailed     RunState = "failed"
	RunTerminated RunState = "terminated"
	RunTimedOut   RunState = "timed out"
)

// RunStateOf is the one mapping of Temporal's status. A status that Temporal adds
// later is unknown, which counts as open: nothing is deleted because of it.
func RunStateOf(status enumspb.WorkflowExecutionStatus) RunState {
	switch status {
	// the next run is the case
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return RunOpen
	case enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:
		return RunPaused
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return RunCompleted
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return RunCancelled
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		return RunFailed
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return RunTerminated
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return RunTimedOut
	}
	return RunUnknown
}

// Open reports whether the run may still do something.
func (s RunState) Open() bool { return s == RunOpen || s == RunPaused || s == RunUnknown }

// Broken reports whether the run ended in Temporal without a result.
func (s RunState) Broken() bool { return !s.Open() && s != RunCompleted }

// EndedError is a case, or a notifier, that was ended in Temporal without a
// result. It is ErrEnded.
type EndedError struct{ State RunState }

// Error is the end of a sentence that begins with the case.
func (e *EndedError) Error() string {
	switch e.State {
	case RunFailed, RunTimedOut:
		return string(e.State) + " in Temporal and has no result"
	}
	return "was " + string(e.State) + " in Temporal and has no result"
}

// Is makes it ErrEnded.
func (e *EndedError) Is(target error) bool { return target == ErrEnded }

// ErrPaused is a case that an operator has paused in Temporal: it is also
// ErrNoAnswer, since no worker may answer for it.
var ErrPaused = fmt.Errorf("it is paused in Temporal: %w", ErrNoAnswer)

// PausedError says who paused a case. It is ErrPaused.
type PausedError struct {
	Since  time.Time
	By     string // the identity that Temporal was given
	Reason string // the operator's words: for a terminal, never for a client
}

func (e *PausedError) Error() string { return ErrPaused.Error() }
func (e *PausedError) Unwrap() error { return ErrPaused }

func pausedError(d *workflowservice.DescribeWorkflowExecutionResponse) error {
	p := d.GetWorkflowExtendedInfo().GetPauseInfo()
	e := &PausedError{By: p.GetIdentity(), Reason: p.GetReason()}
	if p.GetPausedTime() != nil {
		e.Since = p.GetPausedTime().AsTime()
	}
	return e
}

// Standing is the state of a case by what Temporal knows of it without a worker.
type Standing struct {
	Closed    time.Time // when it was closed; zero while it is open
	Undecided bool      // it was closed as expired or withdrawn, or ended in Temporal
}

// standingOf reads whether and how a case was closed. A completed case that does
// not say at which stage is an error.
func standingOf(info *workflowpb.WorkflowExecutionInfo) (Standing, error) {
	switch state := RunStateOf(info.GetStatus()); {
	case state.Open():
		return Standing{}, nil
	case state.Broken():
		return Standing{Closed: info.GetCloseTime().AsTime(), Undecided: true}, nil
	}
	// Search attributes are never encrypted, so any converter reads them.
	var stage kyc.Stage
	payload := info.GetSearchAttributes().GetIndexedFields()[workflows.AttributeStage.GetName()]
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &stage); err != nil || !stage.Final() {
		return Standing{}, errors.New("a closed case has no stage in its result")
	}
	undecided := stage != kyc.Approved && stage != kyc.Denied
	return Standing{Closed: info.GetCloseTime().AsTime(), Undecided: undecided}, nil
}
