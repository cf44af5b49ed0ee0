package workflows_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/activities"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

var begin = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// post is one notifier and its receivers in Temporal's test environment.
type post struct {
	*testsuite.TestWorkflowEnvironment
	t     *testing.T
	mu    sync.Mutex                       // the two lanes deliver at once
	took  map[activities.Receiver][]string // ids, in the order in which they were taken
	calls map[string]int                   // attempts, by id and receiver
	names []string                         // of the activities, as they began
	// answer says what a receiver answers at a time; 0 is 200.
	answer func(r activities.NotifyRequest, at time.Time) int
}

func newPost(t *testing.T) *post {
	var suite testsuite.WorkflowTestSuite
	p := &post{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, took: map[activities.Receiver][]string{},
		calls: map[string]int{}, answer: func(activities.NotifyRequest, time.Time) int { return 0 }}
	workflows.Register(p)
	p.RegisterActivity(do)
	p.SetStartTime(begin)
	p.SetTestTimeout(20 * time.Second)
	p.OnActivity(do.Notify, mock.Anything, mock.Anything).Return(
		func(ctx context.Context, r activities.NotifyRequest) (activities.NotifyResult, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			attempt := int(activity.GetInfo(ctx).Attempt)
			p.calls[r.Notice.ID+" "+string(r.Receiver)]++
			if attempt == 1 {
				p.names = append(p.names, activity.GetInfo(ctx).ActivityID)
			}
			status := p.answer(r, p.Now())
			result := activities.NotifyResult{Attempts: attempt, Answer: fmt.Sprint(max(status, 200))}
			if status == 0 {
				p.took[r.Receiver] = append(p.took[r.Receiver], r.Notice.ID)
				return result, nil
			}
			options := temporal.ApplicationErrorOptions{Details: []any{result}, NonRetryable: status == 410 || attempt == 10}
			if !options.NonRetryable {
				options.NextRetryDelay = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
					5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}[attempt-1]
			}
			return activities.NotifyResult{}, temporal.NewApplicationErrorWithOptions("no", result.Answer, options)
		}).Maybe()
	return p
}

// lived is the notices of a case with these answers, an hour apart.
func lived(statuses ...kyc.Status) []kyc.Notice {
	c := kyc.New("A1", person, kyc.DefaultPolicy(), begin)
	for i, s := range statuses {
		r := single(s, "")
		if s == "completed" {
			r = single(s, "approved")
		}
		c.Apply(kyc.StatusReceived{At: begin.Add(time.Duration(i) * time.Hour), Reading: r})
	}
	return c.Notices
}

func both() workflows.NotifierState {
	return workflows.NotifierState{Reference: "A1", Terms: terms()}
}

func terms() workflows.Terms {
	return workflows.Terms{CustomerID: person, WebhookURL: "http://caller.example", Notify: true,
		Until: begin.Add(93 * day)}
}

// run hands over the notices, one a minute, and answers with the ledger at the end.
func (p *post) run(l workflows.NotifierState, notices ...kyc.Notice) workflows.NotifierState {
	p.t.Helper()
	after := l.Last
	for i, n := range notices {
		report := workflows.Report{Terms: l.Terms, After: after, Notices: []kyc.Notice{n}}
		after = n.ID
		p.RegisterDelayedCallback(func() { p.SignalWorkflow(workflows.SignalNotices, report) },
			time.Duration(i+1)*time.Minute)
	}
	p.ExecuteWorkflow(workflows.NotifyType, l)
	require.True(p.t, p.IsWorkflowCompleted())
	require.NoError(p.t, p.GetWorkflowError())
	var end workflows.NotifierState
	require.NoError(p.t, p.GetWorkflowResult(&end))
	return end
}

func ids(notices []kyc.Notice) (all []string) {
	for _, n := range notices {
		all = append(all, n.ID)
	}
	return all
}

func receipt(l workflows.NotifierState, id string, receiver activities.Receiver) workflows.Delivery {
	for _, e := range l.Events() {
		for _, r := range e.Receipts {
			if e.ID == id && r.Receiver == receiver {
				return r
			}
		}
	}
	return workflows.Delivery{}
}

func TestEveryReceiverHearsEverythingOnceAndInOrder(t *testing.T) {
	notices := lived("pending_step_up", "waiting_review", "pending_step_up", "waiting_review", "completed")
	down := func(until time.Duration) func(activities.NotifyRequest, time.Time) int {
		return func(r activities.NotifyRequest, at time.Time) int {
			if r.Receiver == activities.ReceiverGlobal && at.Before(begin.Add(until)) {
				return 503
			}
			return 0
		}
	}
	for name, until := range map[string]time.Duration{"up": 0, "down for two days": 2 * day, "down for three": 3 * day} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			p.answer = down(until)
			// The other receiver does not wait for the one that is down.
			p.RegisterDelayedCallback(func() { require.Equal(t, ids(notices), p.took[activities.ReceiverCaller]) },
				10*time.Minute)
			end := p.run(both(), notices...)
			require.Equal(t, ids(notices), p.took[activities.ReceiverGlobal])
			require.Equal(t, ids(notices), p.took[activities.ReceiverCaller])
			for _, n := range notices {
				require.False(t, receipt(end, n.ID, activities.ReceiverGlobal).DeliveredAt.Before(begin.Add(until)))
				require.Equal(t, 1, receipt(end, n.ID, activities.ReceiverCaller).Attempts)
				require.True(t, receipt(end, n.ID, activities.ReceiverCaller).DeliveredAt.Before(begin.Add(10*time.Minute)))
			}
			require.Equal(t, p.calls[notices[0].ID+" all"], receipt(end, notices[0].ID, activities.ReceiverGlobal).Attempts)
			require.True(t, end.Ended)
		})
	}
}

func TestADeadReceiverIsGivenUpNoticeByNotice(t *testing.T) {
	p := newPost(t)
	p.answer = func(r activities.NotifyRequest, _ time.Time) int {
		if r.Receiver == activities.ReceiverGlobal {
			return 500
		}
		return 0
	}
	notices := lived("waiting_review", "completed")
	end := p.run(both(), notices...)
	for _, n := range notices {
		r := receipt(end, n.ID, activities.ReceiverGlobal)
		require.Equal(t, 10, r.Attempts)
		require.Equal(t, "500", r.Answer)
		require.False(t, r.GivenUpAt.IsZero())
	}
	require.Equal(t, ids(notices), p.took[activities.ReceiverCaller])
	require.Equal(t, 75*time.Hour+36*time.Minute+5*time.Second, receipt(end, notices[0].ID,
		activities.ReceiverGlobal).GivenUpAt.Sub(begin))
}

func TestGoneIsTheEndForThisReceiverAlone(t *testing.T) {
	p := newPost(t)
	p.answer = func(r activities.NotifyRequest, _ time.Time) int {
		if r.Receiver == activities.ReceiverCaller {
			return 410
		}
		return 0
	}
	notices := lived("waiting_review", "pending_step_up", "completed")
	end := p.run(both(), notices...)
	require.Equal(t, map[string]int{notices[0].ID + " caller": 1, notices[0].ID + " all": 1, notices[1].ID + " all": 1,
		notices[2].ID + " all": 1}, p.calls)
	for _, n := range notices {
		require.Equal(t, "410", receipt(end, n.ID, activities.ReceiverCaller).Answer)
		require.False(t, receipt(end, n.ID, activities.ReceiverCaller).GivenUpAt.IsZero())
	}
	require.Equal(t, []activities.Receiver{activities.ReceiverCaller}, end.Unsubscribed)
}

func TestWhoHearsWhat(t *testing.T) {
	c := kyc.New("A1", person, kyc.DefaultPolicy(), begin)
	c.Apply(kyc.StatusReceived{At: begin, Reading: single("pending_step_up", "")})
	c.Apply(kyc.StatusReceived{At: begin.Add(4 * day), Reading: single("pending_step_up", "")})
	c.Apply(kyc.WithdrawRequested{At: begin.Add(5 * day)})
	notices := c.Notices
	for name, test := range map[string]struct {
		ledger      workflows.NotifierState
		all, caller int
	}{
		"both": {both(), 3, 1},
		"all":  {workflows.NotifierState{Reference: "A1", Terms: workflows.Terms{Notify: true, Until: begin.Add(day)}}, 3, 0},
		"caller": {workflows.NotifierState{Reference: "A1", Terms: workflows.Terms{WebhookURL: "http://caller.example",
			Until: begin.Add(day)}}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			end := p.run(test.ledger, notices...)
			require.Len(t, end.Events(), max(test.all, test.caller), "what nobody hears is no event")
			require.Len(t, p.took[activities.ReceiverGlobal], test.all)
			require.Len(t, p.took[activities.ReceiverCaller], test.caller,
				"reminders and withdrawals change no status of ConnectFi's")
		})
	}
}

func TestARepeatedNoticeIsNone(t *testing.T) {
	p := newPost(t)
	notices := lived("waiting_review", "completed")
	p.run(both(), notices[0], notices[0], notices[1])
	require.Equal(t, ids(notices), p.took[activities.ReceiverGlobal])
}

func TestANotifierWithoutALastWordEndsByItself(t *testing.T) {
	p := newPost(t)
	end := p.run(both(), lived("waiting_review")...)
	require.True(t, end.Ended)
	require.Equal(t, 93*day, p.Now().Sub(begin).Round(time.Minute))
}

func (p *post) resend(id string) *eventsAnswer {
	a := &eventsAnswer{}
	p.UpdateWorkflow(workflows.UpdateResend, "", a, id)
	return a
}

type eventsAnswer struct {
	answer
	events []workflows.Event
}

func (a *eventsAnswer) Complete(v any, err error) {
	a.done, a.err = true, err
	a.events, _ = v.([]workflows.Event)
}

func TestResendDoesNotWaitForTheSchedule(t *testing.T) {
	p := newPost(t)
	mended := begin.Add(20 * time.Hour)
	p.answer = func(r activities.NotifyRequest, at time.Time) int {
		if r.Receiver == activities.ReceiverGlobal && at.Before(mended) {
			return 500
		}
		return 0
	}
	notices := lived("waiting_review", "completed")
	var unknown, again *eventsAnswer
	p.RegisterDelayedCallback(func() {
		unknown = p.resend("evt_A1_9")
		again = p.resend("")
	}, 21*time.Hour)
	end := p.run(both(), notices...)
	requireRefused(t, &unknown.answer, workflows.RefusedInvalid)
	require.NoError(t, again.err)
	require.Len(t, again.events, 2)
	require.Equal(t, ids(notices), p.took[activities.ReceiverGlobal])
	require.Equal(t, ids(notices), p.took[activities.ReceiverCaller], "what was delivered is not sent again")
	require.Equal(t, 21*time.Hour, receipt(end, notices[0].ID, activities.ReceiverGlobal).DeliveredAt.Sub(begin).Round(
		time.Hour))
}

func TestResendOfOneEventSendsTheSameEvent(t *testing.T) {
	p := newPost(t)
	notices := lived("waiting_review", "completed")
	var none *eventsAnswer
	p.RegisterDelayedCallback(func() {
		none = p.resend("")
		p.resend(notices[0].ID)
	}, 90*time.Second)
	p.run(both(), notices...)
	requireRefused(t, &none.answer, workflows.RefusedNotWanted)
	require.Equal(t, []string{notices[0].ID, notices[0].ID, notices[1].ID}, p.took[activities.ReceiverGlobal])
	require.Equal(t, []string{notices[0].ID, notices[0].ID, notices[1].ID}, p.took[activities.ReceiverCaller])
}

func TestAnEndedNotifierGoesOnFromItsResult(t *testing.T) {
	p := newPost(t)
	p.answer = func(activities.NotifyRequest, time.Time) int { return 410 }
	notices := lived("waiting_review", "completed")
	end := p.run(both(), notices...)
	require.NoError(t, end.Resend(""))
	again := newPost(t)
	end = again.run(end)
	require.Equal(t, ids(notices), again.took[activities.ReceiverGlobal])
	require.Equal(t, ids(notices), again.took[activities.ReceiverCaller])
	require.Equal(t, 2, receipt(end, notices[0].ID, activities.ReceiverCaller).Attempts)
	require.Empty(t, end.Unsubscribed)
}

func TestCancellingANotifierTellsWhatWasLeft(t *testing.T) {
	p := newPost(t)
	p.answer = func(activities.NotifyRequest, time.Time) int { return 500 }
	p.RegisterDelayedCallback(p.CancelWorkflow, time.Hour)
	notices := lived("waiting_review")
	end := p.run(both(), notices...)
	require.Equal(t, "cancelled", receipt(end, notices[0].ID, activities.ReceiverGlobal).Answer)
	require.False(t, receipt(end, notices[0].ID, activities.ReceiverCaller).GivenUpAt.IsZero())
}

// Whatever was not dealt with goes on in the next run, under the same ids.
func TestANotifierContinuesAsNew(t *testing.T) {
	p := newPost(t)
	p.answer = func(activities.NotifyRequest, time.Time) int { return 500 }
	notices := lived("waiting_review", "pending_step_up", "completed")
	p.RegisterDelayedCallback(func() {
		p.SetContinueAsNewSuggested(true)
		p.SignalWorkflow(workflows.SignalNotices, workflows.Report{Terms: terms(), After: notices[0].ID,
			Notices: notices[1:2]})
	}, time.Hour)
	p.RegisterDelayedCallback(func() {
		p.SignalWorkflow(workflows.SignalNotices, workflows.Report{Terms: terms(), Notices: notices[:1]})
	}, time.Minute)
	p.ExecuteWorkflow(workflows.NotifyType, both())
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, p.GetWorkflowError(), &next)
	var ledger workflows.NotifierState
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &ledger))
	on := newPost(t)
	on.run(ledger, notices[2])
	require.Equal(t, ids(notices), on.took[activities.ReceiverGlobal])
	require.Equal(t, ids(notices), on.took[activities.ReceiverCaller])
}

func TestACancelledDeliveryIsStillToBeMade(t *testing.T) {
	no := temporal.NewApplicationError("no", "500")
	lasting := temporal.NewNonRetryableApplicationError("no", "410", nil)
	for name, test := range map[string]struct {
		stopped bool
		err     error
		want    bool
	}{
		"while it waited":               {true, temporal.NewCanceledError(), true},
		"its attempt under way failed":  {true, no, true},
		"its attempt died":              {true, temporal.NewTimeoutError(0, nil), true},
		"it was delivered all the same": {true, nil, false},
		"a lasting no counts":           {true, lasting, false},
		"nobody stopped it":             {false, no, false},
		"delivered":                     {false, nil, false},
	} {
		require.Equal(t, test.want, workflows.CancelRequestedForTest(test.stopped, test.err), name)
	}
}
