package workflows_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// handed is what a case hands on, and how.
type handed struct {
	started []workflows.NotifierState
	signals []workflows.Report
}

// listening is a story whose notifier only listens, and stays for as long as
// the test lets it: whatever becomes of the notices is no matter of the case.
func listening(t *testing.T, stay func(ctx workflow.Context) error) (story, *handed) {
	h := &handed{}
	notifier := func(ctx workflow.Context, l workflows.NotifierState) (workflows.NotifierState, error) {
		h.started = append(h.started, l)
		workflow.Go(ctx, func(ctx workflow.Context) {
			for {
				var report workflows.Report
				workflow.GetSignalChannel(ctx, workflows.SignalNotices).Receive(ctx, &report)
				h.signals = append(h.signals, report)
			}
		})
		return l, stay(ctx)
	}
	return newStory(t, func(env *testsuite.TestWorkflowEnvironment) {
		env.RegisterWorkflowWithOptions(notifier, workflow.RegisterOptions{Name: workflows.NotifyType,
			DisableAlreadyRegisteredCheck: true})
	}), h
}

func forLong(ctx workflow.Context) error { return workflow.Sleep(ctx, 1000*day) }
func notAtAll(workflow.Context) error    { return nil }

func (s story) runWith(in workflows.Input) kyc.View {
	s.t.Helper()
	in.Reference, in.CustomerID, in.Policy = "A1", person, kyc.DefaultPolicy()
	s.ExecuteWorkflow(workflows.Type, in)
	require.True(s.t, s.IsWorkflowCompleted())
	require.NoError(s.t, s.GetWorkflowError())
	var view kyc.View
	require.NoError(s.t, s.GetWorkflowResult(&view))
	return view
}

// backAndForth is a case that is reviewed, asked for documents and withdrawn.
func (s story) backAndForth() {
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	s.after(30*time.Second, func() { s.callback("r1") })
	s.after(4*day, func() { s.update(workflows.UpdateWithdraw, "w") })
}

// A case sends its events to the webhookUrl that it was started with: whoever
// names another one is refused, and not passed over.
func TestAStartThatNamesAnotherWebhookIsRefused(t *testing.T) {
	s, _ := listening(t, forLong)
	s.backAndForth()
	var same, none, other *answer
	s.after(time.Second, func() {
		sum := sha256.Sum256([]byte("http://caller.example"))
		same = s.update(workflows.UpdateStart, "start-same", workflows.StartRequest{CustomerID: person,
			Webhook: hex.EncodeToString(sum[:8])})
		none = s.update(workflows.UpdateStart, "start-none", workflows.StartRequest{CustomerID: person})
		other = s.update(workflows.UpdateStart, "start-other", workflows.StartRequest{CustomerID: person,
			Webhook: "0011223344556677"})
	})
	s.runWith(workflows.Input{WebhookURL: "http://caller.example"})
	require.NoError(t, same.err)
	require.NoError(t, none.err)
	requireRefused(t, other, workflows.RefusedOtherWebhook)
}

// Who reports names the address that the case has then.
func TestAChangedWebhookIsReported(t *testing.T) {
	s, h := listening(t, forLong)
	s.backAndForth()
	var changed, empty, old *answer
	s.after(time.Second, func() {
		changed = s.update(workflows.UpdateWebhook, "w1", "http://other.example")
		empty = s.update(workflows.UpdateWebhook, "w2", "")
		sum := sha256.Sum256([]byte("http://caller.example"))
		old = s.update(workflows.UpdateStart, "start-old", workflows.StartRequest{CustomerID: person,
			Webhook: hex.EncodeToString(sum[:8])})
	})
	view := s.runWith(workflows.Input{WebhookURL: "http://caller.example"})
	require.NoError(t, changed.err)
	requireRefused(t, empty, workflows.RefusedInvalid)
	requireRefused(t, old, workflows.RefusedOtherWebhook)
	require.Equal(t, "http://caller.example", h.started[0].WebhookURL)
	require.Len(t, h.signals, 2)
	for _, report := range h.signals {
		require.Equal(t, "http://other.example", report.WebhookURL)
	}
	require.NoError(t, cases.StartOptions{CustomerID: person, WebhookURL: "http://other.example"}.Matches(view))
	require.NoError(t, cases.StartOptions{CustomerID: person}.Matches(view))
	require.Error(t, cases.StartOptions{CustomerID: person, WebhookURL: "http://caller.example"}.Matches(view))
}

func TestACaseHandsItsNoticesOn(t *testing.T) {
	for name, test := range map[string]struct {
		in      workflows.Input
		first   bool
		signals int
	}{
		"to both": {workflows.Input{Notify: true, WebhookURL: "http://caller.example"}, true, 3},
		"to all":  {workflows.Input{Notify: true}, true, 3},
		// no reminder; the end all the same
		"to the caller":   {workflows.Input{WebhookURL: "http://caller.example"}, true, 2},
		"where none hear": {workflows.Input{}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := listening(t, forLong)
			s.backAndForth()
			view := s.runWith(test.in)
			require.Equal(t, kyc.Withdrawn, view.Stage, "whatever becomes of the notifier")
			require.Less(t, view.EndedAt.Sub(view.StartedAt), 5*day)
			if !test.first {
				require.Empty(t, h.started)
				require.Empty(t, h.signals)
				return
			}
			require.Len(t, h.started, 1)
			l := h.started[0]
			require.Equal(t, kyc.NoticeReview, l.Records[0].Notice.Type)
			require.Nil(t, l.Recall, "nobody came before it")
			after := l.Records[0].Notice.ID
			for _, report := range h.signals {
				require.Equal(t, after, report.After, "each says what it follows")
				require.Equal(t, l.Terms, report.Terms)
				after = report.Notices[len(report.Notices)-1].ID
			}
			require.Equal(t, test.in.WebhookURL, l.WebhookURL)
			require.Equal(t, 93*day, l.Until.Sub(view.StartedAt))
			require.Len(t, h.signals, test.signals)
			last := h.signals[len(h.signals)-1].Notices
			require.Equal(t, kyc.NoticeWithdrawn, last[len(last)-1].Type)
		})
	}
}

func TestACaseClosesAtItsDecision(t *testing.T) {
	s, h := listening(t, forLong)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("completed", "approved"), nil).Once()
	view := s.runWith(workflows.Input{Notify: true})
	require.Equal(t, kyc.Approved, view.Stage)
	require.Less(t, view.EndedAt.Sub(view.StartedAt), time.Second)
	require.Len(t, h.started, 1)
	require.True(t, h.started[0].Ended, "it ends once this was delivered")
}

func TestACancelledCaseHasItsLastWord(t *testing.T) {
	s, h := listening(t, forLong)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	s.after(time.Hour, s.CancelWorkflow)
	require.Equal(t, kyc.Withdrawn, s.runWith(workflows.Input{Notify: true}).Stage)
	require.Len(t, h.signals, 1)
	require.Equal(t, kyc.NoticeWithdrawn, h.signals[0].Notices[0].Type)
}

// A case whose last word nobody takes stays until somebody does: there is no
// turn after it that could try again.
func TestACaseDoesNotCloseBeforeItsLastWordIsTaken(t *testing.T) {
	s, _ := listening(t, forLong)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("completed", "approved"), nil).Once()
	s.OnSignalExternalWorkflow(mock.Anything, workflows.NotifyID("A1"), mock.Anything, workflows.SignalNotices,
		mock.Anything).Return(errors.New("not taken"))
	var tries []time.Time
	var taken workflows.NotifierState
	s.OnWorkflow(workflows.NotifyType, mock.Anything, mock.Anything).Return(func(_ workflow.Context,
		l workflows.NotifierState) (workflows.NotifierState, error) {
		if tries = append(tries, s.Now()); len(tries) <= 6 {
			return l, testsuite.ErrMockStartChildWorkflowFailed
		}
		taken = l
		return l, nil
	})
	view := s.runWith(workflows.Input{Notify: true})
	require.Equal(t, kyc.Approved, view.Stage)
	require.Less(t, view.EndedAt.Sub(view.StartedAt), time.Minute, "it was decided all the same")
	require.Len(t, tries, 7, "three in a row, three a minute later, and two minutes later the one that is taken")
	require.InDelta(t, 3*time.Minute, tries[6].Sub(tries[0]), float64(time.Second))
	require.True(t, taken.Recall.Notices[0].Final())
}

// A notifier that somebody ended gets a successor, which recalls what that one
// knew and then takes the new notices.
func TestANotifierThatWasEndedIsReplaced(t *testing.T) {
	s, h := listening(t, notAtAll)
	s.backAndForth()
	s.runWith(workflows.Input{Notify: true})
	require.Len(t, h.started, 4)
	require.Nil(t, h.started[0].Recall)
	last := h.started[0].Records[0].Notice.ID
	for _, l := range h.started[1:] {
		require.Empty(t, l.Records)
		require.Equal(t, last, l.Recall.After)
		require.Len(t, l.Recall.Notices, 1)
		last = l.Recall.Notices[0].ID
	}
}

// The next run of a case knows that it has a notifier and how many notices there were.
func TestNoticesGoOnAfterContinueAsNew(t *testing.T) {
	s, h := listening(t, forLong)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Maybe()
	s.after(10*time.Second, func() {
		s.SetContinueAsNewSuggested(true)
		s.callback("r1")
	})
	s.ExecuteWorkflow(workflows.Type, workflows.Input{Reference: "A1", CustomerID: person, Notify: true,
		Policy: kyc.DefaultPolicy()})
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, s.GetWorkflowError(), &next)
	require.Len(t, h.started, 1)
	var in workflows.Input
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &in))
	require.Empty(t, in.Carried.Case.Notices)

	on, later := listening(t, forLong)
	on.OnSignalExternalWorkflow(mock.Anything, "kyc-notify-A1", "", workflows.SignalNotices, mock.Anything).
		Return(func(_, _, _, _ string, notices any) error {
			later.signals = append(later.signals, notices.(workflows.Report))
			return nil
		})
	on.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single("completed", "approved"), nil).Once()
	on.after(time.Second, func() { on.callback("r2") })
	on.ExecuteWorkflow(workflows.Type, in)
	require.NoError(t, on.GetWorkflowError())
	require.Empty(t, later.started)
	require.Len(t, later.signals, 1)
	require.Equal(t, kyc.NoticeApproved, later.signals[0].Notices[0].Type)
	require.Equal(t, h.started[0].Records[0].Notice.ID, later.signals[0].After)
}
