package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/kyc"
	"durablekyc.example/sandbox/simulator"
	"durablekyc.example/workflows"
)

// scaling is a system with ever more open cases, all of them in review.
type scaling struct {
	settings
	*fleet.System
	temporal client.Client
	begin    func(ctx context.Context, reference, customer string) error
	caller   caller
	decided  int // so far
}

// scaleResult is what a run ends with.
type scaleResult struct {
	Store string `json:"store"`
	CPUs  int    `json:"cpus"`
	Steps []step `json:"steps"`
	Lost  int    `json:"lost"` // cases that did not end as they should, or have not one application
}

// step is the system with so many open cases. Times are in seconds.
type step struct {
	Open      int            `json:"open"`
	Rate      float64        `json:"casesPerSecondToReview"` // while they were started
	Memory    map[string]int `json:"memoryBytes"`            // resident, by process, while all sleep
	List      float64        `json:"listSeconds"`            // starter list
	ListStage float64        `json:"listStageSeconds"`       // starter list --stage in_review
	Burst     int            `json:"burst"`                  // callbacks, by as many clients as can be
	Accepted  float64        `json:"callbacksPerSecond"`
	Refused   int            `json:"refused"` // with 503, and sent again
	// from the first callback until every case of the burst has ended
	Drained float64        `json:"drainedSeconds"`
	Median  float64        `json:"decisionMedianSeconds"` // from a callback to the end of its case, of a sample
	P99     float64        `json:"decisionP99Seconds"`
	Peak    map[string]int `json:"peakMemoryBytes"` // after the burst
}

// grow goes from size to size. A tenth of what is open is decided at each.
func grow(ctx context.Context, s settings) (g *scaleResult, err error) {
	w := &scaling{settings: s}
	defer func() {
		if w.System != nil {
			err = errors.Join(err, w.Stop())
		}
	}()
	if w.System, err = fleet.Up(ctx, fleet.Options{Work: s.Work, Postgres: s.Postgres, Workers: 1, Webhooks: 1,
		Memory: s.Postgres == ""}); err != nil {
		return nil, err
	}
	keyset, err := w.Keyset()
	if err != nil {
		return nil, err
	}
	if w.temporal, err = w.Dial(ctx); err != nil {
		return nil, err
	}
	defer w.temporal.Close()
	if w.caller, err = newCaller(w.System, s.Clients); err != nil {
		return nil, err
	}
	defer w.caller.http.CloseIdleConnections()
	w.begin = plain(cases.Client{Temporal: w.temporal}, keyset.Converters().Data)
	if err := w.Control(ctx, http.MethodPut, "/sandbox/faults", map[string]any{"drop_callbacks": 1}, nil); err != nil {
		return nil, err // ours are sent by us
	}
	g = &scaleResult{Store: store(s), CPUs: runtime.NumCPU()}
	for _, size := range s.Scale.Sizes {
		step, err := w.step(ctx, size)
		if err != nil {
			return nil, fmt.Errorf("%d cases: %w", size, err)
		}
		g.Steps = append(g.Steps, step)
	}
	g.Lost, err = w.lost(ctx)
	return g, err
}

func (w *scaling) step(ctx context.Context, size int) (s step, err error) {
	s.Open = size
	open, err := w.count(ctx, kyc.InReview)
	if err != nil {
		return s, err
	}
	began := time.Now()
	if err := w.fill(ctx, open, size-open); err != nil {
		return s, err
	}
	if err := reach(ctx, kyc.InReview, size, w.count); err != nil {
		return s, err
	}
	s.Rate = float64(size-open) / time.Since(began).Seconds()
	time.Sleep(w.Scale.Rest)
	if s.Memory, err = w.memory(); err != nil {
		return s, err
	}
	if s.List, err = w.time(ctx, "list"); err != nil {
		return s, err
	}
	if s.ListStage, err = w.time(ctx, "list", "--stage", string(kyc.InReview)); err != nil {
		return s, err
	}
	if err := w.burst(ctx, &s); err != nil {
		return s, err
	}
	s.Peak, err = w.memory()
	fmt.Printf("%d open: %.0f cases a second into review, a burst of %d drained in %.1f s, starter list %.2f s\n", s.Open,
		s.Rate, s.Burst, s.Drained, s.List)
	return s, err
}

// fill starts so many cases beside those that are open, and says how far it is.
// No more than two thousand are on their way, as of a wave that is paced.
func (w *scaling) fill(ctx context.Context, open, count int) error {
	const chunk = 1000
	for done := 0; done < count; done += chunk {
		if err := reach(ctx, kyc.InReview, open+done-chunk, w.count); err != nil {
			return err
		}
		customers, err := w.Customers(ctx, "individual", "review", min(chunk, count-done), 0)
		if err != nil {
			return err
		}
		start := func(i int) error {
			return untilTaken(ctx, func(ctx context.Context) error { return w.start(ctx, customers[i]) })
		}
		if err := each(w.Clients, len(customers), start); err != nil {
			return err
		}
		if (done+chunk)%(10*chunk) == 0 {
			fmt.Printf("  %d of %d were started\n", done+chunk, count)
		}
	}
	return nil
}

// start starts one; its reference is the customer's id without the prefix, of
// 21 letters now and then.
func (w *scaling) start(ctx context.Context, customer string) error {
	_, reference, _ := strings.Cut(customer, "_")
	return w.begin(ctx, reference, customer)
}

// burst decides a tenth of the open cases and calls back about all of them at once.
func (w *scaling) burst(ctx context.Context, s *step) error {
	applications, err := undecided(ctx, w.System)
	if err != nil {
		return err
	}
	s.Burst = s.Open / 10
	chosen := applications[:s.Burst]
	if err := each(w.Clients, s.Burst, func(i int) error { return approve(ctx, w.System, chosen[i]) }); err != nil {
		return err
	}
	var refused atomic.Int64
	began := time.Now()
	err = each(w.Clients, s.Burst, func(i int) error {
		for {
			err := w.caller.call(ctx, chosen[i].Reference, chosen[i].ApplicationID, i)
			if !errors.Is(err, errBusy) {
				return err
			}
			refused.Add(1)
			time.Sleep(time.Second) // what Retry-After says
		}
	})
	if err != nil {
		return err
	}
	s.Accepted, s.Refused = float64(s.Burst)/time.Since(began).Seconds(), int(refused.Load())
	w.decided += s.Burst
	if err := reach(ctx, kyc.Approved, w.decided, w.count); err != nil {
		return err
	}
	s.Drained = time.Since(began).Seconds()
	return w.sample(ctx, chosen, s)
}

// sample reads how long some of the cases took from their callback to their end.
// One that its watch decided before the callback came is none of them.
func (w *scaling) sample(ctx context.Context, chosen []simulator.ApplicationEntry, s *step) error {
	var decided []time.Duration
	for i := 0; i < len(chosen); i += max(len(chosen)/500, 1) {
		d, err := decision(ctx, w.temporal, workflows.ID(chosen[i].Reference))
		switch {
		case err == nil:
			decided = append(decided, d)
		case !errors.Is(err, errNoCallback):
			return err
		}
	}
	s.Median, s.P99 = quantiles(decided)
	return nil
}

// lost counts the cases that are not what they should be.
func (w *scaling) lost(ctx context.Context) (lost int, err error) {
	all, last := w.decided, w.Scale.Sizes[len(w.Scale.Sizes)-1]
	for stage, want := range map[kyc.Stage]int{kyc.Approved: w.decided, kyc.InReview: last - last/10} {
		have, err := w.count(ctx, stage)
		if err != nil {
			return 0, err
		}
		lost += max(want-have, have-want)
		if stage == kyc.InReview {
			all += have
		}
	}
	var entries []simulator.LedgerEntry
	if err := w.Control(ctx, http.MethodGet, "/sandbox/ledger", nil, &entries); err != nil {
		return 0, err
	}
	for _, e := range entries {
		if e.Applications != 1 {
			lost++
		}
	}
	return lost + max(all-len(entries), len(entries)-all), nil
}

// count asks visibility.
func (w *scaling) count(ctx context.Context, stage kyc.Stage) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	answer, err := w.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND %s = '%s'", workflows.Type, workflows.AttributeStage.GetName(), stage)})
	return int(answer.GetCount()), err
}

// time is how long a command of the starter takes.
func (w *scaling) time(ctx context.Context, args ...string) (float64, error) {
	began := time.Now()
	if code, _, says := w.Starter(ctx, args...); code != 0 {
		return 0, fmt.Errorf("starter %v: %s", args, says)
	}
	return time.Since(began).Seconds(), nil
}

func (w *scaling) memory() (map[string]int, error) {
	resident := map[string]int{}
	used, err := usage(w.Fleet)
	for name, u := range used {
		resident[name] = u.Memory
	}
	return resident, err
}

func (g *scaleResult) print(out io.Writer) {
	fmt.Fprintf(out, "\non %s, %d processors\n\n    open  into review/s  worker MB  webhook MB  temporal MB   list s  by "+
		"stage s   burst  accepted/s  drained s  decision median, p99 s\n", g.Store, g.CPUs)
	for _, s := range g.Steps {
		fmt.Fprintf(out, "%8d %14.0f %10d %11d %12d %8.2f %11.2f %7d %11.0f %10.1f %14.2f %8.2f\n", s.Open, s.Rate,
			s.Memory["worker-1"]>>20, s.Memory["webhook-1"]>>20,
			s.Memory["temporal"]>>20, s.List, s.ListStage, s.Burst, s.Accepted, s.Drained, s.Median, s.P99)
	}
	fmt.Fprintf(out, "lost %d\n", g.Lost)
}
