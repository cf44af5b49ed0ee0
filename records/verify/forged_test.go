package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"durablekyc.example/records/bundle"
	"durablekyc.example/records/facts"
	"durablekyc.example/records/histories"
	"durablekyc.example/records/verify"
)

// forge is a record of a case with its parts changed by someone who has the key of the log: it is whole.
func (a *archive) forge(reference string, change func(m *bundle.Manifest, parts map[string][]byte)) verify.Report {
	a.t.Helper()
	evidence := a.evidence(reference)
	parts, err := evidence.Open()
	require.NoError(a.t, err)
	m := evidence.Manifest
	change(&m, parts)
	var plain []bundle.Plain
	for _, p := range evidence.Manifest.Parts {
		plain = append(plain, bundle.Plain{Name: p.Name, Data: parts[p.Name]})
	}
	b, err := bundle.New(m, plain, func(key []byte) ([]byte, error) { return key, nil })
	require.NoError(a.t, err)
	kept := a.maker
	a.maker.Keyset = plainKeys{a.maker.Keyset}
	defer func() { a.maker = kept }()
	r := a.verify(a.prove(b).Encode())
	require.Equal(a.t, verify.Verified, r.Whole.Verdict, r.Whole)
	return r
}

// onFacts changes the lines of the facts, and numbers them again.
func onFacts(t *testing.T, change func([]facts.Fact) []facts.Fact) func(*bundle.Manifest, map[string][]byte) {
	return func(_ *bundle.Manifest, parts map[string][]byte) {
		all, err := facts.Decode(parts[bundle.FactsName])
		require.NoError(t, err)
		all = change(all)
		for i := range all {
			all[i].N = i + 1
		}
		parts[bundle.FactsName], err = facts.Encode(all)
		require.NoError(t, err)
	}
}

// onHistory changes the events of the first history of the case, and numbers them again.
func onHistory(t *testing.T, change func([]*historypb.HistoryEvent) []*historypb.HistoryEvent,
) func(*bundle.Manifest, map[string][]byte) {
	return func(m *bundle.Manifest, parts map[string][]byte) {
		all, err := histories.Decode(parts[bundle.HistoriesName])
		require.NoError(t, err)
		all[0].Events = change(all[0].Events)
		m.Runs[0].Events = len(all[0].Events)
		parts[bundle.HistoriesName], err = histories.Encode(all)
		require.NoError(t, err)
	}
}

func index(events []*historypb.HistoryEvent, kind enumspb.EventType) int {
	return slices.IndexFunc(events, func(e *historypb.HistoryEvent) bool { return e.GetEventType() == kind })
}

// One fact swapped with the next, left out, told twice, or told otherwise is found, and named.
func TestForgedFactsAreNamed(t *testing.T) {
	a := newArchive(t)
	for name, change := range map[string]func([]facts.Fact) []facts.Fact{
		"swapped":  func(f []facts.Fact) []facts.Fact { f[2], f[3] = f[3], f[2]; return f },
		"dropped":  func(f []facts.Fact) []facts.Fact { return slices.Delete(f, 2, 3) },
		"repeated": func(f []facts.Fact) []facts.Fact { return slices.Insert(f, 2, f[1]) },
		"changed": func(f []facts.Fact) []facts.Fact {
			f[2].Data = []byte(strings.Replace(string(f[2].Data), `"at":"2`, `"at":"3`, 1))
			return f
		},
		"moved": func(f []facts.Fact) []facts.Fact { f[2].Event++; return f },
	} {
		r := a.forge("notified", onFacts(t, change))
		require.Equal(t, verify.Refuted, r.Consistent.Verdict, name)
		require.Equal(t, bundle.FactsName, r.Consistent.Part, name)
		require.Contains(t, r.Consistent.Place, "fact 3 (history 1, event ", name)
		require.Equal(t, verify.NotChecked, r.Reexecuted.Verdict)
	}
	r := a.forge("notified", onFacts(t, func(f []facts.Fact) []facts.Fact { return f[:len(f)-1] }))
	require.Contains(t, r.Consistent.Reason, "it is missing")
	r = a.forge("notified", onFacts(t, func(f []facts.Fact) []facts.Fact { return append(f, f[len(f)-1]) }))
	require.Contains(t, r.Consistent.Reason, "the history has no such fact")
	r = a.forge("notified", func(_ *bundle.Manifest, parts map[string][]byte) {
		parts[bundle.FactsName] = append(parts[bundle.FactsName], "{}\n"...)
	})
	require.Contains(t, r.Consistent.String(), "facts.jsonl, fact ")
}

// Two history events swapped, one dropped, one repeated: the event is named.
func TestForgedEventsAreNamed(t *testing.T) {
	a := newArchive(t)
	for name, change := range map[string]func([]*historypb.HistoryEvent) []*historypb.HistoryEvent{
		"swapped":  func(e []*historypb.HistoryEvent) []*historypb.HistoryEvent { e[7], e[8] = e[8], e[7]; return e },
		"dropped":  func(e []*historypb.HistoryEvent) []*historypb.HistoryEvent { return slices.Delete(e, 7, 8) },
		"repeated": func(e []*historypb.HistoryEvent) []*historypb.HistoryEvent { return slices.Insert(e, 7, e[6]) },
	} {
		r := a.forge("individualreview", onHistory(t, change))
		require.Equal(t, verify.Refuted, r.Consistent.Verdict, name)
		require.Equal(t, bundle.HistoriesName, r.Consistent.Part, name)
		require.Regexp(t, `history 1 has event \d+ where event 8 belongs`, r.Consistent.Reason, name)
	}
}

// What the SDK's replayer does not compare, this package does: inputs, timers, answers and results.
func TestWhatTheReplayerDoesNotCompare(t *testing.T) {
	a := newArchive(t)
	swap := func(p *commonpb.Payloads, old, new string) {
		data := string(p.GetPayloads()[0].GetData())
		require.Contains(t, data, old)
		p.GetPayloads()[0].Data = []byte(strings.Replace(data, old, new, 1))
	}
	for name, test := range map[string]struct {
		reference string
		kind      enumspb.EventType
		change    func(e *historypb.HistoryEvent)
		reason    string
	}{
		"input of an activity": {"individualreview", enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
			func(e *historypb.HistoryEvent) {
				swap(e.GetActivityTaskScheduledEventAttributes().GetInput(), `"reference":"individual`, `"reference":"Individual`)
			}, "the input of the activity Identify differs in byte 14"},
		"timer": {"individualreview", enumspb.EVENT_TYPE_TIMER_STARTED, func(e *historypb.HistoryEvent) {
			e.GetTimerStartedEventAttributes().StartToFireTimeout = durationpb.New(1)
		}, "the recorded timer is 1ns, this build sets"},
		"child": {"notified", enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED, func(e *historypb.HistoryEvent) {
			swap(e.GetStartChildWorkflowExecutionInitiatedEventAttributes().GetInput(), `"evt_`, `"evt-`)
		}, "the input of the child workflow KYCNotify differs"},
		"signal": {"notified", enumspb.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
			func(e *historypb.HistoryEvent) {
				swap(e.GetSignalExternalWorkflowExecutionInitiatedEventAttributes().GetInput(), `"evt_`, `"evt-`)
			}, "the input of the signal to kyc-notify-notified notices differs"},
		"answer": {"notified", enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED, func(e *historypb.HistoryEvent) {
			swap(e.GetWorkflowExecutionUpdateCompletedEventAttributes().GetOutcome().GetSuccess(), `"links":0`, `"links":1`)
		}, "the update's answer differs"},
		"next run": {"notified", enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW, func(e *historypb.HistoryEvent) {
			swap(e.GetWorkflowExecutionContinuedAsNewEventAttributes().GetInput(), `"evt_`, `"evt-`)
		}, "the input of the next run differs"},
	} {
		at := 0
		r := a.forge(test.reference, onHistory(t, func(events []*historypb.HistoryEvent) []*historypb.HistoryEvent {
			at = index(events, test.kind)
			require.GreaterOrEqual(t, at, 0, name)
			test.change(events[at])
			return events
		}))
		require.Equal(t, verify.Verified, r.Consistent.Verdict, "%s: %s", name, r.Consistent)
		require.Equal(t, verify.Refuted, r.Reexecuted.Verdict, name)
		require.Equal(t, bundle.HistoriesName, r.Reexecuted.Part, name)
		require.Equal(t, fmt.Sprintf("history 1, event %d", at+1), r.Reexecuted.Place, name)
		require.Contains(t, r.Reexecuted.Reason, test.reason, name)
	}
}

// The result of the case is compared with the facts, and what the manifest says with the parts.
func TestForgedOutcomesAreNamed(t *testing.T) {
	a := newArchive(t)
	r := a.forge("individualdeny", onHistory(t, func(events []*historypb.HistoryEvent) []*historypb.HistoryEvent {
		result := events[len(events)-1].GetWorkflowExecutionCompletedEventAttributes().GetResult().GetPayloads()[0]
		result.Data = []byte(strings.ReplaceAll(string(result.Data), "denied", "approved"))
		return events
	}))
	require.Equal(t, bundle.FactsName, r.Consistent.Part)
	require.Contains(t, r.Consistent.Reason, "the case stepped over them differs from the result of history 1 in byte ")
	for field, change := range map[string]func(m *bundle.Manifest){
		"outcome": func(m *bundle.Manifest) { m.Outcome.Outcome = "approved" },
		"flags":   func(m *bundle.Manifest) { m.Flags = append(m.Flags, bundle.FlagReset) },
		"builds":  func(m *bundle.Manifest) { m.Builds = nil },
		"runs":    func(m *bundle.Manifest) { m.Runs[0].Close = "Terminated" },
		"record":  func(m *bundle.Manifest) { m.Record += "2" },
	} {
		r := a.forge("individualdeny", func(m *bundle.Manifest, _ map[string][]byte) { change(m) })
		require.Equal(t, verify.Level{Verdict: verify.Refuted, Part: bundle.ManifestName, Place: field,
			Reason: "does not match the other parts"}, r.Consistent)
	}
	r = a.forge("individualdeny", func(m *bundle.Manifest, _ map[string][]byte) { m.Runs[0].Run = "another" })
	require.Contains(t, r.Consistent.Reason, "run another is not the one of history 1")
	r = a.forge("individualdeny", func(_ *bundle.Manifest, parts map[string][]byte) {
		parts[bundle.PolicyName] = []byte(strings.Replace(string(parts[bundle.PolicyName]), "1", "2", 1))
	})
	require.Equal(t, bundle.PolicyName, r.Consistent.Part)
}

// A bundle with the history of another case does not verify.
func TestAHistoryOfAnotherCase(t *testing.T) {
	a := newArchive(t)
	other, err := a.evidence("individualapprove").Open()
	require.NoError(t, err)
	r := a.forge("individualdeny", func(_ *bundle.Manifest, parts map[string][]byte) {
		parts[bundle.HistoriesName] = other[bundle.HistoriesName]
	})
	require.Equal(t, verify.Level{Verdict: verify.Refuted, Part: bundle.HistoriesName,
		Reason: "history 1 is of another case"},
		r.Consistent)
}

// What this build does otherwise than the one that wrote a record could be its own change: it says who can tell.
func TestARecordOfAnotherRelease(t *testing.T) {
	a := newArchive(t)
	a.verifier.Release = "v0.2"
	r := a.forge("individualreview", onHistory(t, func(events []*historypb.HistoryEvent) []*historypb.HistoryEvent {
		at := index(events, enumspb.EVENT_TYPE_TIMER_STARTED)
		events[at].GetTimerStartedEventAttributes().StartToFireTimeout = durationpb.New(1)
		return events
	}))
	require.Equal(t, verify.NotChecked, r.Reexecuted.Verdict)
	require.Contains(t, r.Reexecuted.Reason, "release v0.1 wrote this record: verify it with that one")
	require.Equal(t, verify.NotChecked, r.Verdict())
}
