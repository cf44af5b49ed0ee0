package workflows_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// live runs a case of this lab from its start and tells how it ended.
func (l *lab) live(policy kyc.Policy) (v kyc.View) {
	l.ExecuteWorkflow(workflows.Type, workflows.Input{Reference: "A1", CustomerID: l.customer, Policy: policy})
	require.True(l.t, l.IsWorkflowCompleted())
	require.NoError(l.t, l.GetWorkflowError())
	require.NoError(l.t, l.GetWorkflowResult(&v))
	return v
}

// ages are how old the case was at each line of its timeline.
func ages(v kyc.View, what ...string) (all []time.Duration) {
	for _, e := range v.Timeline {
		if slices.Contains(what, e.What) {
			all = append(all, e.At.Sub(v.StartedAt).Round(time.Second)) // a read takes a moment
		}
	}
	return all
}

// Nobody calls back, and the decision of the 89th day is seen within a read's
// distance; the whole time costs a handful of events.
func TestAReviewOf89Days(t *testing.T) {
	l := newLab(t, drawnKeyset(t), "review")
	defer l.close()
	l.RegisterDelayedCallback(func() { l.move("completed", "approved") }, 89*day)
	v := l.live(kyc.DefaultPolicy())
	require.Equal(t, kyc.Approved, v.Stage)
	require.GreaterOrEqual(t, v.EndedAt.Sub(v.StartedAt), 89*day)
	require.Less(t, v.EndedAt.Sub(v.StartedAt), 89*day+7*time.Hour)
	require.InDelta(t, 89*4, len(l.looks), 20, "every six hours, after a dense beginning")
	require.LessOrEqual(t, l.commands, 4)
}

// What waiting for a reviewer costs, were no callback ever to come: an action
// for each look, beside the five of any review, and not one command more.
func TestWhatWaitingCosts(t *testing.T) {
	for _, wait := range []struct {
		days, actions int
	}{{6, 40}, {30, 140}} {
		t.Run(fmt.Sprintf("%d days", wait.days), func(t *testing.T) {
			l := newLab(t, drawnKeyset(t), "review")
			defer l.close()
			l.RegisterDelayedCallback(func() { l.move("completed", "approved") }, time.Duration(wait.days)*day)
			v := l.live(kyc.DefaultPolicy())
			require.Equal(t, kyc.Approved, v.Stage)
			actions := 5 + len(l.looks) // start, identification, two upserts, a timer
			t.Logf("%d looks, %d actions, %d commands", len(l.looks), actions, l.commands)
			require.LessOrEqual(t, actions, wait.actions)
			require.GreaterOrEqual(t, len(l.looks), 4*wait.days, "never more than six hours late")
			require.LessOrEqual(t, l.commands, 4)
		})
	}
}

// What waiting for an applicant costs: an action a day, and a few commands for
// each reminder, before which the status is read. A decision whose callback was
// lost is found within a day.
func TestWhatWaitingForDocumentsCosts(t *testing.T) {
	l := newLab(t, drawnKeyset(t), "step_up")
	defer l.close()
	v := l.live(kyc.DefaultPolicy())
	require.Equal(t, kyc.Expired, v.Stage)
	actions := 4 + l.timers + len(l.looks) // start, identification, two upserts
	t.Logf("%d looks, %d timers, %d actions, %d commands", len(l.looks), l.timers, actions, l.commands)
	require.LessOrEqual(t, actions, 54)
	require.LessOrEqual(t, l.commands, 11)
	last := v.StartedAt
	for _, look := range l.looks {
		require.LessOrEqual(t, look.Sub(last), day+time.Second)
		last = look
	}

	l = newLab(t, drawnKeyset(t), "step_up")
	defer l.close()
	l.RegisterDelayedCallback(func() { l.move("completed", "approved") }, 10*day)
	v = l.live(kyc.DefaultPolicy())
	require.Equal(t, kyc.Approved, v.Stage)
	require.Less(t, v.EndedAt.Sub(v.StartedAt), 11*day+time.Second)
	require.Equal(t, []time.Duration{3 * day, 7 * day}, ages(v, kyc.EntryReminder))
}

// The last look is taken at the deadline, neither before nor after, and what it
// finds counts.
func TestTheLastLookIsAtTheDeadline(t *testing.T) {
	for name, test := range map[string]struct {
		decided time.Duration
		stage   kyc.Stage
	}{
		"nothing":           {1000 * day, kyc.Expired},
		"a minute before":   {90*day - time.Minute, kyc.Approved},
		"a minute too late": {90*day + time.Minute, kyc.Expired},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, drawnKeyset(t), "review")
			defer l.close()
			l.RegisterDelayedCallback(func() { l.move("completed", "approved") }, test.decided)
			v := l.live(kyc.DefaultPolicy())
			require.Equal(t, test.stage, v.Stage)
			last := l.looks[len(l.looks)-1].Sub(v.StartedAt)
			require.InDelta(t, 90*day, last, float64(time.Second))
			require.InDelta(t, 90*day, v.EndedAt.Sub(v.StartedAt), float64(time.Second))
		})
	}
}

// The clocks of a town are put forward and back, February has 29 days, and the
// clock of the worker's machine says whatever it likes: an hour is an hour, and
// what is written is in UTC.
func TestACaseGoesByDurationsAndUTC(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for name, test := range map[string]struct {
		start time.Time
		until string
	}{
		"into summer":       {time.Date(2026, 3, 28, 23, 30, 0, 0, berlin), "2026-04-27 22:30:00"},
		"into winter":       {time.Date(2026, 10, 24, 23, 30, 0, 0, berlin), "2026-11-23 21:30:00"},
		"across a leap day": {time.Date(2028, 2, 27, 12, 0, 0, 0, time.UTC), "2028-03-28 12:00:00"},
		"across no such":    {time.Date(2027, 2, 27, 12, 0, 0, 0, time.UTC), "2027-03-29 12:00:00"},
		"on a leap day":     {time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC), "2028-03-30 12:00:00"},
		"long ago":          {time.Date(2001, 9, 9, 1, 46, 40, 0, time.UTC), "2001-10-09 01:46:40"},
		"in times to come":  {time.Date(2038, 1, 19, 3, 14, 7, 0, time.UTC), "2038-02-18 03:14:07"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, drawnKeyset(t), "step_up")
			defer l.close()
			l.begin(test.start)
			var details string
			l.RegisterDelayedCallback(func() {
				value, err := l.QueryWorkflow(workflows.QueryCase)
				require.NoError(t, err)
				var v kyc.View
				require.NoError(t, value.Get(&v))
				v.Until = v.Until.In(berlin) // wherever it is read
				for i := range v.Timeline {
					v.Timeline[i].At = v.Timeline[i].At.In(berlin)
				}
				details = workflows.Details(v)
			}, time.Hour)
			v := l.live(kyc.DefaultPolicy())
			require.Equal(t, kyc.Expired, v.Stage)
			require.Contains(t, details, "until** "+test.until)
			require.Contains(t, details, "| "+test.start.UTC().Format("2006-01-02 15:04:05")+" | the case was started |")
			require.Equal(t, []time.Duration{3 * day, 7 * day, 14 * day, 28 * day, 30 * day}, ages(v, kyc.EntryReminder,
				string(kyc.Expired)))
		})
	}
}

// A case of 400 days, in seconds: asked for documents with a reminder a week,
// reviewed, asked for data, held, and decided on its last day. Its history is
// left behind every now and then, and nothing is lost or done twice.
func TestAStoryOf400Days(t *testing.T) {
	begun := time.Now()
	policy := kyc.DefaultPolicy()
	policy.Case, policy.Documents, policy.Reminders = kyc.Duration(400*day), kyc.Duration(400*day), nil
	for week := range 56 {
		policy.Reminders = append(policy.Reminders, kyc.Duration(time.Duration(week+1)*7*day))
	}
	l := newLab(t, drawnKeyset(t), "step_up_review")
	defer l.close()
	type turn struct {
		on time.Duration
		do func()
	}
	var sent *answer
	story := []turn{
		{100*day + time.Hour, func() {
			s := l.submission("s1")
			sent = &answer{}
			l.UpdateWorkflow(workflows.UpdateSubmit, s.ID, sent, s)
		}},
		{250 * day, func() { l.move("data_request", "") }},
		{300 * day, func() { l.move("strange", "") }},
		{399*day + 12*time.Hour, func() { l.move("completed", "denied") }},
	}
	in := workflows.Input{Reference: "A1", CustomerID: l.customer, Policy: policy}
	var v kyc.View
	runs, most, now := 0, 0, begin
	for ; ; runs++ {
		require.Less(t, runs, 20)
		l.begin(now)
		for _, turn := range story {
			if at := begin.Add(turn.on); at.After(now) {
				l.RegisterDelayedCallback(turn.do, at.Sub(now))
			}
		}
		l.RegisterDelayedCallback(func() {
			l.SetContinueAsNewSuggested(true)
			l.SignalWorkflow(workflows.SignalCallback, workflows.Callback{RequestID: fmt.Sprint(runs)})
		}, 45*day)
		l.ExecuteWorkflow(workflows.Type, in)
		require.True(t, l.IsWorkflowCompleted())
		now, most = l.Now(), max(most, l.commands)
		var next *workflow.ContinueAsNewError
		err := l.GetWorkflowError()
		if err == nil {
			require.NoError(t, l.GetWorkflowResult(&v))
			break
		}
		require.ErrorAs(t, err, &next)
		in = workflows.Input{}
		require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &in))
	}
	require.Equal(t, 8, runs)
	require.Equal(t, kyc.Denied, v.Stage)
	require.InDelta(t, 399.6*24, v.EndedAt.Sub(v.StartedAt).Hours(), 8)
	require.True(t, sent.done)
	require.Equal(t, 1, l.posts)
	var stages []string
	for _, e := range v.Timeline {
		if slices.Contains(kyc.Stages, kyc.Stage(e.What)) {
			stages = append(stages, e.What)
		}
	}
	require.Equal(t, []string{"awaiting_documents", "in_review", "awaiting_data", "held", "denied"}, stages)
	reminders := ages(v, kyc.EntryReminder)
	require.Len(t, reminders, 14, "a week each, from the day that documents were asked for")
	asked := ages(v, string(kyc.AwaitingDocuments))[0]
	for week, at := range reminders {
		require.Equal(t, asked+time.Duration(week+1)*7*day, at)
	}
	require.LessOrEqual(t, most, 30, "commands of a run, however often was looked")
	require.Greater(t, len(l.looks), 1000)
	require.Less(t, time.Since(begun), 10*time.Second)
}
