package workflows_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/activities"
	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

const (
	person = "cstap_6reGTr3k8vpAu8uFV7EdiN"
	day    = 24 * time.Hour
)

var do *activities.Activities

func single(status kyc.Status, outcome kyc.Outcome) kyc.Snapshot {
	return kyc.Snapshot{ApplicationID: "iapp_1", Status: status, Outcome: outcome,
		Entities: []kyc.EntitySnapshot{{ID: person, IsCustomer: true, Status: status, Outcome: outcome}}}
}

// story is one case in Temporal's test environment, where time is skipped.
type story struct {
	*testsuite.TestWorkflowEnvironment
	t *testing.T
}

func newStory(t *testing.T, others ...func(*testsuite.TestWorkflowEnvironment)) story {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	workflows.Register(env)
	for _, register := range others {
		register(env)
	}
	env.RegisterActivity(do)
	env.SetTestTimeout(20 * time.Second)
	env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	return story{env, t}
}

func (s story) run() kyc.View {
	s.t.Helper()
	s.ExecuteWorkflow(workflows.Type, workflows.Input{Reference: "A1", CustomerID: person, Policy: kyc.DefaultPolicy()})
	require.True(s.t, s.IsWorkflowCompleted())
	require.NoError(s.t, s.GetWorkflowError())
	var view kyc.View
	require.NoError(s.t, s.GetWorkflowResult(&view))
	require.Equal(s.t, kyc.OnNobody, view.WaitingOn)
	s.AssertExpectations(s.t)
	return view
}

// view is the case as the query tells it.
func (s story) view() kyc.View {
	value, err := s.QueryWorkflow(workflows.QueryCase)
	require.NoError(s.t, err)
	var view kyc.View
	require.NoError(s.t, value.Get(&view))
	return view
}

func (s story) after(d time.Duration, what func()) { s.RegisterDelayedCallback(what, d) }

func (s story) callback(id string) {
	s.SignalWorkflow(workflows.SignalCallback, workflows.Callback{RequestID: id})
}

// answer collects what an update answers.
type answer struct {
	done, rejected bool
	err            error
	view           kyc.View
}

func (a *answer) Accept()          {}
func (a *answer) Reject(err error) { a.rejected, a.err = true, err }
func (a *answer) Complete(v any, err error) {
	a.done, a.err = true, err
	if view, ok := v.(kyc.View); ok {
		a.view = view
	}
}

func (s story) update(name, id string, args ...any) *answer {
	a := &answer{}
	s.UpdateWorkflow(name, id, a, args...)
	return a
}

func license(id string) kyc.Submission {
	return kyc.Submission{ID: id, Entity: person, Type: "license", Consent: kyc.ConsentElsewhere(), Images: []kyc.Image{
		{Key: "f", Side: kyc.Front, Extension: "jpg"}, {Key: "b", Side: kyc.Back, Extension: "jpg"}}}
}

func whats(v kyc.View) (all []string) {
	for _, e := range v.Timeline {
		all = append(all, e.What)
	}
	return all
}

func TestDecidedAtOnce(t *testing.T) {
	for outcome, stage := range map[kyc.Outcome]kyc.Stage{"approved": kyc.Approved, "Denied": kyc.Denied} {
		s := newStory(t)
		s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("completed", outcome), nil).Once()
		require.Equal(t, stage, s.run().Stage)
	}
}

func TestReviewEndsByCallbackAndOneRead(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	s.OnActivity(do.ReadStatus, mock.Anything, activities.ReadRequest{Reference: "A1", CustomerID: person,
		ApplicationID: "iapp_1"}).
		Return(single("completed", "approved"), nil).Once()
	s.after(30*time.Second, func() {
		for range 10 {
			s.callback("r1")
		}
		s.callback("r2")
	})
	view := s.run()
	require.Equal(t, kyc.Approved, view.Stage)
	require.Equal(t, []string{"started", "identified", "in_review", "callback", "approved", "entity_completed"},
		whats(view))
}

func TestLostCallbackIsCoveredByTheWatch(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	s.OnActivity(do.WatchStatus, mock.Anything, mock.MatchedBy(func(r activities.WatchRequest) bool {
		return r.Until.Sub(r.Since) == 90*day && r.First == time.Minute && r.Max == 6*time.Hour &&
			r.Seen == single("waiting_review", "").Fingerprint()
	})).Return(activities.WatchResult{Reading: single("completed", "approved")}, nil).Once()
	require.Equal(t, kyc.Approved, s.run().Stage)
}

func TestCallbackCallsTheWatchOff(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("running", ""), nil).Once()
	nothingNew := temporal.NewApplicationErrorWithOptions("nothing new", activities.TypeUnchanged,
		temporal.ApplicationErrorOptions{NextRetryDelay: 40 * time.Minute, Category: temporal.ApplicationErrorCategoryBenign})
	s.OnActivity(do.WatchStatus, mock.Anything, mock.Anything).Return(activities.WatchResult{}, nothingNew)
	s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single("completed", "denied"), nil).Once()
	s.after(time.Hour, func() { s.callback("r1") })
	require.Equal(t, kyc.Denied, s.run().Stage)
}

func TestReviewOf90DaysEndsWithALastLook(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	s.OnActivity(do.WatchStatus, mock.Anything, mock.Anything).
		Return(activities.WatchResult{Reading: single("waiting_review", ""), Last: true}, nil).Once()
	view := s.run()
	require.Equal(t, kyc.Expired, view.Stage)
	require.Equal(t, 90*day, view.EndedAt.Sub(view.StartedAt))
}

func TestDocumentsAreRemindedOfAndExpire(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	s.OnActivity(do.WatchStatus, mock.Anything, mock.MatchedBy(func(r activities.WatchRequest) bool {
		return r.First == r.Max && r.Max > 21*time.Hour && r.Max < 22*time.Hour // and a tenth by chance is a day
		// before each reminder and at the end
	})).Return(activities.WatchResult{Reading: single("pending_step_up", ""), Last: true}, nil).Times(5)
	view := s.run()
	require.Equal(t, []string{"started", "identified", "awaiting_documents", "documents_wanted",
		"reminder", "reminder", "reminder", "reminder", "expired"}, whats(view))
	require.Equal(t, 30*day, view.EndedAt.Sub(view.StartedAt).Round(time.Hour))
}

func TestSubmissionIsHandedOverAndAnswered(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	s.OnActivity(do.SubmitDocuments, mock.Anything, mock.MatchedBy(func(r activities.SubmitRequest) bool {
		return r.Submission.ID == "s1" && r.ApplicationID == "iapp_1" && r.Settle == 30*time.Second
	})).Return(single("completed", "approved"), nil).Once()
	var wrong, right, started, other *answer
	s.after(time.Hour, func() {
		started = s.update(workflows.UpdateStart, "start-"+person, workflows.StartRequest{CustomerID: person})
		other = s.update(workflows.UpdateStart, "start-x", workflows.StartRequest{CustomerID: "cstap_other"})
		wrong = s.update(workflows.UpdateSubmit, "s0", kyc.Submission{ID: "s0", Entity: person, Type: "license"})
		right = s.update(workflows.UpdateSubmit, "s1", license("s1"))
	})
	require.Equal(t, kyc.Approved, s.run().Stage)
	require.Equal(t, kyc.AwaitingDocuments, started.view.Stage)
	requireRefused(t, other, workflows.RefusedOtherCustomer)
	requireRefused(t, wrong, workflows.RefusedInvalid)
	require.True(t, right.done)
	require.NoError(t, right.err)
	require.True(t, right.view.Entities[0].Sending, "it is answered once the case has taken it")
}

func requireRefused(t *testing.T, a *answer, kind string) {
	t.Helper()
	require.True(t, a.rejected)
	var refused *temporal.ApplicationError
	require.ErrorAs(t, a.err, &refused)
	require.Equal(t, kind, refused.Type())
}

// Somebody who speaks ConnectFi's API links one side, and the other while that is
// under way: one after the other, each with its own answer.
func TestLinksAreMadeOneAfterTheOther(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	for id, reading := range map[string]kyc.Snapshot{"front": single("pending_step_up", ""), "back": single("completed",
		"approved")} {
		s.OnActivity(do.SubmitDocuments, mock.Anything, mock.MatchedBy(func(r activities.SubmitRequest) bool {
			return r.Submission.ID == id && r.Submission.Images[0].Document == "doc_"+id
		})).After(time.Minute).Return(reading, nil).Once()
	}
	link := func(id string) kyc.Submission {
		return kyc.Submission{ID: id, Entity: person, Consent: kyc.ConsentElsewhere(),
			Images: []kyc.Image{{Document: "doc_" + id, Side: kyc.Side(id)}}}
	}
	var front, back *answer
	s.after(time.Hour, func() { front = s.update(workflows.UpdateSubmit, "front", link("front")) })
	s.after(time.Hour+time.Second, func() { back = s.update(workflows.UpdateSubmit, "back", link("back")) })
	require.Equal(t, kyc.Approved, s.run().Stage)
	require.NoError(t, front.err)
	require.Equal(t, 1, front.view.Queued)
	require.NoError(t, back.err)
	require.Equal(t, 2, back.view.Queued)
}

func TestWithdrawalEndsACaseWhoseUploadIsBeingRetried(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	s.OnActivity(do.SubmitDocuments, mock.Anything, mock.Anything).
		Return(kyc.Snapshot{}, temporal.NewApplicationError("down", activities.TypeNoAnswer))
	var submit, withdraw *answer
	s.after(time.Hour, func() { submit = s.update(workflows.UpdateSubmit, "s1", license("s1")) })
	s.after(time.Hour+time.Minute, func() { withdraw = s.update(workflows.UpdateWithdraw, "w") })
	view := s.run()
	require.Equal(t, kyc.Withdrawn, view.Stage)
	require.True(t, withdraw.done)
	require.True(t, submit.done, "nothing is in flight")
	require.Equal(t, kyc.AwaitingDocuments, submit.view.Stage)
}

func TestRevokedLinksStayRevoked(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	var revoke, withdraw *answer
	s.after(time.Hour, func() { revoke = s.update(workflows.UpdateRevoke, "r") })
	s.after(2*time.Hour, func() { withdraw = s.update(workflows.UpdateWithdraw, "w") })
	v := s.run()
	require.NoError(t, revoke.err)
	require.Equal(t, 1, revoke.view.Links)
	require.NoError(t, withdraw.err)
	require.Equal(t, 1, v.Links)
}

func TestLastingRefusalHoldsAndRefreshTriesAgain(t *testing.T) {
	s := newStory(t)
	no := temporal.NewNonRetryableApplicationError("no", "customerNotFound", nil, "refusal1")
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(kyc.Snapshot{}, no).Once()
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("completed", "approved"), nil).Once()
	var refresh *answer
	s.after(5*day, func() {
		require.Equal(t, kyc.Held, s.view().Stage)
		v := s.view()
		require.Equal(t, "customerNotFound", v.Refusal.Code)
		for _, line := range v.Timeline[len(v.Timeline)-2:] { // refused, held
			require.Equal(t, "refusal1", line.RequestID, line.What)
		}
		refresh = s.update(workflows.UpdateRefresh, "r")
	})
	require.Equal(t, kyc.Approved, s.run().Stage)
	require.NoError(t, refresh.err)
	require.Equal(t, []int{1, 0}, []int{refresh.view.Hints, refresh.view.Covered},
		"whoever wants the outcome follows the case")
}

func TestCancellationFromTheTemporalUIWithdraws(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	s.after(time.Hour, s.CancelWorkflow)
	require.Equal(t, kyc.Withdrawn, s.run().Stage)
}

func TestSignalsBehindTheDecisionAreRead(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	s.after(time.Hour, func() {
		s.update(workflows.UpdateWithdraw, "w")
		s.callback("r1")
	})
	view := s.run()
	require.Equal(t, kyc.Withdrawn, view.Stage)
}

// A long history is left behind in every open stage, and the next run goes on
// from the state alone.
func TestContinueAsNewInEveryStage(t *testing.T) {
	for status, stage := range map[kyc.Status]kyc.Stage{"pending_step_up": kyc.AwaitingDocuments,
		"running":        kyc.Processing,
		"waiting_review": kyc.InReview, "data_request": kyc.AwaitingData, "strange": kyc.Held} {
		t.Run(string(stage), func(t *testing.T) {
			s := newStory(t)
			s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single(status, ""), nil).Once()
			s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single(status, ""), nil).Maybe()
			s.after(10*time.Second, func() {
				s.SetContinueAsNewSuggested(true)
				s.callback("r1")
			})
			s.ExecuteWorkflow(workflows.Type, workflows.Input{Reference: "A1", CustomerID: person, Policy: kyc.DefaultPolicy()})
			var next *workflow.ContinueAsNewError
			require.ErrorAs(t, s.GetWorkflowError(), &next)
			var in workflows.Input
			require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &in))
			require.Equal(t, stage, in.Carried.Case.Stage)

			on := newStory(t)
			on.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single("completed", "approved"), nil).Once()
			on.after(time.Second, func() {
				on.callback("r1") // known already: no look
				on.callback("r2")
			})
			on.ExecuteWorkflow(workflows.Type, in)
			require.NoError(t, on.GetWorkflowError())
			var view kyc.View
			require.NoError(t, on.GetWorkflowResult(&view))
			require.Equal(t, kyc.Approved, view.Stage)
			require.Equal(t, in.Carried.Case.StartedAt.Unix(), view.StartedAt.Unix())
			on.AssertExpectations(t)
		})
	}
}

func TestOrderIsCheckedBeforeAnythingStarts(t *testing.T) {
	_, err := cases.Client{}.Start(t.Context(), cases.StartOptions{Reference: "UNIQUE_REFERENCE_ID", CustomerID: "a-b"})
	refused, isRefused := errors.AsType[*cases.RefusedError](err)
	require.True(t, isRefused)
	require.Equal(t, workflows.RefusedInvalid, refused.Type)
	for _, part := range []string{"reference", "customer id", "policy"} {
		require.ErrorContains(t, err, part)
	}
	require.Equal(t, "kyc-A1", fmt.Sprint(workflows.ID("A1")))
}
