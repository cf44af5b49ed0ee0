package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/activities"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// A receiver that never takes one event hears of the decision a minute later,
// and the other event is tried again as its schedule says.
func TestADecisionOvertakesWhatIsNotTaken(t *testing.T) {
	p := newPost(t)
	notices := lived("pending_step_up", "waiting_review", "completed")
	sequences := map[string]int64{}
	p.answer = func(r activities.NotifyRequest, _ time.Time) int {
		sequences[r.Notice.ID] = r.Sequence
		if r.Notice.Type == kyc.NoticeDocuments {
			return 500
		}
		return 0
	}
	end := p.run(both(), notices...)
	for _, receiver := range []activities.Receiver{activities.ReceiverGlobal, activities.ReceiverCaller} {
		require.Equal(t, []string{notices[2].ID, notices[1].ID}, p.took[receiver])
		require.Equal(t, 4*time.Minute, receipt(end, notices[2].ID, receiver).DeliveredAt.Sub(begin),
			"it waited a minute for its turn")
		refused := receipt(end, notices[0].ID, receiver)
		require.Equal(t, 10, refused.Attempts)
		require.Equal(t, 75*time.Hour+36*time.Minute+5*time.Second, refused.GivenUpAt.Sub(begin), "its schedule is its own")
	}
	require.Less(t, sequences[notices[0].ID], sequences[notices[1].ID])
	require.Less(t, sequences[notices[1].ID], sequences[notices[2].ID])
	for _, e := range end.Events() {
		require.Equal(t, sequences[e.ID], e.Sequence, "an operator sees what a receiver saw")
	}
}

// Where each event is taken, none overtakes another, though all are reported at
// once and the first one is taken at the second attempt.
func TestNothingOvertakesWhatIsTaken(t *testing.T) {
	p := newPost(t)
	notices := lived("pending_step_up", "waiting_review", "completed")
	p.answer = func(r activities.NotifyRequest, at time.Time) int {
		if r.Notice.ID == notices[0].ID && at.Sub(begin) < 62*time.Second {
			return 500
		}
		return 0
	}
	l := both()
	p.RegisterDelayedCallback(func() {
		p.SignalWorkflow(workflows.SignalNotices, workflows.Report{Terms: l.Terms, Notices: notices})
	}, time.Minute)
	p.run(l)
	require.Equal(t, ids(notices), p.took[activities.ReceiverGlobal])
	require.Equal(t, ids(notices), p.took[activities.ReceiverCaller])
}

// A sequence rises though two events are of one moment, and though what was sent
// before is not known any more: a receiver that keeps the highest one hears of
// everything that is new.
func TestASequenceOnlyRises(t *testing.T) {
	l, notices := both(), lived("pending_step_up", "waiting_review", "completed")
	notices[1].At = notices[0].At
	ledger, forgotten := l, l
	ledger.Take(workflows.Report{Terms: l.Terms, Notices: notices[:2]}, notices[0].At)
	first, second := ledger.Records[0].Sequence, ledger.Records[1].Sequence
	require.Equal(t, notices[0].At.UnixMilli(), first)
	require.Equal(t, first+1, second)
	forgotten.Take(workflows.Report{Terms: l.Terms, Notices: notices[2:]}, notices[2].At)
	require.Greater(t, forgotten.Records[0].Sequence, second)
}
