package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/workflows"
)

const (
	// looksForStuck is how often the console looks for stuck cases. Temporal reports
	// one after five failures, about half a minute after the first.
	looksForStuck = 10 * time.Second
	// saysStuck is how many of them it names.
	saysStuck = 5
	// saysFull is how often the console repeats that the database is full.
	saysFull = time.Minute
)

// sayStuck prints each case that gets stuck once, with the cause and the way on,
// and when it goes on, until ctx ends. ui is the Temporal UI. Open cases that --data or --postgres keeps
// meet other workflow code whenever that was changed.
func sayStuck(ctx context.Context, caseClient cases.Client, ui string, out io.Writer) {
	said := map[string]string{}
	for tick := time.NewTicker(looksForStuck); ; {
		// An error is not said: it is Temporal that stops then, or visibility that is behind.
		if runs, more, err := caseClient.AllStuck(ctx, saysStuck); err == nil {
			said = sayChanges(out, ui, said, runs, more)
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// sayChanges prints what differs from what was said, and returns what is said now:
// the cause by workflow id.
func sayChanges(out io.Writer, ui string, said map[string]string, runs []cases.StuckRun, more bool) map[string]string {
	now := map[string]string{}
	for _, r := range runs {
		id := r.Execution.GetWorkflowId()
		if now[id] = string(r.Cause); said[id] != now[id] {
			fmt.Fprintf(out, "%v\ntry: %s\nsee: %s\n", r, r.WayOn(), workflows.DetailsPage(ui, embedded.Namespace, r.Execution))
		}
	}
	for id := range said {
		if _, still := now[id]; !still && !more { // with more than are named, it may be among the others
			fmt.Fprintf(out, "%s goes on\n", id)
		}
	}
	return now
}

// sayFull prints that the database at place is full, at most once in saysFull, for as
// long as Temporal cannot write to it, until ctx ends. Nothing ends with it: cases
// go on when there is room.
func sayFull(ctx context.Context, full <-chan struct{}, place string, out io.Writer) {
	var said time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-full:
			if time.Since(said) >= saysFull {
				said = time.Now()
				fmt.Fprintf(out, "dev: %v; until then Temporal keeps nothing, and cases wait\n", &embedded.FullError{Place: place})
			}
		}
	}
}
