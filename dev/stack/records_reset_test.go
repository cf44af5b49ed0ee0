package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// resetCase has an operator reset a workflow to the first, or the last, workflow task that it has completed.
func resetCase(t *testing.T, id string, last bool) {
	t.Helper()
	h, err := one.cases.History(t.Context(), workflow.Execution{ID: id})
	require.NoError(t, err)
	var to int64
	for _, e := range h.GetEvents() {
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED && (last || to == 0) {
			to = e.GetEventId()
		}
	}
	_, err = one.client.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: embedded.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id},
		WorkflowTaskFinishEventId: to, RequestId: fmt.Sprintf("%s-%d-%d", id, to, len(h.GetEvents())), Reason: "a test"})
	require.NoError(t, err)
}

// After a reset a case waits before it identifies, and asks its notifier what receivers know: before the reset it did
// neither. Its record verifies on every level all the same, whenever and however often it was reset.
func TestTheRecordsOfACaseThatWasReset(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	own := beside(t, options{work: t.TempDir(), notify: receiver.URL, recordEvery: time.Second})
	dir := t.TempDir()
	for reference, test := range map[string]struct {
		open, closed []bool // resets while it is open and after its end: to the last task, or to the first
		records      int
	}{
		"resetfirst": {[]bool{false}, nil, 2},
		"resetlast":  {[]bool{true}, nil, 2},
		"resettwice": {[]bool{false, true}, nil, 3},
		"resetended": {nil, []bool{false}, 2},
		"resetboth":  {[]bool{true}, []bool{true}, 3},
	} {
		v, err := own.cases.Start(t.Context(), cases.StartOptions{Reference: reference, Notify: true, Policy: patient(),
			CustomerID: customers(t, "individual", "step_up_review", 1)[0]})
		require.NoError(t, err)
		for _, last := range test.open {
			resetCase(t, workflows.ID(reference), last)
			v = until(t, reference, inStage(kyc.AwaitingDocuments))
		}
		stepUp(t, v)
		decide(t, until(t, reference, inStage(kyc.InReview)), "approved")
		until(t, reference, final)
		for _, last := range test.closed {
			resetCase(t, workflows.ID(reference), last)
			until(t, reference, final)
		}
		var files []string
		require.Eventually(t, func() bool {
			code, stdout, _ := starter(t, "evidence", reference, "--out",
				filepath.Join(dir, fmt.Sprintf("%s-%d.kyc", reference, time.Now().UnixNano())))
			files = nil
			for line := range strings.Lines(stdout) {
				files = append(files, strings.Fields(line)[0])
			}
			return code == 0 && len(files) == test.records
		}, time.Minute, 500*time.Millisecond, "%s has %d records", reference, test.records)
		for _, file := range files {
			code, stdout, stderr := starter(t, "verify", "--key", own.recordsKey, file)
			require.Zero(t, code, "%s\n%s%s", reference, stdout, stderr)
			require.Contains(t, stdout, "re-executed  verified")
		}
	}
}
