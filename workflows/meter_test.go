package workflows_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/activities"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// measured is a story whose metrics are told as Prometheus reads them.
func measured(t *testing.T) (s story, scrape func() string) {
	t.Helper()
	metrics, err := telemetry.New("test")
	require.NoError(t, err)
	var suite testsuite.WorkflowTestSuite
	suite.SetMetricsHandler(metrics.Temporal())
	s = story{suite.NewTestWorkflowEnvironment(), t}
	workflows.Register(s)
	s.RegisterActivity(do)
	s.SetTestTimeout(20 * time.Second)
	s.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	return s, func() string {
		w := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return ours(w.Body.String())
	}
}

// ours are the lines of our own metrics, buckets left out.
func ours(scraped string) string {
	var b strings.Builder
	for line := range strings.Lines(scraped) {
		if strings.HasPrefix(line, "kyc_") && !strings.Contains(line, "_bucket{") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func says(t *testing.T, scraped string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		require.Contains(t, "\n"+scraped, "\n"+line+"\n")
	}
}

func TestACallbackAndItsDecisionAreMeasured(t *testing.T) {
	s, scrape := measured(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).After(4*time.Second).Return(single("completed", "approved"),
		nil).Once()
	s.after(30*time.Second, func() { s.callback("r1"); s.callback("r1") })
	s.after(32*time.Second, func() { s.callback("r2") }) // while the read is under way
	s.run()
	scraped := scrape()
	says(t, scraped, "kyc_cases_started_total 1", `kyc_cases_ended_total{stage="approved"} 1`,
		"kyc_callback_decision_delay_seconds_count 1", `kyc_callback_decision_delay_seconds_sum 4`,
		`kyc_stage_duration_seconds_sum{stage="in_review"} 34`, `kyc_stage_duration_seconds_count{stage="identifying"} 1`,
		`kyc_case_duration_seconds_sum{stage="approved"} 34`)
	require.NotContains(t, scraped, "kyc_callbacks_lost_total")
	require.NotContains(t, scraped, "kyc_callbacks_late_total")
}

func TestALostCallbackIsCounted(t *testing.T) {
	s, scrape := measured(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	s.OnActivity(do.WatchStatus, mock.Anything, mock.Anything).Return(activities.WatchResult{Reading: single("completed",
		"approved")}, nil).Once()
	s.run()
	scraped := scrape()
	says(t, scraped, "kyc_callbacks_lost_total 1")
	require.NotContains(t, scraped, "kyc_callback_decision_delay_seconds_count")
}

// A look that found nothing, and one that a person asked for after a refusal,
// tell of no lost callback.
func TestNothingNewIsNothingLost(t *testing.T) {
	s, scrape := measured(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	s.OnActivity(do.WatchStatus, mock.Anything,
		mock.Anything).Return(activities.WatchResult{Reading: single("waiting_review", ""), Last: true}, nil).Once()
	require.Equal(t, kyc.Expired, s.run().Stage)
	require.NotContains(t, scrape(), "kyc_callbacks_lost_total")
	says(t, scrape(), `kyc_cases_ended_total{stage="expired"} 1`,
		`kyc_stage_duration_seconds_sum{stage="in_review"} 7.776e+06`)
}

func TestARefusalIsCountedByItsCodeAndIsNoLostCallback(t *testing.T) {
	s, scrape := measured(t)
	no := temporal.NewNonRetryableApplicationError("no", "customerNotFound", nil)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(kyc.Snapshot{}, no).Once()
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("completed", "approved"), nil).Once()
	s.after(time.Minute, func() { s.update(workflows.UpdateRevoke, "") }) // nothing that holds it anew
	s.after(time.Hour, func() { s.update(workflows.UpdateRefresh, "") })
	require.Equal(t, kyc.Approved, s.run().Stage)
	says(t, scrape(), `kyc_cases_held_total{code="customerNotFound",reason="refused"} 1`,
		`kyc_stage_duration_seconds_sum{stage="held"} 3600`)
	require.NotContains(t, scrape(), "kyc_callbacks_lost_total")
}

// A status that was refused and is told again is no change that a callback should have announced.
func TestAStatusThatIsToldAgainIsNoLostCallback(t *testing.T) {
	s, scrape := measured(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	no := temporal.NewNonRetryableApplicationError("no", "applicationNotFound", nil)
	s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(kyc.Snapshot{}, no).Once()
	s.OnActivity(do.WatchStatus, mock.Anything,
		mock.Anything).Return(activities.WatchResult{Reading: single("waiting_review", "")}, nil).Once()
	s.after(10*time.Second, func() { s.callback("r1") })
	s.after(2*time.Minute, func() { s.update(workflows.UpdateWithdraw, "") })
	s.OnActivity(do.WatchStatus, mock.Anything, mock.Anything).Return(activities.WatchResult{},
		temporal.NewCanceledError()).Maybe()
	require.Equal(t, kyc.Withdrawn, s.run().Stage)
	says(t, scrape(), `kyc_cases_held_total{code="applicationNotFound",reason="refused"} 1`,
		`kyc_stage_duration_seconds_sum{stage="held"} 60`)
	require.NotContains(t, scrape(), "kyc_callbacks_lost_total")
}

func TestDocumentsAndWhatHoldsACaseAreCounted(t *testing.T) {
	s, scrape := measured(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	no := temporal.NewNonRetryableApplicationError("no", "documentNotFound", nil)
	s.OnActivity(do.SubmitDocuments, mock.Anything, mock.Anything).Return(kyc.Snapshot{}, no).Once()
	s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	s.OnActivity(do.SubmitDocuments, mock.Anything, mock.Anything).Return(single("pending_action", ""), nil).Once()
	s.after(time.Minute, func() { s.update(workflows.UpdateSubmit, "s1", license("s1")) })
	s.after(2*time.Minute, func() { s.update(workflows.UpdateSubmit, "s2", license("s2")) })
	s.after(3*time.Minute, func() { s.update(workflows.UpdateWithdraw, "") })
	s.OnActivity(do.WatchStatus, mock.Anything, mock.Anything).Return(activities.WatchResult{},
		temporal.NewCanceledError()).Maybe()
	require.Equal(t, kyc.Withdrawn, s.run().Stage)
	says(t, scrape(), `kyc_documents_refused_total{code="documentNotFound"} 1`, "kyc_documents_handed_over_total 2",
		`kyc_cases_held_total{code="none",reason="unlisted_status"} 1`,
		`kyc_stage_duration_seconds_sum{stage="awaiting_documents"} 120`)
}

// A case that cannot hand on its last word stays for a minute, and hears what comes in it.
func TestACallbackBehindTheDecisionIsCounted(t *testing.T) {
	s, scrape := measured(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("completed", "approved"), nil).Once()
	s.OnSignalExternalWorkflow(mock.Anything, workflows.NotifyID("A1"), mock.Anything, workflows.SignalNotices,
		mock.Anything).Return(errors.New("not taken"))
	tries := 0
	s.OnWorkflow(workflows.NotifyType, mock.Anything, mock.Anything).Return(func(_ workflow.Context,
		l workflows.NotifierState) (workflows.NotifierState, error) {
		if tries++; tries <= 3 {
			return l, testsuite.ErrMockStartChildWorkflowFailed
		}
		return l, nil
	})
	s.after(30*time.Second, func() { s.callback("r1"); s.callback("r1"); s.callback("r2") })
	require.Equal(t, kyc.Approved, s.runWith(workflows.Input{Notify: true}).Stage)
	says(t, scrape(), "kyc_callbacks_late_total 2")
}

// What is known beforehand is there before it happens, and without the SDK's
// own labels: two series of one thing would both be half the truth.
func TestAnnouncedSeriesAreThoseThatAreCounted(t *testing.T) {
	metrics, err := telemetry.New("test")
	require.NoError(t, err)
	handler := metrics.Temporal()
	workflows.InitMetrics(func(name string, tags map[string]string) { handler.WithTags(tags).Counter(name).Inc(0) })
	handler.WithTags(map[string]string{"namespace": "default", "task_queue": "kyc", "workflow_type": "KYC",
		"stage": "denied"}).Counter("kyc_cases_ended").Inc(1)
	w := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	says(t, ours(w.Body.String()), "kyc_callbacks_lost_total 0", "kyc_callbacks_late_total 0",
		`kyc_cases_ended_total{stage="denied"} 1`,
		`kyc_cases_held_total{code="none",reason="contradictory_approval"} 0`,
		`kyc_notifications_total{receiver="all",result="given_up"} 0`, `kyc_documents_refused_total{code="imageMissing"} 0`)
}

// A change that no callback announced is a lost one, also after another that was announced; and of what a callback
// announces, a decision of either kind is timed and nothing else.
func TestEachChangeHasItsOwnCallback(t *testing.T) {
	for outcome, timed := range map[kyc.Outcome]bool{"approved": true, "denied": true, "": false} {
		s, scrape := measured(t)
		s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
		status := kyc.Status("completed")
		if outcome == "" {
			status = "running"
			s.OnActivity(do.WatchStatus, mock.Anything, mock.Anything).Return(activities.WatchResult{Reading: single("completed",
				"approved")}, nil).Once()
		}
		s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single(status, outcome), nil).Once()
		s.after(30*time.Second, func() { s.callback("r1") })
		s.after(40*time.Second, func() { s.callback("r1") }) // the same again announces nothing
		s.run()
		scraped := scrape()
		if timed {
			says(t, scraped, "kyc_callback_decision_delay_seconds_count 1")
			require.NotContains(t, scraped, "kyc_callbacks_lost_total")
			continue
		}
		says(t, scraped, "kyc_callbacks_lost_total 1")
		require.NotContains(t, scraped, "kyc_callback_decision_delay_seconds_count")
	}
}

// Documents that ConnectFi never answered for are counted as refused, and nothing else is that was tried in vain.
func TestDocumentsWithoutAnAnswerAreCounted(t *testing.T) {
	never := temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, nil)
	s, scrape := measured(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	s.OnActivity(do.SubmitDocuments, mock.Anything, mock.Anything).Return(kyc.Snapshot{}, never).Once()
	s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single("completed", "approved"), nil)
	s.after(time.Minute, func() { s.update(workflows.UpdateSubmit, "s1", license("s1")) })
	s.after(time.Hour, func() { s.callback("r1") })
	s.run()
	says(t, scrape(), `kyc_documents_refused_total{code="noAnswer"} 1`)

	s, scrape = measured(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(kyc.Snapshot{}, never)
	s.after(time.Minute, func() { s.update(workflows.UpdateWithdraw, "") })
	s.run()
	require.NotContains(t, scrape(), "kyc_documents_refused_total")
}

// A callback that a run has left unanswered is timed by the next run, from its start on. Without
// one, the next run's decision was announced by nobody.
func TestACallbackIsTimedAcrossRuns(t *testing.T) {
	for hints, line := range map[int]string{1: "kyc_callback_decision_delay_seconds_sum 4",
		0: "kyc_callbacks_lost_total 1"} {
		s, scrape := measured(t)
		c := kyc.New("A1", person, kyc.DefaultPolicy(), s.Now())
		c.Apply(kyc.StatusReceived{At: s.Now(), Reading: single("waiting_review", "")})
		for range hints {
			c.Apply(kyc.ChangeHinted{At: s.Now(), By: kyc.HintCallback, ID: "r1"})
		}
		s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).After(4*time.Second).
			Return(single("completed", "approved"), nil).Maybe()
		s.OnActivity(do.WatchStatus, mock.Anything, mock.Anything).
			Return(activities.WatchResult{Reading: single("completed", "approved")}, nil).Maybe()
		s.ExecuteWorkflow(workflows.Type, workflows.Input{Reference: "A1", CustomerID: person, Policy: kyc.DefaultPolicy(),
			Carried: &workflows.State{Case: c}})
		require.NoError(t, s.GetWorkflowError())
		says(t, scrape(), line)
	}
}
