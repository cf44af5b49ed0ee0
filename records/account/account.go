// Package account derives what a manifest says of a case from the parts of its bundle: for those who write a record,
// and for those who check one.
package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gowebpki/jcs"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/kyc"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/facts"
	"durablekyc.example/records/histories"
	"durablekyc.example/workflows"
)

// Runs describes runs by their histories. Their ids are known to Temporal alone: after a reset a history has that of
// the run that was reset.
func Runs(all []*historypb.History, ids []string) (runs []bundle.Run) {
	for i, h := range all {
		start, events := histories.Started(h), h.GetEvents()
		run := bundle.Run{Workflow: start.GetWorkflowId(), Run: ids[i],
			Type: start.GetWorkflowType().GetName(), Events: len(events)}
		if last := events[len(events)-1].GetEventType(); closes[last] {
			run.Close = strings.TrimPrefix(last.String(), "WorkflowExecution")
		}
		runs = append(runs, run)
	}
	return runs
}

// closes are the history events that end a run.
var closes = map[enumspb.EventType]bool{
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:        true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:           true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:        true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:         true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:       true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: true,
}

// Flags are the flags of a case, by its own runs and its outcome.
func Flags(runs []*historypb.History, o bundle.Outcome, replayed bool) []string {
	flags := []string{}
	if len(runs) > 1 {
		flags = append(flags, bundle.FlagContinued)
	}
	if !replayed {
		flags = append(flags, bundle.FlagNotReplayed)
	}
	if slices.ContainsFunc(runs, WasReset) {
		flags = append(flags, bundle.FlagReset)
	}
	if histories.Started(runs[0]).GetContinuedExecutionRunId() != "" {
		flags = append(flags, bundle.FlagRunsMissing)
	}
	if o.Outcome == "" {
		flags = append(flags, bundle.FlagUndecided)
	}
	return flags
}

// WasReset reports whether an operator reset a run: its history then has the id of the run that was reset.
func WasReset(h *historypb.History) bool { return !histories.ResetAt(h).IsZero() }

// Outcome is how a case ended that was stepped over its facts.
func Outcome(all []facts.Fact, s facts.Stepped) bundle.Outcome {
	o := OutcomeOf(s.Case.View())
	if o.Fact = s.Decided; s.Decided > 0 {
		var decided struct {
			Reading struct {
				RequestID string `json:"requestId"`
			} `json:"reading"`
		}
		// A fact that has no such field decided without an answer of ConnectFi's, or comes from a release without it.
		_ = json.Unmarshal(all[s.Decided-1].Data, &decided)
		o.RequestID = decided.Reading.RequestID
	}
	return o
}

// OutcomeOf is how a case ended by its view alone.
func OutcomeOf(v kyc.View) bundle.Outcome {
	return bundle.Outcome{Stage: string(v.Stage), Outcome: string(v.Outcome), EndedAt: v.EndedAt}
}

// Result is the view that the case ended with, by its last run; nil if that run did not complete. The address that the
// caller hears at is left out: it is not a fact of the case.
func Result(runs []*historypb.History) (*kyc.View, error) {
	events := runs[len(runs)-1].GetEvents()
	completed := events[len(events)-1].GetWorkflowExecutionCompletedEventAttributes()
	if completed == nil {
		return nil, nil
	}
	v := &kyc.View{}
	if err := converter.GetDefaultDataConverter().FromPayloads(completed.GetResult(), v); err != nil {
		return nil, errors.New("the result of the case is not readable")
	}
	v.Webhook = ""
	return v, nil
}

// Policy is the policy that was pinned when the case started, canonically.
func Policy(runs []*historypb.History) ([]byte, error) {
	var in workflows.Input
	err := converter.GetDefaultDataConverter().FromPayloads(histories.Started(runs[0]).GetInput(), &in)
	if err != nil {
		return nil, fmt.Errorf("the input of the case is not readable: %w", err)
	}
	text, err := json.Marshal(in.Policy)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(text)
}
