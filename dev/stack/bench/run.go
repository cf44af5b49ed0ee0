package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"go.temporal.io/sdk/client"

	"durablekyc.example/dev/stack/fleet"
)

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
