package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// received is one message as the caller's receiver got it.
type received struct{ id, requestID, status, outcome string }

// mailbox is a caller's webhookUrl that remembers what it got, and drops what
// has an id that it got before, as docs/notifications.md advises.
type mailbox struct {
	url string
	mu  sync.Mutex
	all []received
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	m := &mailbox{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var got connectfi.Envelope[connectfi.Application]
		if json.Unmarshal(body, &got) != nil {
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		d := received{r.Header.Get("webhook-id"), got.RequestID, string(got.Data.Status), string(got.Data.Outcome)}
		if !slices.ContainsFunc(m.all, func(known received) bool { return known.id == d.id }) {
			m.all = append(m.all, d)
		}
	}))
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

// got waits for this many messages and checks that no two share an id.
func (m *mailbox) got(t *testing.T, statuses ...string) []received {
	t.Helper()
	var all []received
	require.Eventually(t, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		all = slices.Clone(m.all)
		return len(all) >= len(statuses)
	}, 30*time.Second, 50*time.Millisecond, "got %+v, want %v", &m.all, statuses)
	var got []string
	ids, requests := map[string]bool{}, map[string]bool{}
	for _, d := range all {
		got = append(got, d.status)
		require.Regexp(t, `^evt_[0-9a-f]{32}$`, d.id)
		ids[d.id], requests[d.requestID] = true, true
	}
	require.Equal(t, statuses, got)
	require.Len(t, ids, len(all))
	require.Len(t, requests, len(all))
	return all
}

// listed checks that the starter lists exactly these messages, all delivered.
func (m *mailbox) listed(t *testing.T, reference string, want []received) {
	t.Helper()
	var ids []string
	for _, d := range want {
		ids = append(ids, d.id)
	}
	require.Eventually(t, func() bool {
		events, err := one.cases.Events(t.Context(), reference)
		if err != nil || len(events) != len(ids) {
			return false
		}
		for i, e := range events {
			if e.ID != ids[i] || e.Receipts[0].DeliveredAt.IsZero() {
				return false
			}
		}
		return true
	}, 30*time.Second, 100*time.Millisecond, "starter events must list %v", ids)
	events, err := one.cases.Resend(t.Context(), reference, ids[0])
	require.NoError(t, err, "the first event must be known")
	require.Len(t, events, len(ids))
}

// reset is "Reset" in the Temporal UI: the run goes back to this event, and
// what came later as a signal or an update is applied again.
func reset(t *testing.T, id string, event int64) string {
	t.Helper()
	d, err := one.client.DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	answer, err := one.client.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: embedded.Namespace, Reason: "a test", RequestId: fmt.Sprint(time.Now().UnixNano()),
		WorkflowTaskFinishEventId: event,
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id,
			RunId: d.GetWorkflowExecutionInfo().GetExecution().GetRunId()}})
	require.NoError(t, err)
	return answer.GetRunId()
}

// taskBefore is the last workflow task that was completed before a submission came.
func taskBefore(t *testing.T, id string) (task int64) {
	t.Helper()
	h, err := one.cases.History(t.Context(), workflow.Execution{ID: id})
	require.NoError(t, err)
	var completed []int64
	for _, e := range h.GetEvents() {
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			completed = append(completed, e.GetEventId())
		}
		if e.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest().GetInput().GetName() == workflows.UpdateSubmit {
			return completed[len(completed)-2] // the last one accepted it
		}
	}
	require.Fail(t, "nothing was submitted")
	return 0
}

// closed waits until a workflow has ended.
func closed(t *testing.T, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		d, err := one.client.DescribeWorkflowExecution(t.Context(), id, "")
		return err == nil && d.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	}, 30*time.Second, 50*time.Millisecond, "%s must end", id)
}

// forget deletes what Temporal has of a workflow, as retention does. A busy server
// takes its time.
func forget(t *testing.T, id string) {
	t.Helper()
	_, err := one.client.WorkflowService().DeleteWorkflowExecution(t.Context(),
		&workflowservice.DeleteWorkflowExecutionRequest{
			Namespace: embedded.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id}})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := one.client.DescribeWorkflowExecution(t.Context(), id, "")
		_, isGone := errors.AsType[*serviceerror.NotFound](err)
		return isGone
	}, 3*time.Minute, 100*time.Millisecond)
}

// notified starts a case whose caller hears of it.
func notified(t *testing.T, reference, customer string, m *mailbox) kyc.View {
	t.Helper()
	v, err := one.cases.Start(t.Context(), cases.StartOptions{Reference: reference, CustomerID: customer,
		WebhookURL: m.url, Policy: patient()})
	require.NoError(t, err)
	return v
}

// inReview drives a case through documents into the review.
func inReview(t *testing.T, reference string, m *mailbox) kyc.View {
	t.Helper()
	stepUp(t, notified(t, reference, customers(t, "individual", "step_up_review", 1)[0], m))
	v := until(t, reference, inStage(kyc.InReview))
	m.got(t, "pending_step_up", "waiting_review")
	return v
}

// RS1: a run that was reset to its first workflow task reads where ConnectFi
// stands, which was reported already, and then reports the decision.
func TestADecisionAfterAResetToTheStartIsReported(t *testing.T) {
	m := newMailbox(t)
	v := inReview(t, "RS1", m)
	reset(t, "kyc-RS1", 4)
	v = until(t, "RS1", inStage(kyc.InReview))
	decide(t, v, "approved")
	require.Equal(t, kyc.Approved, until(t, "RS1", final).Stage)
	m.listed(t, "RS1", m.got(t, "pending_step_up", "waiting_review", "completed"))
}

// RS4: reset to the task before the submission, ConnectFi has denied meanwhile.
func TestADecisionAfterAResetToTheMiddleIsReported(t *testing.T) {
	m := newMailbox(t)
	v := inReview(t, "RS4", m)
	faults(t, map[string]any{"drop_callbacks": 1.0})
	reset(t, "kyc-RS4", taskBefore(t, "kyc-RS4"))
	decide(t, v, "denied")
	_, _ = one.cases.Refresh(t.Context(), "RS4", kyc.ActorSystem) // the case may have found out and ended already
	require.Equal(t, kyc.Denied, until(t, "RS4", final).Stage)
	all := m.got(t, "pending_step_up", "waiting_review", "completed")
	require.Equal(t, "Denied", all[2].outcome)
	m.listed(t, "RS4", all)
}

// RS2: a decided case, whose notifier has ended, is reset and decides otherwise.
func TestAnotherDecisionAfterAResetIsAnotherEvent(t *testing.T) {
	m := newMailbox(t)
	v := inReview(t, "RS2", m)
	decide(t, v, "denied")
	until(t, "RS2", final)
	all := m.got(t, "pending_step_up", "waiting_review", "completed")
	closed(t, "kyc-notify-RS2")

	// The same decision once more is no news.
	reset(t, "kyc-RS2", 4)
	closed(t, "kyc-RS2")
	closed(t, "kyc-notify-RS2")
	require.Equal(t, all, m.got(t, "pending_step_up", "waiting_review", "completed"))
	m.listed(t, "RS2", all)
	closed(t, "kyc-notify-RS2")

	move(t, v, "completed", "approved")
	reset(t, "kyc-RS2", 4)
	closed(t, "kyc-RS2")
	all = m.got(t, "pending_step_up", "waiting_review", "completed", "completed")
	require.Equal(t, []string{"Denied", "Approved"}, []string{all[2].outcome, all[3].outcome})
	m.listed(t, "RS2", all)
}

// RS5, RS6: the notifier has ended, and a reset to after its start undoes that the
// case knows. What the case learns next is reported all the same, be it the end or not.
func TestNewsAfterAResetBehindTheNotifierIsReported(t *testing.T) {
	decided := func(t *testing.T, reference string) (*mailbox, kyc.View) {
		m := newMailbox(t)
		v := inReview(t, reference, m)
		decide(t, v, "denied")
		until(t, reference, final)
		m.got(t, "pending_step_up", "waiting_review", "completed")
		closed(t, "kyc-"+reference)
		closed(t, "kyc-notify-"+reference)
		return m, v
	}
	t.Run("the end", func(t *testing.T) {
		m, v := decided(t, "RS5")
		move(t, v, "completed", "approved")
		reset(t, "kyc-RS5", taskBefore(t, "kyc-RS5"))
		closed(t, "kyc-RS5")
		m.listed(t, "RS5", m.got(t, "pending_step_up", "waiting_review", "completed", "completed"))
	})
	t.Run("a stage", func(t *testing.T) {
		m, v := decided(t, "RS6")
		move(t, v, "data_request", "")
		reset(t, "kyc-RS6", taskBefore(t, "kyc-RS6"))
		m.got(t, "pending_step_up", "waiting_review", "completed", "data_request")
		move(t, v, "completed", "approved")
		closed(t, "kyc-RS6")
		m.listed(t, "RS6", m.got(t, "pending_step_up", "waiting_review", "completed", "data_request", "completed"))
	})
}

// RT1: after retention has deleted the histories, the same reference is another
// case. What it reports is news, whatever was reported before.
func TestAReferenceThatIsUsedAgainReportsNewEvents(t *testing.T) {
	m := newMailbox(t)
	customer := customers(t, "individual", "step_up", 1)[0]
	stepUp(t, notified(t, "RT1", customer, m))
	until(t, "RT1", final)
	m.got(t, "pending_step_up", "completed")
	closed(t, "kyc-notify-RT1")
	forget(t, "kyc-RT1")
	forget(t, "kyc-notify-RT1")
	notified(t, "RT1", customer, m)
	until(t, "RT1", final)
	all := m.got(t, "pending_step_up", "completed", "completed")
	m.listed(t, "RT1", all[2:])
}

// The same with a case that was terminated: its notifier still runs when the
// reference is used again, and the caller is another one.
func TestTheNotifierOfATerminatedCaseServesItsSuccessor(t *testing.T) {
	former, m := newMailbox(t), newMailbox(t)
	customer := customers(t, "individual", "step_up_review", 1)[0]
	notified(t, "RT2", customer, former)
	former.got(t, "pending_step_up")
	require.NoError(t, one.client.TerminateWorkflow(t.Context(), "kyc-RT2", "", "a test"))
	forget(t, "kyc-RT2")
	v := notified(t, "RT2", customer, m)
	m.got(t, "pending_step_up")
	stepUp(t, v)
	decide(t, until(t, "RT2", inStage(kyc.InReview)), "approved")
	until(t, "RT2", final)
	m.got(t, "pending_step_up", "waiting_review", "completed")
	former.got(t, "pending_step_up")
}
