package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/internal/cluster"
	"durablekyc.example/internal/env"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// contender starts a case and says under which id it runs.
type contender struct {
	name     string
	temporal client.Client
	start    func(ctx context.Context, reference, customer string) error
	id       func(reference string) string
}

func (c contender) close() { c.temporal.Close() }

// contend starts the floor's process and makes both contenders.
func (b *bench) contend(ctx context.Context) error {
	ports, err := embedded.FreePorts(1)
	if err != nil {
		return err
	}
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	process, err := fleet.Itself("floor", "floor", "--listen="+address)
	if err != nil {
		return err
	}
	process.Ready = fleet.Answers(address, "/healthz")
	if err := b.Add(ctx, process); err != nil {
		return err
	}
	clear, err := cluster.Dial(ctx, cluster.Options{Lookup: env.Map(b.Vars), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	b.floor = contender{name: "floor", temporal: clear, id: floorID,
		start: func(ctx context.Context, reference, customer string) error {
			_, err := clear.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: floorID(reference), TaskQueue: floorQueue}, floorType, floorInput{reference, customer})
			return err
		}}
	keyset, err := b.Keyset()
	if err != nil {
		return err
	}
	sealed, err := b.Dial(ctx)
	if err != nil {
		return err
	}
	b.ours = contender{name: "ours", temporal: sealed, id: workflows.ID, start: b.begin(workflows.Client{Temporal: sealed}, keyset.Converters().Data)}
	return nil
}

// begin starts a case of ours as a wave is started: plainly.
func (b *bench) begin(cases workflows.Client, data converter.DataConverter) func(context.Context, string, string) error {
	return func(ctx context.Context, reference, customer string) error {
		_, err := cases.Begin(ctx, workflows.Order{Reference: reference, CustomerID: customer, Policy: kyc.DefaultPolicy()}, data)
		return err
	}
}

// race lets both carry the same cases in turns, one round to warm up before.
func (b *bench) race(ctx context.Context, r *result) error {
	for round := range b.Rounds + 1 {
		order := []contender{b.ours, b.floor}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		pair := map[string]lap{}
		for _, c := range order {
			l, err := b.lap(ctx, c, round)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", c.name, round, err)
			}
			pair[c.name] = l
		}
		if round == 0 {
			continue
		}
		r.add(pair["ours"], pair["floor"])
		fmt.Printf("round %2d: ours %6.1f, floor %6.1f cases a second, ratio %.3f\n", round, pair["ours"].rate(), pair["floor"].rate(), pair["ours"].rate()/pair["floor"].rate())
	}
	return nil
}

// lap is one round of one of them.
type lap struct {
	cases   int
	took    time.Duration
	decided []time.Duration    // from the callback, as the server has it, to the end of the case
	cpu     map[string]float64 // seconds, by process
}

func (l lap) rate() float64 { return float64(l.cases) / l.took.Seconds() }

func (b *bench) lap(ctx context.Context, c contender, round int) (l lap, err error) {
	customers, err := b.Customers(ctx, "individual", "running", b.Cases, 0)
	if err != nil {
		return l, err
	}
	before, err := b.usage()
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
	l = lap{cases: b.Cases, took: time.Since(began)}
	after, err := b.usage()
	if err != nil {
		return l, err
	}
	l.cpu = map[string]float64{}
	for name := range after {
		l.cpu[name] = after[name].CPU - before[name].CPU
	}
	for i := range customers {
		d, err := c.decision(ctx, reference(i))
		if err != nil {
			return l, err
		}
		l.decided = append(l.decided, d)
	}
	return l, nil
}

// decision is how long a case took from its callback to its end.
func (c contender) decision(ctx context.Context, reference string) (time.Duration, error) {
	lived, err := workflows.Client{Temporal: c.temporal}.History(ctx, workflow.Execution{ID: c.id(reference)})
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
		return 0, fmt.Errorf("%s was not ended by a callback", reference)
	}
	return end.GetEventTime().AsTime().Sub(called), nil
}
