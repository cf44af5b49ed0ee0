package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/kyc"
	"durablekyc.example/sandbox/simulator"
)

// stallTimeout is how long a step may stand still.
const stallTimeout = 10 * time.Minute

// each does one thing after the other, so many at a time.
func each(clients, count int, do func(int) error) error {
	var all errgroup.Group
	all.SetLimit(clients)
	for i := range count {
		all.Go(func() error { return do(i) })
	}
	return all.Wait()
}

// untilTaken repeats the start of a case for as long as Temporal has no room for it. A start that was carried out all
// the same finds its case.
func untilTaken(ctx context.Context, start func(context.Context) error) error {
	for deadline := time.Now().Add(stallTimeout); ; time.Sleep(time.Second) {
		within, cancel := context.WithTimeout(ctx, 20*time.Second)
		err := start(within)
		cancel()
		if !cases.Transient(err) || time.Now().After(deadline) {
			return err
		}
		fmt.Printf("  a start is repeated: %v\n", err)
	}
}

// reach waits until so many cases are in a stage. Counting a hundred thousand
// takes PostgreSQL a tenth of a second, so it counts a tenth of the time at most.
func reach(ctx context.Context, stage kyc.Stage, want int, count func(context.Context, kyc.Stage) (int, error)) error {
	last, since := -1, time.Now()
	for {
		began := time.Now()
		have, err := count(ctx, stage)
		if err != nil {
			return err
		}
		if have >= want {
			return nil
		}
		if have != last {
			last, since = have, time.Now()
		}
		if time.Since(since) > stallTimeout {
			return fmt.Errorf("%d of %d cases are %s, and no more come", have, want, stage)
		}
		time.Sleep(max(200*time.Millisecond, 9*time.Since(began)))
	}
}

// undecided are the applications that the sandbox has not decided.
func undecided(ctx context.Context, s *fleet.System) (all []simulator.ApplicationEntry, err error) {
	err = s.Control(ctx, http.MethodGet, "/sandbox/applications", nil, &all)
	return slices.DeleteFunc(all,
		func(a simulator.ApplicationEntry) bool { return a.Status == connectfi.StatusCompleted }), err
}

// approve has the sandbox approve an application in review.
func approve(ctx context.Context, s *fleet.System, a simulator.ApplicationEntry) error {
	return s.Control(ctx, http.MethodPost, "/sandbox/applications/"+a.ApplicationID+"/review",
		map[string]string{"outcome": "approved"}, nil)
}
