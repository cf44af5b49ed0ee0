package recorder_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/proto"

	"durablekyc.example/internal/goldens"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/verify"
)

func (l *lab) find(reference string) goldens.Case {
	i := slices.IndexFunc(l.source.cases, func(c goldens.Case) bool { return c.Reference == reference })
	require.GreaterOrEqual(l.t, i, 0)
	return l.source.cases[i]
}

// record puts one case on record and verifies its evidence.
func (l *lab) record(c goldens.Case) verify.Report {
	l.t.Helper()
	l.source.cases = []goldens.Case{c}
	closed := l.source.closedBy(c)
	require.NoError(l.t, l.recorder().Record(l.t.Context(), closed))
	evidence, err := l.recorder().Evidence(l.t.Context(), recorder.Name(closed.Reference, closed.Run))
	require.NoError(l.t, err)
	return l.verify(evidence)
}

// ended is a history that somebody ended in Temporal after so many events.
func ended(h *historypb.History, events int) *historypb.History {
	cut := proto.CloneOf(h)
	cut.Events = append(cut.Events[:events], &historypb.HistoryEvent{EventId: int64(events + 1),
		EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionTerminatedEventAttributes{
			WorkflowExecutionTerminatedEventAttributes: &historypb.WorkflowExecutionTerminatedEventAttributes{}}})
	return cut
}

// timedOut is a history that ended by a timeout after so many events.
func timedOut(h *historypb.History, events int) *historypb.History {
	cut := ended(h, events)
	last := cut.Events[events]
	last.EventType = enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT
	last.Attributes = &historypb.HistoryEvent_WorkflowExecutionTimedOutEventAttributes{
		WorkflowExecutionTimedOutEventAttributes: &historypb.WorkflowExecutionTimedOutEventAttributes{}}
	return cut
}

// Whatever became of a case, it has a record, and the manifest says what became of it.
func TestRecordsOfUnusualCases(t *testing.T) {
	full := newLab(t).find("carriedover")
	review := newLab(t).find("individualreview")
	signal := slices.IndexFunc(review.Runs[0].Events, func(e *historypb.HistoryEvent) bool {
		return e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
	})
	require.Positive(t, signal)
	another := proto.CloneOf(review.Runs[0])
	for _, e := range another.Events {
		if a := e.GetActivityTaskScheduledEventAttributes(); a != nil {
			a.ActivityType.Name = "SomethingElse"
			break
		}
	}
	for name, test := range map[string]struct {
		c       goldens.Case
		stage   string
		flags   []string
		verdict verify.Verdict
	}{
		"continued": {full, "denied", []string{bundle.FlagContinued}, verify.Verified},
		"its first runs forgotten": {goldens.Case{Reference: full.Reference, Runs: full.Runs[2:]}, "denied",
			[]string{bundle.FlagContinued, bundle.FlagRunsMissing}, verify.Verified},
		"all but the last forgotten": {goldens.Case{Reference: full.Reference, Runs: full.Runs[len(full.Runs)-1:]}, "denied",
			[]string{bundle.FlagRunsMissing}, verify.Verified},
		"terminated": {goldens.Case{Reference: review.Reference, Runs: []*historypb.History{ended(review.Runs[0], signal+1)}},
			"in_review", []string{bundle.FlagUndecided}, verify.Verified},
		"timed out": {goldens.Case{Reference: review.Reference,
			Runs: []*historypb.History{timedOut(review.Runs[0], signal+1)}},
			"in_review", []string{bundle.FlagUndecided}, verify.Verified},
		"terminated within a task": {goldens.Case{Reference: review.Reference,
			Runs: []*historypb.History{ended(review.Runs[0], signal+3)}},
			"in_review", []string{bundle.FlagUndecided}, verify.Verified},
		"never taken up": {goldens.Case{Reference: review.Reference, Runs: []*historypb.History{ended(review.Runs[0], 2)}},
			"", []string{bundle.FlagNotReplayed, bundle.FlagUndecided}, verify.NotChecked},
		"closed by a build that is gone": {goldens.Case{Reference: review.Reference, Runs: []*historypb.History{another}},
			"approved", []string{bundle.FlagNotReplayed}, verify.NotChecked},
	} {
		l := newLab(t)
		r := l.record(test.c)
		require.Equal(t, test.verdict, r.Verdict(), "%s: %s; %s; %s", name, r.Whole, r.Consistent, r.Reexecuted)
		require.Equal(t, test.stage, r.Manifest.Outcome.Stage, name)
		require.Equal(t, test.flags, r.Manifest.Flags, name)
	}
}
