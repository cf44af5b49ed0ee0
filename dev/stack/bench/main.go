// Command bench measures what our cases cost beside the leanest workflow that
// could do the same, on one server and in turns, every program a process of its
// own. `make bench` runs it; docs/performance.md has what came of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"go.temporal.io/sdk/client"

	"durablekyc.example/dev/stack/fleet"
)

type settings struct {
	Rounds   int    `default:"12" help:"How many rounds of cases each, ours and the floor's in turns."`
	Cases    int    `default:"150" help:"How many cases are a round."`
	Clients  int    `default:"64" help:"How many cases are under way at once, and how many clients signal."`
	Signals  int    `default:"2000" help:"How many signals are a round of callbacks; 0 leaves them out."`
	Postgres string `placeholder:"URL" help:"Temporal keeps its data in PostgreSQL instead of SQLite in memory: postgres://USER:PASSWORD@HOST:PORT/NAME, where NAME begins the names of the databases that are made."`
	Apart    bool   `help:"Temporal has the first half of the processors for itself and everything else the other, as if on two machines; PostgreSQL is yours to confine."`
	JSON     string `name:"json" default:"bench.json" type:"path" help:"Where the result goes."`
	Work     string `placeholder:"DIR" type:"path" help:"Where logs and data stay; a directory that is removed without it."`

	Temporal fleet.Temporal `cmd:"" hidden:"" help:"Temporal's own process."`
	Floor    floorProcess   `cmd:"" hidden:"" help:"The floor's own process."`
	Measure  struct{}       `cmd:"" default:"1" help:"Ours and the floor in turns."`
	Mixed    mixed          `cmd:"" help:"A wave of cases that nobody waits for, and one a second beside it that somebody does."`
	Scale    scale          `cmd:"" help:"Ever more open cases, and a burst of callbacks at each size."`
}

type scale struct {
	Sizes []int         `default:"1000,10000,100000" help:"How many cases are open at each step; more each time."`
	Rest  time.Duration `default:"20s" help:"How long all sleep before they are looked at."`
}

func main() {
	var s settings
	parsed := kong.Parse(&s, kong.Name("bench"),
		kong.Description("Our cases beside the leanest workflow that could do the same."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch parsed.Command() {
	case "temporal":
		parsed.FatalIfErrorf(s.Temporal.Run(ctx))
		return
	case "floor":
		parsed.FatalIfErrorf(s.Floor.run(ctx))
		return
	case "mixed":
		r, err := mix(ctx, s)
		parsed.FatalIfErrorf(err)
		parsed.FatalIfErrorf(fleet.WriteJSON(s.JSON, r))
		r.print(os.Stdout)
		return
	case "scale":
		g, err := grow(ctx, s)
		parsed.FatalIfErrorf(err)
		parsed.FatalIfErrorf(fleet.WriteJSON(s.JSON, g))
		g.print(os.Stdout)
		return
	}
	r, err := run(ctx, s)
	parsed.FatalIfErrorf(err)
	parsed.FatalIfErrorf(fleet.WriteJSON(s.JSON, r))
	r.print(os.Stdout)
}

// bench is a system with a floor beside it.
type bench struct {
	settings
	*fleet.System
	clear, sealed client.Client // as the floor speaks to Temporal, and as ours does
	all           []variant     // ours first
	receiver      string        // the floor's address
}

// callbackDelay is how long the sandbox takes to decide after it was asked.
const callbackDelay = 200 * time.Millisecond

func run(ctx context.Context, s settings) (r *result, err error) {
	b := &bench{settings: s}
	defer func() {
		if b.System != nil {
			err = errors.Join(err, b.Stop())
		}
	}()
	began := time.Now()
	if b.System, err = fleet.Up(ctx, fleet.Options{Work: s.Work, Postgres: s.Postgres, Workers: 1, Webhooks: 1,
		Delay:  callbackDelay,
		Memory: s.Postgres == ""}); err != nil {
		return nil, err
	}
	if err := b.contend(ctx); err != nil {
		return nil, err
	}
	defer b.clear.Close()
	defer b.sealed.Close()
	if s.Apart {
		if err := b.pinCPUs(); err != nil {
			return nil, err
		}
	}
	fmt.Printf("everything is up after %s\n", time.Since(began).Round(time.Second))
	r = newResult(s)
	if r.Paths, err = b.paths(ctx); err != nil {
		return nil, err
	}
	if err := b.race(ctx, r); err != nil {
		return nil, err
	}
	if s.Signals > 0 {
		if err := b.callbacks(ctx, r); err != nil {
			return nil, err
		}
	}
	used, err := usage(b.Fleet)
	for name, u := range used {
		r.Memory[name] = u.Memory
	}
	return r, err
}

// pinCPUs gives Temporal the first half of the processors, and the other to all
// else, these clients among them.
func (b *bench) pinCPUs() error {
	all := runtime.NumCPU()
	if all < 2 {
		return errors.New("--apart needs two processors")
	}
	first, other := fmt.Sprintf("0-%d", all/2-1), fmt.Sprintf("%d-%d", all/2, all-1)
	for _, p := range b.Fleet {
		half := other
		if p.Name == "temporal" {
			half = first
		}
		if err := p.Confine(half); err != nil {
			return err
		}
	}
	return fleet.PinCPUs(os.Getpid(), other)
}
