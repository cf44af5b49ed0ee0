package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"durablekyc.example/dev/stack/fleet"
)

type settings struct {
	Cases     int           `default:"2000" help:"How many cases."`
	Kills     int           `default:"100" help:"How many processes are killed at the least."`
	Victims   []string      `default:"worker,webhook,temporal" enum:"worker,webhook,temporal" help:"What is killed."`
	Operators int           `default:"200" help:"How many buttons operators press in Temporal."`
	Over      time.Duration `default:"8m" help:"How long the load and the faults go on."`
	Within    time.Duration `default:"5m" help:"How long after the faults a case may take to end: the bound that is promised."`
	Lost      bool          `help:"Every callback is lost: polling alone finds the decisions."`
	Scenario  string        `help:"Only this one; all of them without it."`
	Seed      uint64        `default:"1" help:"Of scenarios, outcomes and faults."`
	Postgres  string        `placeholder:"URL" help:"Temporal keeps its data in PostgreSQL instead of an SQLite file: postgres://USER:PASSWORD@HOST:PORT/NAME, where NAME begins the names of the databases that are made."`
	JSON      string        `name:"json" default:"chaos.json" type:"path" help:"Where the result goes."`
	Work      string        `placeholder:"DIR" type:"path" help:"Where logs and data stay. Without it they stay only after a violation."`

	Temporal fleet.Temporal `cmd:"" hidden:"" help:"Temporal's own process."`
	Run      struct{}       `cmd:"" default:"1" hidden:""`
}

// run brings everything up, lets it happen, waits for the end and judges.
func run(ctx context.Context, s settings, out *os.File) (r *result, err error) {
	began := time.Now()
	w, err := newWorld(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() {
		if stopped := w.stop(); err == nil {
			err = stopped
		}
	}()
	fmt.Fprintf(out, "everything is up after %s; %d cases and at least %d kills in %s\n",
		time.Since(began).Round(time.Second), s.Cases, s.Kills, s.Over)
	operators, err := w.Dial(ctx)
	if err != nil {
		return nil, err
	}
	defer operators.Close()
	happening, cease := context.WithCancel(ctx)
	defer cease()
	background := w.background(happening)
	n := newNemesis(w, operators.WorkflowService())
	started := w.load(happening, n.run, out)
	n.heal(ctx)
	fmt.Fprintf(out, "the faults are over after %s: %d kills\n", time.Since(began).Round(time.Second), n.kills())
	w.awaitQuiescence(ctx, s.Within, out)
	n.deletions.Wait()
	cease()
	if err := started(); err != nil {
		return nil, err
	}
	background.Wait()
	if r, err = w.check(ctx, n, time.Since(began)); err != nil {
		return nil, err
	}
	if err := w.checkRecords(ctx, r, out); err != nil {
		return nil, err
	}
	left, err := w.leftovers(ctx)
	if r.Violations = append(r.Violations, left...); len(r.Violations) > 0 {
		w.Keep() // a violation may name a log
	}
	return r, err
}
