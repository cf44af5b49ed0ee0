package verify

import (
	"fmt"
	"regexp"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"durablekyc.example/records/bundle"
	"durablekyc.example/records/facts"
	"durablekyc.example/records/histories"
	"durablekyc.example/workflows"
)

// reexecuted replays every history with the workflows of this build, and compares what the SDK's replayer does not: the
// input of activities, children and signals, the time of timers, the answers of updates, and the result.
func (c *checker) reexecuted() *fault {
	for i, h := range c.all {
		if !taken(h) {
			continue // no worker ever took it up, and the SDK replays no such history
		}
		did, err := replayed(h, histories.RunID(h))
		if reset := histories.FirstReset(h); reset > 0 && err == nil {
			var before *deeds
			before, err = replayed(h, histories.Started(h).GetOriginalExecutionRunId())
			did.until(reset, before)
		}
		found := did.compare(h)
		if found == nil && err != nil {
			found = &difference{reason: "this build diverges: " + firstLine(err)}
		}
		if found != nil {
			f := &fault{part: bundle.HistoriesName, place: fmt.Sprintf("history %d", i+1), reason: found.reason}
			if found.event > 0 {
				f.place = at(i+1, found.event)
			}
			return c.otherRelease(f)
		}
	}
	return nil
}

// replayed returns what the workflows of this build do in a replay, under the id of a run.
func replayed(h *historypb.History, run string) (*deeds, error) {
	did := &deeds{}
	options := worker.WorkflowReplayerOptions{Interceptors: []interceptor.WorkerInterceptor{did}}
	return did, facts.Replay(h, run, options, workflows.Register)
}

func taken(h *historypb.History) bool {
	for _, e := range h.GetEvents() {
		if e.GetWorkflowTaskCompletedEventAttributes() != nil {
			return true
		}
	}
	return false
}

// brackets are attributes that the SDK prints behind what it says.
var brackets = regexp.MustCompile(`: \(.*`)

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return brackets.ReplaceAllString(line, "")
}

// difference is where a history and its replay part; event is 0 if the replay does not say.
type difference struct {
	event  int64
	reason string
}

// compare finds the first history event that has something else than the replay did.
func (d *deeds) compare(h *historypb.History) *difference {
	started := map[int64]int64{} // of each completed workflow task, by the event of its completion
	next := map[int64]int{}      // the deed of a task that the next event of it may be
	for _, e := range h.GetEvents() {
		if done := e.GetWorkflowTaskCompletedEventAttributes(); done != nil {
			started[e.GetEventId()] = done.GetStartedEventId()
			continue
		}
		want, ok := commandOf(e)
		if !ok {
			if f := d.answers(e); f != nil {
				return f
			}
			continue
		}
		task := started[want.completed]
		done := d.of(task)
		// What was started and cancelled within one task left no event: it is passed over.
		i := next[task]
		for i < len(done) && !done[i].is(want) {
			i++
		}
		if i == len(done) {
			return &difference{e.GetEventId(), want.explain(done[min(next[task], len(done)):])}
		}
		next[task] = i + 1
	}
	return nil
}

// answers compares the answer of an update, the result, and what another run is given.
func (d *deeds) answers(e *historypb.HistoryEvent) *difference {
	var (
		what string
		want *commonpb.Payloads
		got  *commonpb.Payloads
	)
	switch {
	case e.GetWorkflowExecutionUpdateCompletedEventAttributes() != nil:
		a := e.GetWorkflowExecutionUpdateCompletedEventAttributes()
		what, want, got = "the update's answer", a.GetOutcome().GetSuccess(), d.updates[a.GetMeta().GetUpdateId()]
	case e.GetWorkflowExecutionCompletedEventAttributes() != nil:
		what, want, got = "the result", e.GetWorkflowExecutionCompletedEventAttributes().GetResult(), d.result
	case e.GetWorkflowExecutionContinuedAsNewEventAttributes() != nil:
		what, got = "the input of the next run", d.result
		want = e.GetWorkflowExecutionContinuedAsNewEventAttributes().GetInput()
	default:
		return nil
	}
	if at, same := samePayloads(want, got); !same {
		return &difference{e.GetEventId(), fmt.Sprintf("%s differs in byte %d from this build's", what, at)}
	}
	return nil
}

// samePayloads compares payloads and returns the first byte of their data that differs.
func samePayloads(want, got *commonpb.Payloads) (at int, same bool) {
	var a, b []byte
	for _, p := range want.GetPayloads() {
		a = append(a, p.GetData()...)
	}
	for _, p := range got.GetPayloads() {
		b = append(b, p.GetData()...)
	}
	if len(want.GetPayloads()) != len(got.GetPayloads()) {
		return 0, false
	}
	at = differs(a, b)
	return at, at < 0
}
