package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// told is a receiver that remembers which events it took, by type.
type told struct {
	*httptest.Server
	mu    sync.Mutex
	types []string
}

func newTold(t *testing.T, status int) *told {
	r := &told{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body := make([]byte, 4096)
		n, _ := q.Body.Read(body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.types = append(r.types, string(body[:n]))
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

// heard counts the events of this type about this case.
func (r *told) heard(reference string, kind kyc.NoticeType) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, body := range r.types {
		if strings.Contains(body, `"`+reference+`"`) && strings.Contains(body, `"`+string(kind)+`"`) {
			n++
		}
	}
	return n
}

// "Request Cancellation" in the Temporal UI withdraws a case in every open stage
// and at every moment of it. Its receiver is notified once, and no workflow task fails on the way.
func TestCancellationWithdrawsAtEveryMoment(t *testing.T) {
	receiver := newTold(t, http.StatusOK)
	beside(t, options{work: t.TempDir(), notify: receiver.URL})
	resting := patient() // a timer is pending: the first read is an hour away
	resting.ReadFirst, resting.ReadMax = kyc.Duration(time.Hour), kyc.Duration(time.Hour)
	open := func(t *testing.T, reference, kind, scenario string, policy kyc.Policy) kyc.View {
		v, err := one.cases.Start(t.Context(), cases.StartOptions{Reference: reference, CustomerID: customers(t, kind,
			scenario, 1)[0], Notify: true, Policy: policy})
		require.NoError(t, err)
		return v
	}
	polled := func(t *testing.T, reference string) {
		require.Eventually(t, func() bool { return attempts(t, reference, "WatchStatus") > 1 }, 20*time.Second,
			50*time.Millisecond)
	}
	for _, kind := range []string{"individual", "business"} {
		for _, scenario := range []string{"step_up", "review", "data_request", "unknown_status"} {
			t.Run(kind+" "+scenario+", timer pending", func(t *testing.T) {
				v := open(t, letters("cancelT"+kind+scenario), kind, scenario, resting)
				cancelled(t, receiver, v.Reference)
			})
			if scenario != "step_up" {
				t.Run(kind+" "+scenario+", after a poll", func(t *testing.T) {
					v := open(t, letters("cancelP"+kind+scenario), kind, scenario, patient())
					polled(t, v.Reference)
					cancelled(t, receiver, v.Reference)
				})
			}
		}
	}
	t.Run("before a worker has it", func(t *testing.T) {
		require.NoError(t, one.stopWorker())
		cancelEarly(t, "cancelEarly1")
		require.NoError(t, one.startWorker())
		cancelled(t, receiver, "cancelEarly1")
	})
	t.Run("ConnectFi is away", func(t *testing.T) {
		sending := open(t, "cancelSending1", "business", "step_up", resting)
		faults(t, map[string]any{"ext_akepa": 1.0})
		submitAsync(t, sending)
		require.Eventually(t, func() bool { return attempts(t, sending.Reference, "SubmitDocuments") > 1 }, 20*time.Second,
			50*time.Millisecond)
		cancelled(t, receiver, sending.Reference)
		asked := waitingStart(t, "cancelIdentifying1")
		require.Eventually(t, func() bool { return attempts(t, "cancelIdentifying1", "Identify") > 1 }, 20*time.Second,
			50*time.Millisecond)
		cancelled(t, receiver, "cancelIdentifying1")
		require.Equal(t, kyc.Withdrawn, (<-asked).Stage, "who waits for the first status is answered")
	})
	t.Run("ConnectFi is slow", func(t *testing.T) {
		sending := open(t, "cancelSending2", "individual", "step_up", resting)
		read := open(t, "cancelReading2", "individual", "review", resting)
		polls := open(t, "cancelPolling2", "individual", "review", patient())
		faults(t, map[string]any{"slow": "3s"})
		submitAsync(t, sending)
		busy(t, sending.Reference, "SubmitDocuments")
		cancelled(t, receiver, sending.Reference)
		busy(t, polls.Reference, "WatchStatus")
		cancelled(t, receiver, polls.Reference)
		require.NoError(t, one.cases.Callback(t.Context(), read.Reference, workflows.Callback{RequestID: "1"}))
		pondering(t, read.Reference)
		cancelled(t, receiver, read.Reference)
		waitingStart(t, "cancelIdentifying2")
		busy(t, "cancelIdentifying2", "Identify")
		cancelled(t, receiver, "cancelIdentifying2")
	})
}

// cancelled presses the button and waits for the end.
func cancelled(t *testing.T, receiver *told, reference string) {
	t.Helper()
	require.NoError(t, one.client.CancelWorkflow(t.Context(), workflows.ID(reference), ""))
	v := untilWithin(t, 20*time.Second, reference, final)
	require.Equal(t, kyc.Withdrawn, v.Stage)
	n := 0
	for _, what := range whats(v) {
		if what == string(kyc.Withdrawn) {
			n++
		}
	}
	require.Equal(t, 1, n, "one cancellation is one withdrawal: %v", whats(v))
	require.Eventually(t, func() bool { return receiver.heard(reference, kyc.NoticeWithdrawn) == 1 }, 20*time.Second,
		50*time.Millisecond)
	failures(t, workflows.ID(reference), 0)
}

// failures counts the workflow tasks that failed.
func failures(t *testing.T, id string, want int) {
	t.Helper()
	lived, err := one.cases.History(t.Context(), workflow.Execution{ID: id})
	require.NoError(t, err)
	n := 0
	for _, e := range lived.Events {
		if kind := e.GetEventType(); kind == enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED ||
			kind == enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT {
			n++
		}
	}
	require.Equal(t, want, n)
}

// attempts is the number of the current attempt of an activity, or 0.
func attempts(t *testing.T, reference, activity string) (n int32) {
	d, err := one.client.DescribeWorkflowExecution(t.Context(), workflows.ID(reference), "")
	if err != nil {
		return 0
	}
	for _, a := range d.GetPendingActivities() {
		if a.GetActivityType().GetName() == activity {
			n = max(n, a.GetAttempt())
		}
	}
	return n
}

// submitAsync sends documents of the first entity that wants some, as the applicant's page does.
func submitAsync(t *testing.T, v kyc.View) {
	t.Helper()
	i := slices.IndexFunc(v.Entities, func(e kyc.EntityView) bool { return e.Status.WantsDocuments() })
	require.NoError(t, one.cases.SubmitAsync(t.Context(), v.Reference, sent(v.Entities[i].ID)))
}

// sent is a license whose images are at ConnectFi and only to be linked: an
// image of ours that is in no store would be refused before ConnectFi is asked.
func sent(entity string) kyc.Submission {
	return kyc.Submission{ID: "of-" + entity, Entity: entity, Consent: kyc.ConsentElsewhere(), Images: []kyc.Image{
		{Document: "doc_front1", Side: kyc.Front}, {Document: "doc_back1", Side: kyc.Back}}}
}

func waitingStart(t *testing.T, reference string) <-chan kyc.View {
	order := cases.StartOptions{Reference: reference, CustomerID: customers(t, "individual", "step_up", 1)[0],
		Notify: true, Policy: patient()}
	answer := make(chan kyc.View, 1)
	go func() {
		v, _ := one.cases.Start(t.Context(), order)
		answer <- v
	}()
	return answer
}

func cancelEarly(t *testing.T, reference string) {
	waitingStart(t, reference)
	require.Eventually(t, func() bool {
		return one.client.CancelWorkflow(t.Context(), workflows.ID(reference), "") == nil
	}, 10*time.Second, 50*time.Millisecond)
}

// A notifier that is cancelled gives up what it has not delivered, and ends. The
// case's next event goes out by another one.
func TestACancelledNotifierGivesUpAndAnotherFollows(t *testing.T) {
	broken := newTold(t, http.StatusInternalServerError)
	beside(t, options{work: t.TempDir(), notify: broken.URL})
	policy := patient()
	v, err := one.cases.Start(t.Context(), cases.StartOptions{Reference: "cancelNotifier1", CustomerID: customers(t,
		"individual", "step_up", 1)[0], Notify: true, Policy: policy})
	require.NoError(t, err)
	id := workflows.NotifyID(v.Reference)
	require.Eventually(t, func() bool { return broken.heard(v.Reference, kyc.NoticeDocuments) > 0 }, 20*time.Second,
		50*time.Millisecond)
	require.NoError(t, one.client.CancelWorkflow(t.Context(), id, ""))
	require.Eventually(t, func() bool {
		d, err := one.client.DescribeWorkflowExecution(t.Context(), id, "")
		return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	}, 20*time.Second, 100*time.Millisecond)
	failures(t, id, 0)
	_, err = one.cases.Withdraw(t.Context(), v.Reference, kyc.ActorSystem)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return broken.heard(v.Reference, kyc.NoticeWithdrawn) > 0 }, 20*time.Second,
		50*time.Millisecond)
}
