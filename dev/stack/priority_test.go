package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// historyOf is the latest run of a workflow.
func historyOf(t *testing.T, id string) []*historypb.HistoryEvent {
	t.Helper()
	h, err := one.cases.History(t.Context(), workflow.Execution{ID: id})
	require.NoError(t, err)
	return h.Events
}

// batched starts a case as a batch does.
func batched(t *testing.T, reference, scenario string, notify bool) {
	t.Helper()
	keyset, err := encryption.ParseKeyset(named(one.vars)["KYC_KEYSET"])
	require.NoError(t, err)
	_, err = one.cases.StartAsync(t.Context(), cases.StartOptions{Reference: reference, Notify: notify,
		CustomerID: customers(t, "individual", scenario, 1)[0], Policy: patient(), Priority: workflows.PriorityBatch},
		keyset.Converters().Data)
	require.NoError(t, err)
}

// Every task of a case has the priority of who waits for it: the batch's own, that of a poll, and the applicant's from
// the moment when the link is opened.
func TestTasksHaveThePriorityOfWhoWaits(t *testing.T) {
	own := beside(t, options{work: t.TempDir(), notify: "http://127.0.0.1:9"})
	batched(t, "batched1", "step_up", true)
	v := until(t, "batched1", inStage(kyc.AwaitingDocuments))
	batched(t, "batched2", "review", false)
	rests(t, "batched2")

	priorities := func(id string) map[string]int32 {
		all := map[string]int32{}
		for _, e := range historyOf(t, id) {
			switch e.GetEventType() {
			case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
				all["start"] = e.GetWorkflowExecutionStartedEventAttributes().GetPriority().GetPriorityKey()
			case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
				a := e.GetActivityTaskScheduledEventAttributes()
				all[a.GetActivityType().GetName()] = a.GetPriority().GetPriorityKey()
			case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
				all["options"] = e.GetWorkflowExecutionOptionsUpdatedEventAttributes().GetPriority().GetPriorityKey()
			}
		}
		return all
	}
	require.Equal(t, map[string]int32{"start": 5, "Identify": 0}, priorities(workflows.ID("batched1")),
		"what has no priority of its own has its case's")
	require.EqualValues(t, 4, priorities(workflows.ID("batched2"))["WatchStatus"])
	require.Equal(t, map[string]int32{"start": 5, "Notify": 0}, priorities(workflows.NotifyID("batched1")))

	code, link, stderr := starter(t, "link", v.Reference)
	require.Zero(t, code, stderr)
	for range 2 { // once is enough
		fetch(t, link[:len(link)-1])
	}
	stepUp(t, v)
	until(t, v.Reference, final)
	require.Equal(t, map[string]int32{"start": 5, "Identify": 0, "options": 2, "SubmitDocuments": 2},
		priorities(workflows.ID("batched1")))
	d, err := own.client.DescribeWorkflowExecution(t.Context(), workflows.ID("batched1"), "")
	require.NoError(t, err)
	require.EqualValues(t, 2, d.GetWorkflowExecutionInfo().GetPriority().GetPriorityKey())
	code, out, stderr := starter(t, "replay", v.Reference)
	require.Zero(t, code, "%s%s", out, stderr)
}

// What waits in Temporal while no worker is up is taken in the order of its priority, not of its coming: this server,
// which is that of docker-compose.yml, does so without any setting.
func TestAnInteractiveCaseOvertakesABatch(t *testing.T) {
	own := beside(t, options{work: t.TempDir()})
	require.NoError(t, own.stopWorker())
	const batch = 150
	for i := range batch {
		batched(t, fmt.Sprintf("wave%d", i), "approve", false)
	}
	unanswered(t, cases.StartOptions{Reference: "waits", CustomerID: customers(t, "individual", "approve", 1)[0],
		Policy: patient(), Priority: workflows.PriorityInteractive})
	require.NoError(t, own.startWorker())
	began := func(reference string) time.Time {
		for _, e := range historyOf(t, workflows.ID(reference)) {
			if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED {
				return e.GetEventTime().AsTime()
			}
		}
		require.Fail(t, "it has not begun", reference)
		return time.Time{}
	}
	require.Equal(t, kyc.Approved, until(t, "waits", final).Stage)
	earlier := 0
	for i := range batch {
		reference := fmt.Sprintf("wave%d", i)
		until(t, reference, final)
		if began(reference).Before(began("waits")) {
			earlier++
		}
	}
	t.Logf("%d of %d cases of the batch began before it", earlier, batch)
	require.Less(t, earlier, batch/3, "it came last")
}
