package cases

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// The pauses between two descriptions of a case that is followed.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// watchActivity is the name that WatchStatus is registered under.
const watchActivity = "WatchStatus"

// follow waits until a case has dealt with something, without an update in
// flight. It describes the case, which is no billed action and needs no worker,
// and asks it, which is one, only where something has happened: once, as a
// rule, and never where the case has closed.
func (c Client) follow(ctx context.Context, reference string, view kyc.View, done func(kyc.View) bool) (kyc.View,
	error) {
	seen := "" // the revision that has nothing new to say
	for pause := firstPause; !done(view) && !view.Stage.Final(); pause = min(pause*3/2, maxPause) {
		select {
		case <-ctx.Done():
			return view, ErrUnanswered
		case <-time.After(pause):
		}
		d, err := c.Temporal.DescribeWorkflowExecution(ctx, workflows.ID(reference), "")
		if err != nil {
			if err = translate(ctx, err); !Transient(err) {
				return view, err
			}
			continue
		}
		now, first := revision(d.GetWorkflowExecutionInfo()), seen == ""
		switch {
		case now == seen, d.GetPendingWorkflowTask() != nil:
			continue
		case first && working(d) && view.Queued <= 1: // with our own errand
			seen = now
			continue
		}
		latest, err := c.Show(ctx, reference)
		switch {
		case err == nil:
			seen, view = now, latest
		case !Transient(err):
			return view, err
		}
	}
	return view, nil
}

// working reports whether the case waits for ConnectFi's answer. A watch does
// not, unless it was called off.
func working(d *workflowservice.DescribeWorkflowExecutionResponse) bool {
	for _, a := range d.GetPendingActivities() {
		if a.GetActivityType().GetName() != watchActivity || a.GetState() == enumspb.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED {
			return true
		}
	}
	return false
}
