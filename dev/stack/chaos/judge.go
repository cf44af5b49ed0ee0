package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/cases/replay"
	"durablekyc.example/kyc"
	"durablekyc.example/records/archive"
	"durablekyc.example/sandbox/simulator"
	"durablekyc.example/workflows"
)

// result is what a run ends with.
type result struct {
	Seed       uint64         `json:"seed"`
	Store      string         `json:"store"`
	Lost       bool           `json:"lostCallbacks"`
	Cases      int            `json:"cases"`
	Ended      map[string]int `json:"ended"` // by stage
	Faults     map[string]int `json:"faults"`
	Kills      int            `json:"kills"`
	Seconds    float64        `json:"seconds"`
	Median     float64        `json:"decisionMedianSeconds"` // from ConnectFi's decision to ours
	P99        float64        `json:"decisionP99Seconds"`
	Slowest    float64        `json:"decisionSlowestSeconds"`
	Histories  int            `json:"historiesReplayed"`
	Resent     int            `json:"casesWhoseEventsWereResent"`
	Records    recordCounts   `json:"records"`
	Violations []violation    `json:"violations"`
}

type violation struct {
	Case string `json:"case"`
	What string `json:"what"`
}

// awaitQuiescence waits until every case was started and has ended, and at most that long. Notifiers may
// go on: a receiver that failed twice is left alone for minutes.
func (w *world) awaitQuiescence(ctx context.Context, within time.Duration, out *os.File) {
	deadline := time.Now().Add(within)
	said := time.Now()
	for ctx.Err() == nil && time.Now().Before(deadline) {
		c, err := w.Dial(ctx)
		if err == nil {
			n, counted := openCases(ctx, c)
			c.Close()
			waiting := w.unanswered()
			if counted == nil && n == 0 && waiting == 0 {
				fmt.Fprintf(out, "every case has ended, %s after the faults\n", (within - time.Until(deadline)).Round(time.Second))
				return
			}
			if time.Since(said) > 10*time.Second {
				said = time.Now()
				fmt.Fprintf(out, "%d cases are open, and %d were not answered yet\n", n, waiting)
			}
		}
		time.Sleep(time.Second)
	}
}

// evidence is what the judges look at.
type evidence struct {
	subject *caseRecord
	view    *kyc.View                  // nil if it cannot be shown
	closed  bool                       // Temporal, or the record, says that it was terminated
	deleted bool                       // Temporal does not know it any more, as an operator has deleted it
	open    bool                       // Temporal says that it runs
	truth   simulator.ApplicationEntry // ConnectFi's word
	ledger  simulator.LedgerEntry      // and what it was made to do
	events  map[string]string          // by id: what the receiver of all heard
	runs    []*historypb.History       // of the case and of its notifier
	unread  []error                    // why one of them cannot be read
}

// check looks at every case from all sides.
func (w *world) check(ctx context.Context, n *nemesis, took time.Duration) (*result, error) {
	r := &result{Seed: w.Seed, Store: "sqlite", Lost: w.Lost, Cases: w.Cases, Faults: n.faults(), Kills: n.kills(),
		Seconds: took.Seconds(), Ended: map[string]int{}, Violations: []violation{}}
	if w.Postgres != "" {
		r.Store = "postgresql"
	}
	n.mu.Lock()
	failed := errors.Join(n.errs...)
	n.mu.Unlock()
	if failed != nil {
		r.Violations = append(r.Violations, violation{"the system", failed.Error()})
	}
	var applications []simulator.ApplicationEntry
	var entries []simulator.LedgerEntry
	if err := errors.Join(w.Control(ctx, http.MethodGet, "/sandbox/applications", nil, &applications),
		w.Control(ctx, http.MethodGet, "/sandbox/ledger", nil, &entries)); err != nil {
		return nil, err
	}
	keyset, err := w.Keyset()
	if err != nil {
		return nil, err
	}
	temporal, err := w.Dial(ctx)
	if err != nil {
		return nil, err
	}
	defer temporal.Close()
	closed, err := archive.Open(ctx, w.Vars["KYC_RECORDS"], keyset)
	if err != nil {
		return nil, err
	}
	defer closed.Close()
	caseClient := cases.Client{Temporal: temporal, Records: closed}
	var latencies []float64
	for _, s := range w.all() {
		e := w.gather(ctx, caseClient, s, applications, entries)
		if missing(e) != "" {
			r.Resent++
			w.resend(ctx, caseClient, &e)
		}
		r.Histories += len(e.runs)
		wrong := examine(e, replay.Replayer(keyset.WorkerConverters()))
		if missing(e) != "" {
			notices, err := caseClient.Events(ctx, s.reference)
			wrong = append(wrong, fmt.Sprintf("its notifier says %+v (%v)", notices, err))
		}
		for _, what := range wrong {
			r.Violations = append(r.Violations, violation{s.reference, s.scenario + ": " + what})
		}
		if e.closed {
			r.Ended[terminated]++
		}
		if e.view != nil {
			r.Ended[string(e.view.Stage)]++
			if at := decidedAt(*e.view); !s.decided.IsZero() && !at.IsZero() && len(s.pressed) == 0 {
				latencies = append(latencies, max(at.Sub(s.decided).Seconds(), 0))
			}
		}
	}
	w.receiver.mu.Lock()
	for _, f := range w.receiver.forged {
		r.Violations = append(r.Violations, violation{"the receiver", "what it heard cannot be believed: " + f})
	}
	w.receiver.mu.Unlock()
	if slices.Sort(latencies); len(latencies) > 0 {
		r.Median, r.P99, r.Slowest = latencies[len(latencies)/2], latencies[len(latencies)*99/100],
			latencies[len(latencies)-1]
	}
	return r, nil
}

// gather collects the evidence of one case.
func (w *world) gather(ctx context.Context, caseClient cases.Client, s *caseRecord,
	applications []simulator.ApplicationEntry,
	entries []simulator.LedgerEntry) evidence {
	e := evidence{subject: s, events: w.receiver.heard(s.reference)}
	status, err := caseClient.Describe(ctx, s.reference)
	e.open = err == nil && status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	e.deleted = errors.Is(err, cases.ErrNotFound) && s.deleted != ""
	v, err := caseClient.Show(ctx, s.reference)
	if err == nil {
		e.view = &v
	}
	ended, isEnded := errors.AsType[*cases.EndedError](err)
	e.closed = isEnded && ended.State == cases.RunTerminated
	for _, a := range applications {
		if a.Reference == s.reference {
			e.truth = a
		}
	}
	for _, l := range entries {
		if l.Reference == s.reference {
			e.ledger = l
		}
	}
	for _, id := range []string{workflows.ID(s.reference), workflows.NotifyID(s.reference)} {
		h, err := caseClient.History(ctx, workflow.Execution{ID: id})
		switch {
		case err == nil:
			e.runs = append(e.runs, h)
		case errors.Is(err, cases.ErrNotFound) && len(s.pressed) > 0 && cases.IsNotifier(id):
			// It was ended before there was anything to report, or deleted.
		case errors.Is(err, cases.ErrNotFound) && e.deleted:
			// Its histories are on record, and replayed from there.
		default:
			e.unread = append(e.unread, err)
		}
	}
	return e
}

// resend asks for what the receiver of all has not heard. A delivery that failed
// twice waits for minutes. One that died with its worker is waited for until its
// 30 seconds are over.
func (w *world) resend(ctx context.Context, caseClient cases.Client, e *evidence) {
	for i := range 500 {
		if i%100 == 0 {
			_, _ = caseClient.Resend(ctx, e.subject.reference, "") // whether it worked, the receiver shows
		}
		if e.events = w.receiver.heard(e.subject.reference); missing(*e) == "" {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// examine is every judge there is, over one case. It knows nothing of how the
// case was run, so that it can be tried on a planted fault.
func examine(e evidence, replayer replay.Replayer) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	// An operator may have ended it before it was identified.
	ended := e.closed || e.view != nil && e.view.Stage == kyc.Withdrawn
	if e.ledger.Applications != 1 && !(ended && e.ledger.Applications == 0 && e.truth.ApplicationID == "") {
		say("ConnectFi has %d applications of it", e.ledger.Applications)
	}
	for _, err := range e.unread {
		say("cannot read its history: %v", err)
	}
	if e.view == nil && !e.closed {
		say("the case cannot be told")
		return wrong
	}
	if e.closed || e.view.Stage.Final() {
		wrong = append(wrong, examineEnd(e)...)
	}
	wrong = append(wrong, examineEvents(e)...)
	if e.closed {
		return wrong
	}
	v := *e.view
	if !v.Stage.Final() {
		say("it has not ended: it is %s, waiting for %s until %s", v.Stage, v.WaitingOn, v.Until)
		if v.Until.IsZero() {
			say("its stage has no deadline")
		}
	}
	if v.Stage.Final() && e.open {
		say("it has ended, and its workflow goes on")
	}
	if v.ApplicationID != e.truth.ApplicationID && !(v.Stage == kyc.Withdrawn && v.ApplicationID == "") {
		say("it is the application %s, and ConnectFi's is %s", v.ApplicationID, e.truth.ApplicationID)
	}
	// In back_and_forth the sandbox wants documents again while an answer may be
	// lost: whoever links them again cannot tell that from a link never made.
	if e.ledger.Attachments != e.ledger.Documents && e.subject.scenario != "back_and_forth" {
		say("%d links were made for %d documents", e.ledger.Attachments, e.ledger.Documents)
	}
	if strings.HasPrefix(e.subject.scenario, "step_up") && e.ledger.Documents != 2 && v.Stage != kyc.Withdrawn {
		say("%d documents were linked, front and back are two", e.ledger.Documents)
	}
	if lost := missing(e); lost != "" {
		say("nobody heard of %s", lost)
	}
	finals := 0
	for _, t := range v.Timeline {
		if kyc.Stage(t.What).Final() {
			finals++
		}
	}
	if v.Stage.Final() && finals != 1 {
		say("its timeline has %d ends", finals)
	}
	if len(v.Timeline) == 0 || v.Timeline[0].What != kyc.EntryStarted {
		say("its timeline does not begin with its start")
	}
	for _, h := range e.runs {
		if err := replayer.Replay(h); err != nil {
			say("its history does not replay: %v", err)
		}
	}
	return wrong
}

// decidedAt is when a case knew its decision.
func decidedAt(v kyc.View) (at time.Time) {
	for _, t := range v.Timeline {
		if kyc.Stage(t.What).Final() {
			at = t.At
		}
	}
	return at
}

// unanswered is how many still ask for their case.
func (w *world) unanswered() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.cases {
		if !s.accepted {
			n++
		}
	}
	return n
}

func openCases(ctx context.Context, c client.Client) (int64, error) {
	n, err := c.CountWorkflow(ctx,
		&workflowservice.CountWorkflowExecutionsRequest{Query: "WorkflowType = 'KYC' AND ExecutionStatus = 'Running'"})
	return n.GetCount(), err
}

func (r *result) print(out io.Writer) {
	fmt.Fprintf(out, "\nseed %d on %s: %d cases, %d kills, %.0f s\n\n", r.Seed, r.Store, r.Cases, r.Kills, r.Seconds)
	for _, table := range []struct {
		head string
		rows map[string]int
	}{{"ended", r.Ended}, {"what happened", r.Faults}} {
		fmt.Fprintln(out, table.head)
		for _, name := range slices.Sorted(maps.Keys(table.rows)) {
			fmt.Fprintf(out, "  %-30s %6d\n", name, table.rows[name])
		}
	}
	fmt.Fprintf(out, "from ConnectFi's decision to ours: median %.2f s, p99 %.2f s, slowest %.2f s\n", r.Median, r.P99,
		r.Slowest)
	fmt.Fprintf(out, "histories replayed %d, cases whose events were asked for again %d\n", r.Histories, r.Resent)
	fmt.Fprintf(out, "closed cases %d, leaves %d; records whole %d, consistent %d, re-executed %d; files that killed "+
		"recorders left %d\n", r.Records.Closed, r.Records.Leaves, r.Records.Whole, r.Records.Consistent,
		r.Records.Reexecuted, r.Records.Torn)
	for _, v := range r.Violations {
		fmt.Fprintf(out, "  %s: %s\n", v.Case, v.What)
	}
	fmt.Fprintf(out, "violations %d\n", len(r.Violations))
}
