package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/activities"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// dealtWith is a ledger with so many records, each of which was delivered or is still to be.
func dealtWith(count int, wanted bool) workflows.NotifierState {
	l := both()
	for n := range count {
		r := workflows.Delivery{Receiver: activities.ReceiverGlobal, Pending: wanted}
		if !wanted {
			r = workflows.Delivery{Receiver: activities.ReceiverGlobal, Attempts: 1, Answer: "200", DeliveredAt: begin}
		}
		l.Count, l.Last = n+1, fmt.Sprint("evt_", n+1)
		l.Records = append(l.Records, workflows.Record{Number: n + 1, Receipts: []workflows.Delivery{r},
			Notice: kyc.Notice{ID: l.Last, Type: kyc.NoticeReminder, Stage: kyc.AwaitingDocuments, At: begin}})
	}
	return l
}

// The newest 64 events are remembered and those that are still to be delivered;
// numbers go on, so a short name is never given twice.
func TestALedgerForgetsWhatIsLongDealtWith(t *testing.T) {
	for _, test := range []struct {
		before         int
		wanted         bool
		after, forgets int
	}{{10, false, 11, 0}, {63, false, 64, 0}, {64, false, 64, 1}, {80, false, 64, 17}, {80, true, 64, 17}} {
		t.Run(fmt.Sprint(test.before, test.wanted), func(t *testing.T) {
			p := newPost(t)
			l := dealtWith(test.before, test.wanted)
			mended := begin.Add(time.Hour)
			p.answer = func(r activities.NotifyRequest, at time.Time) int {
				if test.wanted && at.Before(mended) {
					return 500
				}
				return 0
			}
			if test.wanted { // nothing is forgotten before it was dealt with
				p.RegisterDelayedCallback(func() { require.Len(t, p.events(), test.before+1) }, 30*time.Minute)
			}
			end := p.run(l, lived("completed")...)
			if test.wanted {
				require.Len(t, end.Records, test.before+1)
				require.Len(t, p.took[activities.ReceiverGlobal], test.before+1)
				return
			}
			require.Len(t, end.Records, test.after)
			require.Equal(t, test.forgets+1, end.Records[0].Number)
			require.Equal(t, test.before+1, end.Records[len(end.Records)-1].Number)
		})
	}
}

// events are what the notifier tells of its events.
func (p *post) events() (all []workflows.Event) {
	value, err := p.QueryWorkflow(workflows.QueryEvents)
	require.NoError(p.t, err)
	require.NoError(p.t, value.Get(&all))
	return all
}

// A resend means the event that is named at all its receivers, or of all events
// what was not delivered; who wanted nothing more hears again of what is asked for,
// and the other receivers are as they were.
func TestWhatAResendMeans(t *testing.T) {
	all, caller := activities.ReceiverGlobal, activities.ReceiverCaller
	gone := func(r activities.Receiver) workflows.Delivery {
		return workflows.Delivery{Receiver: r, Attempts: 1, Answer: "410", GivenUpAt: begin}
	}
	taken := func(r activities.Receiver) workflows.Delivery {
		return workflows.Delivery{Receiver: r, Attempts: 1, Answer: "200", DeliveredAt: begin}
	}
	ledger := func() workflows.NotifierState {
		l := both()
		notices := lived("waiting_review", "pending_step_up", "completed")
		l.Unsubscribed = []activities.Receiver{all, caller}
		l.Records = []workflows.Record{
			{Number: 1, Notice: notices[0], Receipts: []workflows.Delivery{taken(all), taken(caller)}},
			{Number: 2, Notice: notices[1], Receipts: []workflows.Delivery{gone(all)}},
			// the caller hears nothing of this one
			{Number: 3, Notice: notices[2], Receipts: []workflows.Delivery{taken(all), gone(caller)}},
		}
		return l
	}
	for event, test := range map[string]struct {
		wanted  string // the receipts that are to be delivered now
		gone    []activities.Receiver
		refused string
	}{
		"":  {wanted: "2 all, 3 caller, "},
		"1": {wanted: "1 all, 1 caller, "},
		"2": {wanted: "2 all, ", gone: []activities.Receiver{caller}},
		"3": {wanted: "3 all, 3 caller, "},
		"4": {refused: "the case has sent no notification \"4\"", gone: []activities.Receiver{all, caller}},
	} {
		t.Run(event, func(t *testing.T) {
			l := ledger()
			err := l.Resend(event)
			if test.refused == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.refused)
			}
			wanted := ""
			for _, r := range l.Records {
				for _, receipt := range r.Receipts {
					if receipt.Pending {
						wanted += fmt.Sprintf("%d %s, ", r.Number, receipt.Receiver)
						require.Zero(t, receipt.DeliveredAt)
						require.Zero(t, receipt.GivenUpAt)
					}
				}
			}
			require.Equal(t, test.wanted, wanted)
			require.Len(t, l.Unsubscribed, len(test.gone))
			require.Subset(t, l.Unsubscribed, test.gone)
		})
	}
	l := ledger()
	l.Records = l.Records[:1]
	require.ErrorContains(t, l.Resend(""), "every notification was delivered: name the one to send again")
}

// The page of a notifier in the Temporal UI: of each event what became of it at each receiver.
func TestTheDetailsOfANotifier(t *testing.T) {
	at := begin.Add(time.Minute)
	require.Equal(t, "| When (UTC) | Event | Receiver | State |\n|---|---|---|---|\n"+
		"| 2026-03-01 09:00:00 | case.approved `evt_1` | all | in progress; \"Pending activities\" has its attempts |\n"+
		"| 2026-03-01 09:00:00 | case.approved `evt_1` | caller | **given up** at 2026-03-01 09:01:00 after 10 attempts: "+
		"500 |\n"+
		"| 2026-03-01 09:00:00 | case.denied `evt_2` | all | delivered at 2026-03-01 09:01:00, attempt 2: 204 |\n",
		workflows.EventDetails([]workflows.Event{
			{ID: "evt_1", Type: kyc.NoticeApproved, At: begin, Receipts: []workflows.Delivery{{Receiver: "all",
				Pending: true},
				{Receiver: "caller", Attempts: 10, Answer: "500", GivenUpAt: at}}},
			{ID: "evt_2", Type: kyc.NoticeDenied, At: begin, Receipts: []workflows.Delivery{{Receiver: "all",
				Attempts: 2, Answer: "204", DeliveredAt: at}}},
		}))
}
