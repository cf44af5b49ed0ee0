package workflows_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"durablekyc.example/activities"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// rerun is a case that was reset and has learned this since.
func rerun(at time.Duration, readings ...kyc.Snapshot) []kyc.Notice {
	c := kyc.New("A1", person, kyc.DefaultPolicy(), begin.Add(at))
	for i, r := range readings {
		c.Apply(kyc.StatusReceived{At: begin.Add(at + time.Duration(i)*time.Minute), Reading: r})
	}
	return c.Notices
}

func (p *post) report(in time.Duration, r workflows.Report) {
	p.RegisterDelayedCallback(func() { p.SignalWorkflow(workflows.SignalNotices, r) }, in)
}

// A case that was reset begins to report from its start. What the receivers
// know is not sent again, and nothing else is left out.
func TestAResetCaseReportsOnlyWhatIsNew(t *testing.T) {
	told := lived("pending_step_up", "waiting_review", "pending_step_up", "waiting_review")
	review, documents, approved := single("waiting_review", ""), single("pending_step_up", ""), single("completed",
		"approved")
	for name, test := range map[string]struct {
		learned []kyc.Snapshot
		sent    int // of these, the latest
	}{
		"what was told last, then the decision":                  {[]kyc.Snapshot{review, approved}, 1},
		"what was told last, then what was told once":            {[]kyc.Snapshot{review, documents, review, approved}, 3},
		"something that was told once, but is not what was last": {[]kyc.Snapshot{documents, review, approved}, 3},
		"the decision at once":                                   {[]kyc.Snapshot{approved}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			again := rerun(day, test.learned...)
			after := ""
			for i, n := range again {
				p.report(day+time.Duration(i)*time.Minute, workflows.Report{Terms: terms(), After: after, Notices: []kyc.Notice{n}})
				after = n.ID
			}
			end := p.run(both(), told...)
			want := append(ids(told), ids(again[len(again)-test.sent:])...)
			require.Equal(t, want, p.took[activities.ReceiverGlobal])
			require.Equal(t, want, p.took[activities.ReceiverCaller])
			require.Len(t, end.Events(), len(want))
			require.Equal(t, len(want), end.Events()[len(want)-1].Number)
		})
	}
}

// A decided case that is reset may hold an answer of ConnectFi's in its history that
// the decision has overtaken: nothing of what follows is news, unless it ends otherwise.
func TestADecidedCaseThatIsResetReportsNothingAgain(t *testing.T) {
	review, approved, denied := single("waiting_review", ""), single("completed", "approved"), single("completed",
		"Denied")
	told := lived("pending_step_up", "waiting_review", "completed")
	for name, test := range map[string]struct {
		learned []kyc.Snapshot
		sent    int // of these, the latest
	}{
		"the same decision":        {[]kyc.Snapshot{review, approved}, 0},
		"another decision":         {[]kyc.Snapshot{review, denied}, 1},
		"the decision at once":     {[]kyc.Snapshot{approved}, 0},
		"a stage that is new":      {[]kyc.Snapshot{single("data_request", ""), approved}, 2},
		"a stage that comes again": {[]kyc.Snapshot{review, single("data_request", ""), review, approved}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			p.answer = func(r activities.NotifyRequest, at time.Time) int { // the notifier stays for what comes
				if r.Notice.Final() && at.Before(begin.Add(2*day)) {
					return 500
				}
				return 0
			}
			reset := func(at time.Duration) []kyc.Notice {
				again, after := rerun(at, test.learned...), told[0].ID
				for i, n := range again {
					p.report(at+time.Duration(i)*time.Minute, workflows.Report{Terms: terms(), After: after, Notices: []kyc.Notice{n}})
					after = n.ID
				}
				return again
			}
			again := reset(day)
			if test.sent == 0 {
				reset(day + time.Hour) // and once more
			}
			p.run(both(), told...)
			require.Equal(t, append(ids(told), ids(again[len(again)-test.sent:])...), p.took[activities.ReceiverGlobal])
		})
	}
}

// Without a reset the same news is told each time: ConnectFi wants the same
// documents again after it wanted none.
func TestTheSameNewsAgainIsToldWithoutAReset(t *testing.T) {
	with := func(status kyc.Status) kyc.Snapshot {
		r := single("pending_step_up", "")
		r.Entities = append(r.Entities, kyc.EntitySnapshot{ID: "cstap_rep", Status: status})
		return r
	}
	notices := rerun(0, with("pending_step_up"), with("running"), with("pending_step_up"))
	require.Len(t, notices, 2)
	require.True(t, notices[0].SameNews(notices[1]))
	p := newPost(t)
	end := both()
	p.run(end, notices...)
	require.Equal(t, ids(notices), p.took[activities.ReceiverGlobal])
}

// A reset to just before a reminder makes its timer fire again.
func TestAReminderIsNotSentAgainAfterAReset(t *testing.T) {
	c := kyc.New("A1", person, kyc.DefaultPolicy(), begin)
	c.Apply(kyc.StatusReceived{At: begin, Reading: single("pending_step_up", "")})
	request := c.Notices[0]
	again := c
	c.Apply(kyc.TimerFired{At: begin.Add(3 * day)})
	again.Apply(kyc.TimerFired{At: begin.Add(4 * day)})
	p := newPost(t)
	p.report(time.Hour, workflows.Report{Terms: terms(), After: request.ID, Notices: again.Notices[1:]})
	p.run(both(), c.Notices...)
	require.Equal(t, ids(c.Notices), p.took[activities.ReceiverGlobal])
}

// The decision of a case that was reset comes while the last decision is still
// being delivered: the notifier stays for what comes then.
func TestANotifierStaysForACaseThatIsOpenAgain(t *testing.T) {
	p := newPost(t)
	up := begin.Add(10 * time.Hour)
	p.answer = func(_ activities.NotifyRequest, at time.Time) int {
		if at.Before(up) {
			return 500
		}
		return 0
	}
	told := lived("completed")
	again := rerun(time.Hour, single("waiting_review", ""), single("completed", "Denied"))
	p.report(time.Hour, workflows.Report{Terms: terms(), Notices: again[:1]})
	p.report(5*day, workflows.Report{Terms: terms(), After: again[0].ID, Notices: again[1:]})
	end := p.run(both(), told...)
	require.Equal(t, append(ids(told), ids(again)...), p.took[activities.ReceiverGlobal])
	require.Less(t, p.Now().Sub(begin), 6*day, "and no longer")
	require.True(t, end.Ended)
}

// Another case under the same reference may have another caller. What the first
// one reported still goes to its own.
func TestEachCaseReportsToItsOwnCaller(t *testing.T) {
	p := newPost(t)
	addresses := map[string]string{}
	p.answer = func(r activities.NotifyRequest, at time.Time) int {
		if at.Before(begin.Add(2 * time.Hour)) {
			return 500
		}
		if r.Receiver == activities.ReceiverCaller {
			addresses[r.Notice.ID] = r.WebhookURL + " " + r.CustomerID
		}
		return 0
	}
	first, second := lived("waiting_review"), rerun(time.Hour, single("completed", "approved"))
	other := workflows.Terms{Case: "another run", CustomerID: "cstap_other", WebhookURL: "http://other.example",
		Until: begin.Add(100 * day)}
	p.report(time.Hour, workflows.Report{Terms: other, Notices: second})
	p.RegisterDelayedCallback(func() { p.resend("1") }, 90*time.Minute) // a delivery that begins under the second case
	end := p.run(both(), first...)
	require.Equal(t, map[string]string{first[0].ID: "http://caller.example " + person,
		second[0].ID: "http://other.example cstap_other"}, addresses)
	require.Equal(t, ids(first), p.took[activities.ReceiverGlobal], "the second one has no receiver of all")
	require.Len(t, end.Events(), 2)
}

// A notifier that follows another one goes on from what that one knew.
func TestANotifierRecallsItsPredecessor(t *testing.T) {
	told := lived("waiting_review", "pending_step_up")
	first := newPost(t)
	first.answer = func(r activities.NotifyRequest, _ time.Time) int {
		if r.Receiver == activities.ReceiverCaller {
			return 410
		}
		return 0
	}
	before := first.run(both(), told...)
	require.Len(t, before.Records, 2)
	again := rerun(100*day, single("pending_step_up", ""), single("completed", "approved"))
	successor := func(t *testing.T, known any, err error) (*post, workflows.NotifierState) {
		p := newPost(t)
		p.SetStartTime(begin.Add(100 * day))
		p.OnActivity(do.Recall, mock.Anything, activities.RecallRequest{Reference: "A1"}).Return(known, err)
		reports := workflows.NotifierState{Reference: "A1", Recall: &workflows.Report{Terms: terms(), Notices: again}}
		reports.Recall.Until = begin.Add(200 * day)
		return p, p.run(reports)
	}
	t.Run("known", func(t *testing.T) {
		text, err := json.Marshal(before)
		require.NoError(t, err)
		p, end := successor(t, json.RawMessage(text), nil)
		require.Equal(t, ids(again[1:]), p.took[activities.ReceiverGlobal], "the request for documents is known")
		require.Empty(t, p.took[activities.ReceiverCaller], "it wanted nothing more")
		require.Len(t, end.Events(), 3)
		require.Equal(t, []string{end.Events()[0].ID, end.Events()[1].ID}, ids(told))
		require.Nil(t, end.Recall)
	})
	t.Run("lost", func(t *testing.T) {
		p, end := successor(t, nil, temporal.NewNonRetryableApplicationError("no", "gone", nil))
		require.Equal(t, ids(again), p.took[activities.ReceiverGlobal], "rather once more than never")
		require.Len(t, end.Events(), 2)
	})
}
