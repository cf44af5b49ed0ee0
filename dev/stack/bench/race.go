package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/internal/config"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// variant starts a case and says under which id it runs.
type variant struct {
	name     string
	temporal client.Client
	start    func(ctx context.Context, reference, customer string) error
	id       func(reference string) string
}

// Who takes part. The last two are the floor again: with its queue under a rate
// limit, and reading the status within the workflow task.
const (
	ours            = "ours"
	baselineVariant = "floor"
	limited         = "limited"
	within          = "within"
)

// contend starts the floor's process and makes all contenders.
func (b *bench) contend(ctx context.Context) error {
	ports, err := embedded.FreePorts(1)
	if err != nil {
		return err
	}
	b.receiver = fmt.Sprintf("127.0.0.1:%d", ports[0])
	process, err := fleet.SelfProgram("floor", "floor", "--listen="+b.receiver)
	if err != nil {
		return err
	}
	process.Ready = fleet.HTTPReady(b.receiver, "/healthz")
	if err := b.Add(ctx, process); err != nil {
		return err
	}
	if b.clear, err = temporalclient.Dial(ctx, temporalclient.Options{Lookup: config.Map(b.Vars),
		Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	keyset, err := b.Keyset()
	if err != nil {
		return err
	}
	if b.sealed, err = b.Dial(ctx); err != nil {
		return err
	}
	b.all = []variant{
		{name: ours, temporal: b.sealed, id: workflows.ID, start: plain(cases.Client{Temporal: b.sealed},
			keyset.Converters().Data)},
		b.lean(baselineVariant, floorQueue, false), b.lean(limited, limitedQueue, false), b.lean(within, floorQueue, true),
	}
	return nil
}

// baselineVariant is a contender of the floor's.
func (b *bench) lean(name, queue string, within bool) variant {
	return variant{name: name, temporal: b.clear, id: floorID,
		start: func(ctx context.Context, reference, customer string) error {
			_, err := b.clear.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: floorID(reference), TaskQueue: queue},
				floorType,
				floorInput{Reference: reference, CustomerID: customer, Within: within})
			return err
		}}
}

// plain starts a case of ours as a wave is started.
func plain(caseClient cases.Client, data converter.DataConverter) func(context.Context, string, string) error {
	return func(ctx context.Context, reference, customer string) error {
		_, err := caseClient.StartAsync(ctx, cases.StartOptions{Reference: reference, CustomerID: customer,
			Policy: kyc.DefaultPolicy()}, data)
		return err
	}
}

// race lets all carry the same cases in turns, one round to warm up before.
func (b *bench) race(ctx context.Context, r *result) error {
	for round := range b.Rounds + 1 {
		order := slices.Clone(b.all)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		laps := map[string]roundResult{}
		for _, c := range order {
			l, err := b.lap(ctx, c, round)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", c.name, round, err)
			}
			laps[c.name] = l
		}
		if round == 0 {
			continue
		}
		r.add(laps)
		fmt.Printf("round %2d: ours %6.1f, floor %6.1f cases a second, ratio %.3f\n", round, laps[ours].rate(),
			laps[baselineVariant].rate(), laps[ours].rate()/laps[baselineVariant].rate())
	}
	return nil
}

// roundResult is one round of one of them.
type roundResult struct {
	cases   int
	took    time.Duration
	decided []time.Duration    // from the callback, as the server has it, to the end of the case
	cpu     map[string]float64 // seconds, by process
}

func (l roundResult) rate() float64 { return float64(l.cases) / l.took.Seconds() }

func (b *bench) lap(ctx context.Context, c variant, round int) (l roundResult, err error) {
	customers, err := b.Customers(ctx, "individual", "running", b.Cases, 0)
	if err != nil {
		return l, err
	}
	before, err := usage(b.Fleet)
	if err != nil {
		return l, err
	}
	var all errgroup.Group
	all.SetLimit(b.Clients)
	reference := func(i int) string { return fmt.Sprintf("%s%dn%d", c.name, round, i) }
	began := time.Now()
	for i, customer := range customers {
		all.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			if err := c.start(ctx, reference(i), customer); err != nil {
				return err
			}
			return c.temporal.GetWorkflow(ctx, c.id(reference(i)), "").Get(ctx, nil)
		})
	}
	if err := all.Wait(); err != nil {
		return l, err
	}
	l = roundResult{cases: b.Cases, took: time.Since(began)}
	after, err := usage(b.Fleet)
	if err != nil {
		return l, err
	}
	l.cpu = spent(before, after)
	for i := range customers {
		d, err := decision(ctx, c.temporal, c.id(reference(i)))
		if err != nil {
			return l, err
		}
		l.decided = append(l.decided, d)
	}
	return l, nil
}

var errNoCallback = errors.New("it was not ended by a callback")

// decision is how long a case took from its callback to its end.
func decision(ctx context.Context, temporal client.Client, id string) (time.Duration, error) {
	lived, err := cases.Client{Temporal: temporal}.History(ctx, workflow.Execution{ID: id})
	if err != nil {
		return 0, err
	}
	var called time.Time
	for _, event := range lived.Events {
		if event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
			called = event.GetEventTime().AsTime()
			break
		}
	}
	end := lived.Events[len(lived.Events)-1]
	if called.IsZero() || end.GetEventType() != enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED {
		return 0, fmt.Errorf("%s: %w", id, errNoCallback)
	}
	return end.GetEventTime().AsTime().Sub(called), nil
}
