package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// A case is put on record once it and its notifier are closed. Its evidence is written and verified after Temporal has
// forgotten both. So is that of a case that an operator terminated.
func TestACaseOnRecordOutlastsTemporal(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	own := beside(t, options{work: t.TempDir(), notify: receiver.URL, recordEvery: time.Second})
	for reference, scenario := range map[string]string{"record1": "step_up", "record2": "review"} {
		v, err := own.cases.Start(t.Context(), cases.StartOptions{Reference: reference, Notify: true, Policy: patient(),
			CustomerID: customers(t, "individual", scenario, 1)[0]})
		require.NoError(t, err)
		if reference == "record1" {
			stepUp(t, v)
			until(t, reference, final)
			continue
		}
		require.NoError(t, own.client.TerminateWorkflow(t.Context(), workflows.ID(reference), "", "an operator"))
		require.NoError(t, own.client.CancelWorkflow(t.Context(), workflows.NotifyID(reference), ""))
	}
	dir := t.TempDir()
	for reference, outcome := range map[string]string{"record1": string(kyc.Approved), "record2": string(kyc.InReview)} {
		require.Eventually(t, func() bool {
			code, _, _ := starter(t, "evidence", reference, "--out", filepath.Join(dir, reference+".kyc"))
			return code == 0
		}, time.Minute, 500*time.Millisecond, "%s is on record", reference)
		for _, id := range []string{workflows.ID(reference), workflows.NotifyID(reference)} {
			_, err := own.client.WorkflowService().DeleteWorkflowExecution(t.Context(),
				&workflowservice.DeleteWorkflowExecutionRequest{
					Namespace: embedded.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id}})
			require.NoError(t, err)
		}
		again := filepath.Join(dir, reference+".again.kyc")
		code, stdout, stderr := starter(t, "evidence", reference, "--out", again)
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, outcome)
		code, stdout, stderr = starter(t, "verify", "--key", own.recordsKey, filepath.Join(dir, reference+".kyc"), again)
		require.Zero(t, code, "%s\n%s", stdout, stderr)
		require.Contains(t, stdout, "re-executed  verified")
	}
}
