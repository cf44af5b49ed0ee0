package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/cases"
	"durablekyc.example/cases/replay"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/workflows"
)

const (
	replaysAtOnce = 8           // histories that are read and replayed at a time
	readWithin    = time.Minute // one of them, of up to 50,000 events
	tellEvery     = 10 * time.Second
)

// replayCommand is the gate before a deploy: would this build's worker have
// done what the open cases have lived through? It only reads: no case is
// asked, and nothing is billed.
type replayCommand struct {
	Reference string `arg:"" optional:"" help:"One case, open or closed, and its notifier."`
	Open      bool   `help:"All open cases and notifiers."`
	File      string `placeholder:"FILE" help:"Workflow history JSON (temporal workflow show --output json), still encrypted."`

	Canary string        `placeholder:"REF" help:"Give one open case to this build's worker for one workflow task."`
	Build  string        `placeholder:"BUILD" help:"With --canary: the worker's build, if it is not that of this program."`
	Within time.Duration `default:"30s" help:"With --canary: how long the build may take."`
}

// failure is what a replay found out about one history that it did not come
// through.
type failure struct {
	ID        string `json:"id"`
	RunID     string `json:"runId,omitempty"`
	EventID   int64  `json:"eventId,omitempty"`
	EventType string `json:"eventType,omitempty"`
	Reason    string `json:"reason"`
}

// report is what replays found out.
type report struct {
	Build     string    `json:"build"` // whose workflows were run
	Histories int       `json:"histories"`
	Cases     int       `json:"cases"`    // so many of them are of cases
	Checks    int       `json:"checks"`   // so many of Nexus checks, and the others of notifiers
	Replayed  int       `json:"replayed"` // so many of them to their end
	Breaks    []failure `json:"breaks"`   // a worker of this build would be stuck there
	Unopened  []failure `json:"unopened"` // nobody knows
	Endless   []failure `json:"endless"`  // the replay does not end: a worker of this build would spin there
}

func (c replayCommand) Run(ctx context.Context, a *app) error {
	given := 0
	for _, is := range []bool{c.Reference != "", c.Open, c.File != "", c.Canary != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		return usage("replay", "one of REFERENCE, --open, --file or --canary is required")
	}
	if c.Canary != "" {
		if err := (reference{c.Canary}).check("replay"); err != nil {
			return err
		}
		return c.canary(ctx, a)
	}
	if c.Reference != "" {
		if err := (reference{c.Reference}).check("replay"); err != nil {
			return err
		}
	}
	lookup, err := a.lookup()
	if err != nil {
		return err
	}
	keyset, err := a.keyset(ctx, lookup)
	if err != nil {
		return err
	}
	g := &replayRun{keyset: keyset, report: report{Build: telemetry.Version, Breaks: []failure{}, Unopened: []failure{},
		Endless: []failure{}}, told: a.out.clock(), out: a.out}
	switch {
	case c.File != "":
		err = g.file(c.File)
	case c.Open:
		err = g.open(ctx, a)
	default:
		err = g.one(ctx, a, c.Reference)
	}
	if err != nil {
		return err
	}
	if err := a.out.report(g.report); err != nil {
		return err
	}
	return g.verdict(c)
}

// replayRun replays histories, several at a time.
type replayRun struct {
	keyset encryption.Keyset
	out    printer

	mu     sync.Mutex
	report report
	told   time.Time // when progress was last printed
}

func (g *replayRun) file(name string) error {
	again := func(err error, format string, args ...any) error {
		return &cliError{err: fmt.Errorf(format+": %w", append(args, err)...),
			next: "temporal workflow show --workflow-id kyc-REFERENCE --output json > " + name}
	}
	file, err := os.Open(name)
	if err != nil {
		return again(err, "cannot read the history")
	}
	defer file.Close()
	h, err := client.HistoryFromJSON(file, client.HistoryJSONOptions{})
	if err != nil {
		return again(err, "%s is not a workflow history (JSON)", name)
	}
	if len(h.GetEvents()) == 0 || h.Events[0].GetWorkflowExecutionStartedEventAttributes() == nil {
		return again(errors.New("missing WorkflowExecutionStarted event"), "%s is not a workflow history", name)
	}
	g.replayOne(workflow.Execution{ID: h.Events[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowId()}, h)
	return nil
}

// one replays a case's latest run, and its notifier's if there is one.
func (g *replayRun) one(ctx context.Context, a *app, reference string) error {
	caseClient, err := a.cases(ctx)
	if err != nil {
		return err
	}
	if err := g.read(ctx, caseClient, workflow.Execution{ID: workflows.ID(reference)}); err != nil {
		return of(reference, err)
	}
	err = g.read(ctx, caseClient, workflow.Execution{ID: workflows.NotifyID(reference)})
	if errors.Is(err, cases.ErrNotFound) {
		return nil
	}
	return err
}

// open replays what runs, while it is being listed.
func (g *replayRun) open(ctx context.Context, a *app) error {
	caseClient, err := a.cases(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(replaysAtOnce + 1) // with the one that lists
	group.Go(func() error {
		return caseClient.ListOpen(ctx, func(e workflow.Execution) error {
			group.Go(func() error {
				err := g.read(ctx, caseClient, e)
				if errors.Is(err, cases.ErrNotFound) {
					return nil // it ended, and was forgotten, meanwhile
				}
				return err
			})
			return ctx.Err()
		})
	})
	err = group.Wait()
	g.out.footer("")
	return err
}

func (g *replayRun) read(ctx context.Context, caseClient cases.Client, e workflow.Execution) error {
	reading, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	h, err := caseClient.History(reading, e)
	if err != nil {
		return err
	}
	g.replayOne(e, h)
	return nil
}

// replayOne replays one history and notes what comes of it.
func (g *replayRun) replayOne(e workflow.Execution, h *historypb.History) {
	err := replay.Replayer(g.keyset.WorkerConverters()).Replay(h)
	v := failure{ID: e.ID, RunID: e.RunID}
	divergence, isDivergence := errors.AsType[*replay.NonDeterminismError](err)
	switch {
	case isDivergence:
		v.EventID, v.EventType, v.Reason = divergence.Event.GetEventId(), divergence.Event.GetEventType().String(),
			divergence.Reason
	case err != nil:
		v.Reason = err.Error()
	}
	var sealed error
	if err != nil { // for want of a key?
		sealed = g.undecryptable(h, &v)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.report.Histories++
	switch {
	case cases.IsCheck(e.ID):
		g.report.Checks++
	case !cases.IsNotifier(e.ID):
		g.report.Cases++
	}
	_, isEndless := errors.AsType[*replay.EndlessError](err)
	switch {
	case isEndless:
		g.report.Endless = append(g.report.Endless, v)
	case sealed != nil:
		g.report.Unopened = append(g.report.Unopened, v)
	case err != nil:
		g.report.Breaks = append(g.report.Breaks, v)
	default:
		g.report.Replayed++
	}
	g.progress()
}

// undecryptable finds what the keyset does not open up to the event of a verdict,
// which then is about that. Search attributes are never encrypted.
func (g *replayRun) undecryptable(h *historypb.History, v *failure) (first error) {
	codec := g.keyset.Codec()
	for _, event := range h.GetEvents() {
		if v.EventID > 0 && event.GetEventId() > v.EventID {
			break
		}
		visited := proxy.VisitPayloads(context.Background(), event, proxy.VisitPayloadsOptions{SkipSearchAttributes: true,
			Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
				_, err := codec.Decode(payloads)
				return payloads, err
			}})
		if visited != nil {
			v.EventID, v.EventType, v.Reason = event.GetEventId(), event.GetEventType().String(), visited.Error()
			return visited
		}
	}
	return nil
}

// progress prints from time to time how far it is.
func (g *replayRun) progress() {
	line := fmt.Sprintf("%d histories read, %d replay", g.report.Histories, g.report.Replayed)
	g.out.footer(line)
	if now := g.out.clock(); !g.out.live && now.Sub(g.told) >= tellEvery {
		g.told = now
		g.out.notef("%s", line)
	}
}

// report is a table of what did not replay, and a line about all of it.
func (p printer) report(r report) error {
	for _, some := range [][]failure{r.Breaks, r.Unopened, r.Endless} {
		slices.SortFunc(some, func(a, b failure) int { return cmp.Compare(a.ID, b.ID) })
	}
	if p.json {
		return p.value(r)
	}
	if len(r.Breaks)+len(r.Unopened)+len(r.Endless) > 0 {
		var text strings.Builder
		table := tabwriter.NewWriter(&text, 0, 4, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tEVENT\tTYPE\tREASON")
		for _, v := range slices.Concat(r.Breaks, r.Endless, r.Unopened) {
			event := "-"
			if v.EventID > 0 {
				event = fmt.Sprint(v.EventID)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", sanitize(v.ID), event, sanitize(cmp.Or(v.EventType, "-")), sanitize(v.Reason))
		}
		if err := table.Flush(); err != nil {
			return err
		}
		for line := range strings.Lines(text.String()) {
			p.printf("%s", strings.TrimRight(line, " \n"))
		}
		p.printf("")
	}
	checks := ""
	if r.Checks > 0 {
		checks = fmt.Sprintf(", %d of Nexus checks", r.Checks)
	}
	p.printf("%d of %d histories replay on build %s (%d of cases, %d of notifiers%s)", r.Replayed, r.Histories, r.Build,
		r.Cases, r.Histories-r.Cases-r.Checks, checks)
	return nil
}

// failure lets a build pass, or says what to do about it.
func (g *replayRun) verdict(c replayCommand) error {
	switch r := g.report; {
	case len(r.Breaks) > 0:
		return &cliError{next: "temporal workflow show --workflow-id " + r.Breaks[0].ID,
			err: fmt.Errorf("%d of %d histories fail to replay on build %s: do not deploy it; guard the change with "+
				"workflow.GetVersion, or pin those cases to the old build (docs/operations.md)",
				len(r.Breaks), r.Histories, r.Build)}
	case len(r.Endless) > 0:
		return &cliError{next: "temporal workflow show --workflow-id " + r.Endless[0].ID,
			err: fmt.Errorf("%d of %d histories loop for ever on build %s: do not deploy it; fix the loop in its workflow "+
				"code, or terminate and restart the case (docs/operations.md)",
				len(r.Endless), r.Histories, r.Build)}
	case len(r.Unopened) > 0 && c.File != "":
		return &cliError{next: "KYC_KEYSET_FILE=the-file-that-the-worker-reads starter replay --file " + c.File,
			err: errors.New("cannot decrypt the history, so it was not checked: use the worker's keyset, and a history that " +
				"was downloaded encrypted")}
	case len(r.Unopened) > 0:
		return &cliError{next: "KYC_KEYSET_FILE=the-file-that-the-worker-reads starter replay …",
			err: fmt.Errorf("%d of %d histories cannot be decrypted with this KYC_KEYSET and were not checked", len(r.Unopened),
				r.Histories)}
	}
	return nil
}
