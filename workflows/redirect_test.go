package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/activities"
	"durablekyc.example/workflows"
)

const elsewhere = "http://elsewhere.example"

// A running notifier sends to the new address at once, though the delivery to
// the old one waits for hours, and everything that is reported later.
func TestEventsGoToTheNewAddress(t *testing.T) {
	p := newPost(t)
	at := map[string][]string{}
	p.answer = func(r activities.NotifyRequest, _ time.Time) int {
		if r.Receiver == activities.ReceiverGlobal {
			return 0
		}
		if r.WebhookURL != elsewhere {
			return 500
		}
		at[r.WebhookURL] = append(at[r.WebhookURL], r.Notice.ID)
		return 0
	}
	notices := lived("waiting_review", "completed")
	var changed *eventsAnswer
	p.RegisterDelayedCallback(func() {
		changed = &eventsAnswer{}
		p.UpdateWorkflow(workflows.UpdateResend, "", changed, "", elsewhere)
	}, 9*time.Hour)
	end := p.run(both(), notices...)
	require.NoError(t, changed.err)
	require.Equal(t, ids(notices), at[elsewhere])
	require.Equal(t, ids(notices), p.took[activities.ReceiverGlobal], "the other receiver is left alone")
	first := receipt(end, notices[0].ID, activities.ReceiverCaller)
	require.WithinDuration(t, begin.Add(9*time.Hour), first.DeliveredAt, time.Minute)
	require.Equal(t, elsewhere, end.WebhookURL)
}

// An address can be changed where there is nothing to send again: what comes
// later goes there.
func TestAnAddressIsChangedWithNothingToSendAgain(t *testing.T) {
	p := newPost(t)
	var to []string
	p.answer = func(r activities.NotifyRequest, _ time.Time) int {
		if r.Receiver == activities.ReceiverCaller {
			to = append(to, r.WebhookURL)
		}
		return 0
	}
	changed := &eventsAnswer{}
	p.RegisterDelayedCallback(func() { p.UpdateWorkflow(workflows.UpdateResend, "", changed, "", elsewhere) },
		90*time.Second)
	l := both()
	notices := lived("waiting_review", "completed")
	p.RegisterDelayedCallback(func() {
		terms := l.Terms
		terms.WebhookURL = elsewhere // as the case reports after its own update
		p.SignalWorkflow(workflows.SignalNotices, workflows.Report{Terms: terms, After: notices[0].ID, Notices: notices[1:]})
	}, 2*time.Minute)
	p.run(l, notices[0])
	require.NoError(t, changed.err)
	require.Equal(t, []string{l.WebhookURL, elsewhere}, to)
}

func TestAnEndedNotifierGoesOnToTheNewAddress(t *testing.T) {
	p := newPost(t)
	p.answer = func(activities.NotifyRequest, time.Time) int { return 410 }
	notices := lived("waiting_review", "completed")
	end := p.run(both(), notices...)
	ledger := end
	ledger.Redirect("2", elsewhere)
	require.NoError(t, ledger.Resend("2"))
	again := newPost(t)
	again.answer = func(r activities.NotifyRequest, _ time.Time) int {
		require.True(t, r.Receiver == activities.ReceiverGlobal || r.WebhookURL == elsewhere)
		return 0
	}
	end = again.run(ledger)
	require.Equal(t, ids(notices[1:]), again.took[activities.ReceiverCaller])
	require.False(t, receipt(end, notices[1].ID, activities.ReceiverCaller).DeliveredAt.IsZero(),
		"a new address has not said that it wants nothing more")
}

// A caller that had no address hears of an event that is named, if it is one of
// ConnectFi's words.
func TestAnEventIsSentToAnAddressThatCameLater(t *testing.T) {
	l, notices := both(), lived("waiting_review", "completed")
	l.WebhookURL = ""
	end := newPost(t).run(l, notices...)
	ledger := end
	ledger.Redirect(notices[1].ID, elsewhere)
	require.NoError(t, ledger.Resend(notices[1].ID))
	again := newPost(t)
	again.run(ledger)
	require.Equal(t, ids(notices[1:]), again.took[activities.ReceiverCaller])
}

// What the caller's receiver is being sent goes to the new address at once, though another event was named.
func TestADeliveryUnderWayGoesToTheNewAddress(t *testing.T) {
	p := newPost(t)
	p.answer = func(r activities.NotifyRequest, _ time.Time) int {
		if r.Receiver == activities.ReceiverCaller && r.WebhookURL != elsewhere {
			return 500
		}
		return 0
	}
	notices := lived("waiting_review", "pending_step_up")
	changed := &eventsAnswer{}
	p.RegisterDelayedCallback(func() {
		p.UpdateWorkflow(workflows.UpdateResend, "", changed, notices[1].ID, elsewhere)
	}, 9*time.Hour) // seven and a half hours after the last attempt, and eight before the next
	end := p.run(both(), notices...)
	require.NoError(t, changed.err)
	first := receipt(end, notices[0].ID, activities.ReceiverCaller)
	require.WithinDuration(t, begin.Add(9*time.Hour), first.DeliveredAt, time.Minute)
}
