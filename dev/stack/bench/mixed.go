package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// mixed is a wave of cases that nobody waits for, with one beside it every second that somebody waits for.
type mixed struct {
	Of      string `enum:"starts,callbacks" default:"starts" help:"What the wave is of: starts of cases, or callbacks of cases in review."`
	Wave    int    `default:"10000" help:"How many."`
	NoEager bool   `help:"Temporal grants no eager activities."`
}

// mixedResult is what a run ends with.
type mixedResult struct {
	Store   string     `json:"store"`
	CPUs    int        `json:"cpus"`
	Of      string     `json:"of"`
	NoEager bool       `json:"noEager"`
	Laps    []mixedLap `json:"laps"`
}

// mixedLap is one wave, with priorities or with the same for all. Times are in seconds.
type mixedLap struct {
	Priorities  bool    `json:"priorities"`
	Wave        int     `json:"wave"`
	Rate        float64 `json:"casesPerSecond"` // of the wave, from its first call to its last decision
	Interactive int     `json:"interactive"`    // cases beside it
	Median      float64 `json:"interactiveMedianSeconds"`
	P99         float64 `json:"interactiveP99Seconds"`      // from the callback to the decision
	Whole       float64 `json:"interactiveWholeP99Seconds"` // from the start to the decision
}

// mixing is a system under such a wave.
type mixing struct {
	settings
	*fleet.System
	temporal client.Client
	data     converter.DataConverter
}

// mix runs a wave without priorities, and one with them.
func mix(ctx context.Context, s settings) (r *mixedResult, err error) {
	m := &mixing{settings: s}
	defer func() {
		if m.System != nil {
			err = errors.Join(err, m.Stop())
		}
	}()
	if m.System, err = fleet.Up(ctx, fleet.Options{Work: s.Work, Postgres: s.Postgres, Workers: 1, Webhooks: 1,
		Delay: callbackDelay, Memory: s.Postgres == "", NoEager: s.Mixed.NoEager}); err != nil {
		return nil, err
	}
	keyset, err := m.Keyset()
	if err != nil {
		return nil, err
	}
	m.data = keyset.Converters().Data
	if m.temporal, err = m.Dial(ctx); err != nil {
		return nil, err
	}
	defer m.temporal.Close()
	r = &mixedResult{Store: store(s), CPUs: runtime.NumCPU(), Of: s.Mixed.Of, NoEager: s.Mixed.NoEager}
	for _, ordered := range []bool{false, true} {
		l, err := m.lap(ctx, ordered)
		if err != nil {
			return nil, err
		}
		r.Laps = append(r.Laps, l)
	}
	return r, nil
}

func (m *mixing) lap(ctx context.Context, ordered bool) (l mixedLap, err error) {
	l = mixedLap{Priorities: ordered, Wave: m.Mixed.Wave}
	name, wave, interactive := "plain", workflows.Priority(0), workflows.Priority(0)
	if ordered {
		name, wave, interactive = "ordered", workflows.PriorityBatch, workflows.PriorityInteractive
	}
	scenario := map[string]string{"starts": "approve", "callbacks": "review"}[m.Mixed.Of]
	customers, err := m.Customers(ctx, "individual", scenario,
		l.Wave, 0)
	if err != nil {
		return l, err
	}
	begin := func(i int) error { return m.start(ctx, fmt.Sprintf("%s%d", name, i), customers[i], wave) }
	if m.Mixed.Of == "callbacks" {
		if err := each(m.Clients, l.Wave, begin); err != nil {
			return l, err
		}
		if err := reach(ctx, kyc.InReview, l.Wave, m.counting(name)); err != nil {
			return l, err
		}
		if begin, err = m.decide(ctx); err != nil {
			return l, err
		}
	}
	beside, stop := context.WithCancel(ctx)
	defer stop()
	told := make(chan besides, 1)
	go func() { told <- m.everySecond(ctx, beside, name, interactive) }()
	began := time.Now()
	if err := each(m.Clients, l.Wave, begin); err != nil {
		return l, err
	}
	if err := reach(ctx, kyc.Approved, l.Wave, m.counting(name)); err != nil {
		return l, err
	}
	l.Rate = float64(l.Wave) / time.Since(began).Seconds()
	stop()
	b := <-told
	l.Interactive = len(b.decided)
	l.Median, l.P99 = quantiles(b.decided)
	_, l.Whole = quantiles(b.whole)
	return l, b.err
}

// start starts a case, however often Temporal has no room for it.
func (m *mixing) start(ctx context.Context, reference, customer string, p workflows.Priority) error {
	return untilTaken(ctx, func(ctx context.Context) error {
		_, err := cases.Client{Temporal: m.temporal}.StartAsync(ctx, cases.StartOptions{Reference: reference,
			CustomerID: customer, Policy: kyc.DefaultPolicy(), Priority: p}, m.data)
		return err
	})
}

// decide returns what has the sandbox decide about one of the cases in review, and call back.
func (m *mixing) decide(ctx context.Context) (func(int) error, error) {
	open, err := undecided(ctx, m.System)
	return func(i int) error { return approve(ctx, m.System, open[i]) }, err
}

// besides is what became of the cases beside a wave.
type besides struct {
	decided, whole []time.Duration // from the callback, and from the start
	err            error
}

// everySecond starts a case each second until beside ends, and waits for all of them.
func (m *mixing) everySecond(ctx, beside context.Context, name string, p workflows.Priority) (b besides) {
	var (
		all        errgroup.Group
		references []string
	)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for beside.Err() == nil {
		reference := fmt.Sprintf("beside%s%d", name, len(references))
		references = append(references, reference)
		all.Go(func() error {
			made, err := m.Customers(ctx, "individual", "running", 1, 0)
			if err == nil {
				err = m.start(ctx, reference, made[0], p)
			}
			if err != nil {
				return err
			}
			return m.temporal.GetWorkflow(ctx, workflows.ID(reference), "").Get(ctx, nil)
		})
		select {
		case <-beside.Done():
		case <-tick.C:
		}
	}
	if b.err = all.Wait(); b.err != nil {
		return b
	}
	for _, reference := range references {
		d, err := decision(ctx, m.temporal, workflows.ID(reference))
		info, described := m.temporal.DescribeWorkflowExecution(ctx, workflows.ID(reference), "")
		if errors.Is(err, errNoCallback) { // a poll came first
			err = nil
		} else {
			b.decided = append(b.decided, d)
		}
		if b.err = errors.Join(err, described); b.err != nil {
			return b
		}
		lived := info.GetWorkflowExecutionInfo()
		b.whole = append(b.whole, lived.GetCloseTime().AsTime().Sub(lived.GetStartTime().AsTime()))
	}
	return b
}

// counting counts the cases of a wave in a stage.
func (m *mixing) counting(name string) func(context.Context, kyc.Stage) (int, error) {
	return func(ctx context.Context, stage kyc.Stage) (int, error) {
		answer, err := m.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
			Query: fmt.Sprintf("%s = '%s' AND WorkflowId STARTS_WITH '%s'", workflows.AttributeStage.GetName(), stage,
				workflows.ID(name))})
		return int(answer.GetCount()), err
	}
}

func (r *mixedResult) print(out io.Writer) {
	fmt.Fprintf(out, "\non %s, %d processors, a wave of %s, eager activities %v\n\npriorities  wave  cases/s  beside  "+
		"callback to decision: median, p99 s  start to decision: p99 s\n", r.Store, r.CPUs, r.Of, !r.NoEager)
	for _, l := range r.Laps {
		fmt.Fprintf(out, "%10v %5d %8.1f %7d %30.2f %8.2f %25.2f\n", l.Priorities, l.Wave, l.Rate, l.Interactive, l.Median,
			l.P99, l.Whole)
	}
	last := r.Laps[len(r.Laps)-1]
	fmt.Fprintf(out, "p99 interactive %.2f\n", last.P99)
}
