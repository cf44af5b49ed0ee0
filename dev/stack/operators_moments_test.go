package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/kyc"
)

// slowness is how long ConnectFi takes for a call in the slow phase: longer
// than a local read may take, so that activities are met while they run.
const slowness = 3 * time.Second

// moment is when a button is pressed, in a stage that the case has reached.
type moment struct {
	name  string
	phase string // how ConnectFi is meanwhile
	await func(ctx context.Context, c *cell) error
}

// The moments of a stage.
var (
	whenReached = moment{"just reached", "quick", nil}
	whenTimed   = moment{"timer pending", "quick", func(ctx context.Context, c *cell) error {
		return patiently(ctx, "rest", func() (bool, error) {
			d, err := c.own.client.DescribeWorkflowExecution(ctx, c.id(), "")
			return err == nil && d.GetPendingWorkflowTask() == nil && len(d.GetPendingActivities()) == 0, nil
		})
	}}
	whenPolled   = moment{"after a poll", "quick", activityIs(enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, 2)}
	whenRunning  = moment{"activity running", "slow", activityIs(enumspb.PENDING_ACTIVITY_STATE_STARTED, 1)}
	whenRetrying = moment{"activity waiting for its next attempt", "failing",
		activityIs(enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, 2)}
	whenUpdating = moment{"update in flight", "slow", func(ctx context.Context, c *cell) error {
		if c.stage.name == string(kyc.Identifying) || c.stage.name == string(kyc.AwaitingDocuments) {
			return nil // the start, and the submission, are updates already
		}
		go func() { _, _ = c.own.cases.Refresh(ctx, c.reference, kyc.ActorSystem) }()
		return patiently(ctx, "an update", func() (bool, error) {
			h, err := c.history(ctx, "")
			return err == nil && has(h, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED, 2), nil
		})
	}}
	whenClosed = moment{"closed", "quick", nil}
)

func activityIs(state enumspb.PendingActivityState, attempt int32) func(context.Context, *cell) error {
	return func(ctx context.Context, c *cell) error {
		return patiently(ctx, "an activity", func() (bool, error) {
			d, err := c.own.client.DescribeWorkflowExecution(ctx, c.id(), "")
			for _, a := range d.GetPendingActivities() {
				if a.GetState() == state && a.GetAttempt() >= attempt {
					return true, nil
				}
			}
			return false, err
		})
	}
}

func has(h *historypb.History, kind enumspb.EventType, times int) bool {
	for _, e := range h.Events {
		if e.GetEventType() == kind {
			times--
		}
	}
	return times <= 0
}

// reach takes a case to its stage.
func (c *cell) reach() error {
	ctx, cancel := c.context()
	defer cancel()
	made, err := c.make(ctx)
	if err != nil {
		return err
	}
	c.customer = made
	if c.stage.name == string(kyc.Identifying) {
		return nil // it is started when ConnectFi is as the phase wants it
	}
	if _, err := c.own.cases.Start(ctx, c.order()); err != nil {
		return fmt.Errorf("it does not start: %w", err)
	}
	if c.stage.reach != nil {
		if err := c.stage.reach(ctx, c); err != nil {
			return fmt.Errorf("the stage is not reached: %w", err)
		}
	}
	if c.stage.closed && c.stage.name != string(kyc.Approved) && c.stage.name != string(kyc.Denied) {
		return c.decide(ctx, "completed", c.outcome()) // what comes after the end
	}
	return nil
}

// press presses the button at its moment.
func (c *cell) press() error {
	ctx, cancel := c.context()
	defer cancel()
	if c.moment.phase != "quick" {
		switch c.stage.name {
		case string(kyc.Identifying):
			c.ask(func(ctx context.Context) error { _, err := c.own.cases.Start(ctx, c.order()); return err })
			if err := patiently(ctx, "the case", func() (bool, error) {
				_, err := c.own.cases.Describe(ctx, c.reference)
				return err == nil, nil
			}); err != nil {
				return err
			}
		case string(kyc.AwaitingDocuments):
			failed := c.sends()
			if err := patiently(ctx, "the submission", func() (bool, error) {
				select {
				case <-failed: // a busy system did not answer: the same images again are no second submission
					failed = c.sends()
				default:
				}
				h, err := c.history(ctx, "")
				return err == nil && has(h, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED, 2), nil
			}); err != nil {
				return err
			}
		}
	}
	if c.moment.await != nil {
		if err := c.moment.await(ctx, c); err != nil {
			return fmt.Errorf("the moment does not come: %w", err)
		}
	}
	err := c.action.press(ctx, c)
	if c.want != refused {
		return err
	}
	_, isClosed := errors.AsType[*serviceerror.NotFound](err)
	_, isThere := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err)
	_, isImpossible := errors.AsType[*serviceerror.FailedPrecondition](err)
	if !isClosed && !isThere && !isImpossible {
		return fmt.Errorf("it is not refused: %w", err)
	}
	return nil
}

// ask is a caller who waits for an answer while the button is pressed.
func (c *cell) ask(call func(context.Context) error) {
	ctx, cancel := c.context()
	go func() { defer cancel(); _ = call(ctx) }() // the case is judged, whatever the caller hears
}

// sends asks to send, and reports on the channel that it failed.
func (c *cell) sends() <-chan error {
	failed := make(chan error, 1)
	c.ask(func(ctx context.Context) error {
		err := c.send(ctx)
		if err != nil {
			failed <- err
		}
		return err
	})
	return failed
}

// send is an applicant, or a business with its representative, who sends a
// license through the starter.
func (c *cell) send(ctx context.Context) error {
	v, err := c.own.cases.Show(ctx, c.reference)
	if err != nil {
		return err
	}
	for _, e := range v.Entities {
		if !e.Status.WantsDocuments() {
			continue
		}
		sides, err := fleet.License(c.work, c.reference+letters(e.ID))
		if err != nil {
			return err
		}
		if code, _, said := c.starter(ctx, "upload", c.reference, "--entity", e.ID, "--front", sides[0], "--back",
			sides[1]); code != 0 {
			return fmt.Errorf("upload: %s", said)
		}
	}
	return nil
}

// decide moves the application at ConnectFi, with its callback.
func (c *cell) decide(ctx context.Context, status, outcome string) error {
	return patiently(ctx, "the application", func() (bool, error) {
		truth, err := c.truth(ctx)
		if err != nil || truth.ApplicationID == "" {
			return false, err
		}
		return true, c.own.control(ctx, http.MethodPost, "/sandbox/applications/"+truth.ApplicationID+"/status",
			strings.NewReader(fmt.Sprintf(`{"status":%q,"outcome":%q}`, status, outcome)), io.Discard)
	})
}

func (c *cell) order() cases.StartOptions {
	policy := patient()
	switch {
	case c.stage.name == string(kyc.Expired):
		policy.Documents = kyc.Duration(time.Second)
	case c.moment.name == whenTimed.name, c.moment.name == whenReached.name:
		policy.ReadFirst, policy.ReadMax = kyc.Duration(10*time.Minute), kyc.Duration(10*time.Minute)
	}
	return cases.StartOptions{Reference: c.reference, CustomerID: c.customer, Notify: true, Policy: policy}
}
