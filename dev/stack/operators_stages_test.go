package main

import (
	"context"
	"errors"

	"durablekyc.example/kyc"
)

// stage is where a case is when a button is pressed, or how it was closed.
type stage struct {
	name     string
	scenario string
	moments  []moment
	closed   bool
	reach    func(ctx context.Context, c *cell) error // from its first status on; nil is nothing more
}

// ofPolled are the moments of a stage that is read now and then.
var ofPolled = []moment{whenReached, whenTimed, whenPolled, whenRunning, whenUpdating, whenRetrying}

var everyStage = map[string]stage{}

func init() {
	for _, s := range []stage{
		{name: "identifying", scenario: "review", moments: []moment{{"just reached", "slow", nil}, whenRunning, whenUpdating,
			whenRetrying}},
		{name: "processing", scenario: "unknown_status", moments: ofPolled, reach: func(ctx context.Context, c *cell) error {
			return errors.Join(c.decide(ctx, "running", ""), c.until(ctx, inStage(kyc.Processing)))
		}},
		{name: "awaiting_documents", scenario: "step_up", moments: []moment{whenReached, whenTimed, whenRunning, whenUpdating,
			whenRetrying}},
		{name: "awaiting_data", scenario: "data_request", moments: ofPolled},
		{name: "in_review", scenario: "review", moments: ofPolled},
		{name: "held", scenario: "unknown_status", moments: ofPolled},
		{name: "approved", scenario: "review", closed: true,
			reach: closedBy(func(ctx context.Context, c *cell) error { return c.decide(ctx, "completed", "approved") })},
		{name: "denied", scenario: "review", closed: true,
			reach: closedBy(func(ctx context.Context, c *cell) error { return c.decide(ctx, "completed", "denied") })},
		{name: "expired", scenario: "step_up", closed: true, reach: closedBy(nil)},
		{name: "withdrawn", scenario: "review", closed: true, reach: closedBy(func(ctx context.Context, c *cell) error {
			_, err := c.own.cases.Withdraw(ctx, c.reference, kyc.ActorSystem)
			return err
		})},
		{name: "terminated", scenario: "review", closed: true, reach: func(ctx context.Context, c *cell) error {
			return c.own.client.TerminateWorkflow(ctx, c.id(), "", "tried")
		}},
	} {
		if s.closed {
			s.moments = []moment{whenClosed}
		}
		everyStage[s.name] = s
	}
}

// closedBy closes a case, and waits for its end.
func closedBy(how func(ctx context.Context, c *cell) error) func(context.Context, *cell) error {
	return func(ctx context.Context, c *cell) error {
		if how != nil {
			if err := how(ctx, c); err != nil {
				return err
			}
		}
		// It says that it has ended before Temporal closes it: there is an event to forward.
		return patiently(ctx, "the end", func() (bool, error) {
			standing, err := c.own.cases.CloseState(ctx, c.reference)
			return !standing.Closed.IsZero(), err
		})
	}
}

// momentsOf are those at which an action can be pressed.
func (s stage) momentsOf(a action) (all []moment) {
	for _, m := range s.moments {
		if !a.activity || s.closed || m.name == whenPolled.name || m.phase != "quick" && m.name != "just reached" &&
			m.name != "update in flight" {
			all = append(all, m)
		}
	}
	return all
}
