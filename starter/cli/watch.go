package cli

import (
	"context"
	"errors"
	"time"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
)

// How often a case that is watched is looked at: at once after a change, and
// slower the longer nothing happens.
const (
	minPoll  = 250 * time.Millisecond
	lookLate = 3 * time.Second
)

// outage is how long Temporal may not answer before a watch ends.
const outage = 2 * time.Minute

type watchCommand struct{ reference }

func (c watchCommand) Run(ctx context.Context, a *app) error {
	if err := c.check("watch"); err != nil {
		return err
	}
	return a.follow(ctx, c.Reference, "")
}

// follow prints a case as it proceeds, and ends with it. It asks Temporal for a
// description, which costs nothing and needs no worker, and the case itself
// only after a change. It ends with that stage, too: a script that waits for a
// decision must learn that an operator is needed.
func (a *app) follow(ctx context.Context, reference string, until kyc.Stage) error {
	caseClient, err := a.cases(ctx)
	if err != nil {
		return err
	}
	defer a.out.footer("")
	var (
		seen   string // the state of the history that was printed
		told   watchPrinter
		pause  = minPoll
		heard  = time.Now()
		warned string
	)
	for {
		now, view, err := a.poll(ctx, caseClient, reference, seen)
		switch {
		case cases.Transient(err) && ctx.Err() == nil && time.Since(heard) < outage:
			if why := unavailable(err); why != warned {
				a.out.notef("%s; still watching", why)
				warned = why
			}
			if errors.Is(err, cases.ErrPaused) {
				heard = time.Now() // Temporal answers, so there is a reason
			}
		case errors.Is(err, cases.ErrEnded):
			return undecided(a.explain(ctx, of(reference, err)))
		case err != nil:
			return of(reference, err)
		case now != seen:
			seen, pause, warned = now, minPoll, ""
			if err := a.out.follow(view, &told); err != nil {
				return err
			}
			if view.Stage.Final() || view.Stage == until {
				return decided{view.Stage}
			}
			fallthrough
		default:
			heard = time.Now()
		}
		a.out.footer(told.footer(a.out))
		select {
		case <-ctx.Done():
			return of(reference, ctx.Err())
		case <-time.After(pause):
			pause = min(2*pause, lookLate)
		}
	}
}

// poll asks whether the case has changed since it was seen, and if so, how it
// stands.
func (a *app) poll(ctx context.Context, caseClient cases.Client, reference, seen string) (now string, view kyc.View,
	err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	now, err = caseClient.Revision(ctx, reference)
	if err == nil && now != seen {
		view, err = caseClient.Show(ctx, reference)
	}
	return now, view, err
}

// undecided is the end of a case that was followed and ended in Temporal.
func undecided(err error) error {
	if known, ok := errors.AsType[*cliError](err); ok {
		known.code = exitUndecided
	}
	return err
}

// unavailable says why a case does not answer.
func unavailable(err error) string {
	stuck, isStuck := errors.AsType[*cases.StuckError](err)
	switch {
	case errors.Is(err, cases.ErrPaused):
		return "the case is paused in Temporal"
	case isStuck:
		return "the case is stuck: " + stuck.Cause.Sentence()
	case errors.Is(err, cases.ErrNoWorker):
		return "no worker is running"
	case errors.Is(err, cases.ErrBusy):
		return "a worker is running, but does not answer yet"
	case errors.Is(err, cases.ErrNoAnswer):
		return "timed out waiting for Temporal"
	}
	return "Temporal is unavailable"
}
