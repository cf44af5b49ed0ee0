package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/connectfi"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// endings are the ways in which Temporal ends a run without a result of ours.
// Terminate is an operator's button; the other three take a workflow that does
// what ours never does, under the id of a case.
var endings = map[string]struct {
	status enumspb.WorkflowExecutionStatus
	says   string
	run    func(t *testing.T, reference string)
}{
	"terminated": {enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, "was terminated in Temporal",
		func(t *testing.T, reference string) {
			require.NoError(t, one.client.TerminateWorkflow(t.Context(), workflows.ID(reference), "", "a test"))
		}},
	"cancelled": {enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, "was cancelled in Temporal",
		func(t *testing.T, reference string) {
			otherwise(t, reference, func(workflow.Context, workflows.Input) error { return temporal.NewCanceledError() })
		}},
	"failed": {enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, "failed in Temporal", func(t *testing.T, reference string) {
		otherwise(t, reference, func(workflow.Context, workflows.Input) error {
			return temporal.NewNonRetryableApplicationError("a test", "Test", nil)
		})
	}},
	"timedout": {enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, "timed out in Temporal", func(t *testing.T, reference string) {
		otherwise(t, reference, func(ctx workflow.Context, _ workflows.Input) error { return workflow.Sleep(ctx, time.Hour) })
	}},
}

// otherwise ends the case and has its id run once more, by another workflow.
func otherwise(t *testing.T, reference string, run any) {
	t.Helper()
	id := workflows.ID(reference)
	require.NoError(t, one.client.TerminateWorkflow(t.Context(), id, "", "a test"))
	w := worker.New(one.client, "other-"+reference, worker.Options{})
	w.RegisterWorkflowWithOptions(run, workflow.RegisterOptions{Name: workflows.Type})
	require.NoError(t, w.Start())
	defer w.Stop()
	_, err := one.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "other-" + reference,
		WorkflowExecutionTimeout: time.Second, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes: temporal.NewSearchAttributes(workflows.AttributeStage.ValueSet(string(kyc.InReview)))},
		workflows.Type, workflows.Input{Reference: reference, CustomerID: "cstap_" + reference})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return statusOf(t, reference) != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING },
		20*time.Second, 50*time.Millisecond)
}

func statusOf(t *testing.T, reference string) enumspb.WorkflowExecutionStatus {
	t.Helper()
	d, err := one.client.DescribeWorkflowExecution(t.Context(), workflows.ID(reference), "")
	require.NoError(t, err)
	return d.GetWorkflowExecutionInfo().GetStatus()
}

// listed are the rows of `starter list --json` about one case.
func listed(t *testing.T, reference string, args ...string) (rows []map[string]any) {
	t.Helper()
	code, out, stderr := starter(t, append([]string{"list", "--json"}, args...)...)
	require.Zero(t, code, stderr)
	var all []map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &all), out)
	for _, row := range all {
		if row["reference"] == reference {
			rows = append(rows, row)
		}
	}
	return rows
}

// soonListed waits until visibility says of a case what it should.
func soonListed(t *testing.T, reference string, want func(row map[string]any) bool, args ...string) map[string]any {
	t.Helper()
	var rows []map[string]any
	require.Eventually(t, func() bool {
		rows = listed(t, reference, args...)
		return len(rows) > 0 && want(rows[0])
	}, 20*time.Second, 100*time.Millisecond)
	require.Len(t, rows, 1, "a case stands in a list once: %v", rows)
	return rows[0]
}

// opened is what the applicant's page answers to a link.
func opened(t *testing.T, link string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// A case that was ended in Temporal is told as ended by everybody: nobody
// answers from an update that was finished before.
func TestACaseThatWasEndedInTemporal(t *testing.T) {
	beside(t, options{work: t.TempDir()})
	for name, ending := range endings {
		t.Run(name, func(t *testing.T) {
			reference, customer := "ended"+name, customers(t, "individual", "step_up", 1)[0]
			request := connectfi.IdentificationRequest{CustomerID: customer, Reference: reference}
			_, err := api(t).Identify(t.Context(), request)
			require.NoError(t, err)
			code, link, stderr := starter(t, "link", reference)
			require.Zero(t, code, stderr)
			status, _ := opened(t, strings.TrimSpace(link))
			require.Equal(t, http.StatusOK, status)
			ending.run(t, reference)
			require.Equal(t, ending.status, statusOf(t, reference))

			var refused *connectfi.Error
			_, err = api(t).Identify(t.Context(), request)
			require.ErrorAs(t, err, &refused)
			require.Equal(t, connectfi.CodeReferenceExists, refused.Code)
			for _, command := range [][]string{{"show", reference}, {"start", "--customer", customer, "--reference", reference},
				{"refresh", reference}, {"withdraw", reference}, {"revoke-links", reference}, {"link", reference}} {
				code, out, stderr := starter(t, command...)
				require.Equal(t, 1, code, "%v: %s%s", command, out, stderr)
				require.Contains(t, stderr, reference+" "+ending.says, "%v", command)
				require.NotContains(t, stderr, "--help", "%v", command)
			}
			code, _, stderr = starter(t, "watch", reference)
			require.Equal(t, 4, code, "it ended without a decision")
			require.Contains(t, stderr, reference+" "+ending.says)

			file := writeFile(t, "customers.csv", "customerId,reference\n"+customer+","+reference+"\n")
			for range 2 { // the second run has not left it out as done
				code, out, stderr := starter(t, "batch", file)
				require.Equal(t, 1, code, "%s%s", out, stderr)
				require.Contains(t, out, "1 lines: 0 started, 0 found, 1 ended in Temporal")
			}
			row := soonListed(t, reference, func(row map[string]any) bool { return row["broken"] == true })
			require.Equal(t, strings.ReplaceAll(name, "timedout", "timed out"), row["run"])

			status, text := opened(t, strings.TrimSpace(link))
			require.Equal(t, http.StatusGone, status)
			require.Contains(t, text, "The check was cancelled")
			callback, err := http.Post(callbackURL(t, reference), "application/json",
				strings.NewReader(fmt.Sprintf(`{"requestId":"rqst_1","code":"0","data":{"reference":%q}}`, reference)))
			require.NoError(t, err)
			callback.Body.Close()
			require.Equal(t, http.StatusOK, callback.StatusCode, "known, and closed")
			standing, err := one.cases.CloseState(t.Context(), reference)
			require.NoError(t, err)
			require.False(t, standing.Closed.IsZero())
			require.True(t, standing.Undecided)
			code, out, stderr := starter(t, "events", reference)
			require.Zero(t, code, "%s%s", out, stderr)
		})
	}
}

// A paused case is open: it takes callbacks, is in lists and in the gate, and
// everybody says who paused it.
func TestACaseThatIsPaused(t *testing.T) {
	beside(t, options{work: t.TempDir()})
	customer := customers(t, "individual", "step_up_review", 1)[0]
	v := begin(t, "paused", customer, patient())
	code, link, stderr := starter(t, "link", v.Reference)
	require.Zero(t, code, stderr)
	execution := workflow.Execution{ID: workflows.ID(v.Reference)}
	_, err := one.client.WorkflowService().PauseWorkflowExecution(t.Context(),
		&workflowservice.PauseWorkflowExecutionRequest{
			Namespace: embedded.Namespace, WorkflowId: execution.ID, Identity: "olga@example", Reason: "waits for a lawyer",
			RequestId: "pause"})
	require.NoError(t, err)

	for _, command := range [][]string{{"show", v.Reference}, {"refresh", v.Reference}, {"withdraw", v.Reference},
		{"start", "--customer", customer, "--reference", v.Reference}} {
		code, out, stderr := starter(t, command...)
		require.Equal(t, 1, code, "%v: %s%s", command, out, stderr)
		require.Contains(t, stderr, v.Reference+" is paused in Temporal by olga@example since ", "%v", command)
		require.Contains(t, stderr, "\ntry: temporal workflow unpause --workflow-id kyc-paused", "%v", command)
	}
	row := soonListed(t, v.Reference, func(row map[string]any) bool { return row["run"] == "paused" })
	require.Nil(t, row["broken"])
	require.Equal(t, "awaiting_documents", row["stage"])
	require.NotEmpty(t, row["until"])
	require.Eventually(t, func() bool {
		_, out, _ := starter(t, "replay", "--open")
		return strings.Contains(out, "1 of 1 histories replay") && strings.Contains(out, "(1 of cases")
	}, 20*time.Second, 200*time.Millisecond)
	file := writeFile(t, "customers.csv", "customerId,reference\n"+customer+","+v.Reference+"\n")
	code, out, stderr := starter(t, "batch", file)
	require.Zero(t, code, stderr)
	require.Contains(t, out, "1 found")
	openCases, err := one.cases.OpenCaseCounts(t.Context(), time.Now())
	require.NoError(t, err)
	require.EqualValues(t, 1, openCases.Stages[kyc.AwaitingDocuments])
	standing, err := one.cases.CloseState(t.Context(), v.Reference)
	require.NoError(t, err)
	require.Zero(t, standing.Closed)

	status, _ := opened(t, strings.TrimSpace(link))
	require.Equal(t, http.StatusServiceUnavailable, status)
	callback, err := http.Post(callbackURL(t, v.Reference), "application/json",
		strings.NewReader(`{"requestId":"rqst_1","code":"0","data":{"reference":"paused"}}`))
	require.NoError(t, err)
	callback.Body.Close()
	require.Equal(t, http.StatusAccepted, callback.StatusCode)
	a, err := api(t).Identify(t.Context(), connectfi.IdentificationRequest{CustomerID: customer, Reference: v.Reference})
	require.NoError(t, err)
	require.EqualValues(t, "pending_step_up", a.Status, "the first status, which was known before the pause")

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	watched := make(chan string, 1)
	go func() {
		_, out, stderr := starterWithin(ctx, "watch", v.Reference)
		watched <- out + stderr
	}()
	time.Sleep(2 * time.Second) // it has seen the pause
	_, err = one.client.WorkflowService().UnpauseWorkflowExecution(t.Context(),
		&workflowservice.UnpauseWorkflowExecutionRequest{
			Namespace: embedded.Namespace, WorkflowId: execution.ID, Identity: "olga@example", RequestId: "unpause"})
	require.NoError(t, err)
	stepUp(t, until(t, v.Reference, inStage(kyc.AwaitingDocuments)))
	decide(t, until(t, v.Reference, inStage(kyc.InReview)), "approved")
	until(t, v.Reference, final)
	text := <-watched
	require.Contains(t, text, "paused in Temporal")
	require.Contains(t, text, "Approved", "it went on watching")
}

// A case that was reset keeps its start and its deadline, and its timeline says
// where it was reset.
func TestAResetCaseKeepsItsStart(t *testing.T) {
	for name, event := range map[string]func(*testing.T, string) int64{
		"resetstart":  func(*testing.T, string) int64 { return 4 },
		"resetmiddle": taskBefore,
	} {
		t.Run(name, func(t *testing.T) {
			v := begin(t, name, customers(t, "individual", "step_up_review", 1)[0], patient())
			stepUp(t, v)
			before := until(t, name, inStage(kyc.InReview))
			time.Sleep(time.Second) // an earlier start shows
			reset(t, workflows.ID(name), event(t, workflows.ID(name)))
			// this reset applies no update again, so nothing else hints at the review
			_, err := one.cases.Refresh(t.Context(), name, kyc.ActorSystem)
			require.NoError(t, err)
			after := until(t, name, func(v kyc.View) bool {
				return v.Stage == kyc.InReview && slices.Contains(whats(v),
					kyc.EntryReset)
			})
			require.Equal(t, before.StartedAt, after.StartedAt)
			require.Equal(t, before.Until, after.Until)
			at := slices.Index(whats(after), kyc.EntryReset)
			require.Equal(t, before.Timeline[:at], after.Timeline[:at], "what the reset kept")
			require.NotEmpty(t, after.Timeline[at+1:])
			code, out, _ := starter(t, "show", name)
			require.Zero(t, code)
			require.Contains(t, out, "the case was reset in Temporal: its earlier run has what happened in between")

			decide(t, after, "approved")
			after = until(t, name, final)
			require.Equal(t, before.StartedAt, after.StartedAt)
			require.Contains(t, whats(after), kyc.EntryReset, "its result does not know of it")
		})
	}
}

// A case that was reset stands in a list once, where its newest run stands.
func TestACaseThatWasReset(t *testing.T) {
	beside(t, options{work: t.TempDir()})
	reset := func(reference string, event int64) {
		_, err := one.client.ResetWorkflowExecution(t.Context(),
			&workflowservice.ResetWorkflowExecutionRequest{Namespace: embedded.Namespace,
				WorkflowExecution:         &commonpb.WorkflowExecution{WorkflowId: workflows.ID(reference)},
				WorkflowTaskFinishEventId: event, RequestId: reference, Reason: "a test"})
		require.NoError(t, err)
	}
	open := begin(t, "resetopen", customers(t, "individual", "step_up_review", 1)[0], patient())
	reset(open.Reference, 4)
	until(t, open.Reference, inStage(kyc.AwaitingDocuments))
	soonListed(t, open.Reference, func(row map[string]any) bool {
		return row["stage"] == "awaiting_documents" &&
			row["broken"] == nil
	})

	decided := begin(t, "resetdecided", customers(t, "individual", "review", 1)[0], patient())
	decide(t, decided, "denied")
	until(t, decided.Reference, final)
	soonListed(t, decided.Reference, func(row map[string]any) bool { return row["stage"] == "denied" })
	sandbox(t, http.MethodPost, "/sandbox/applications/"+decided.ApplicationID+"/status",
		map[string]string{"status": "waiting_review"}, nil)
	reset(decided.Reference, 4)
	until(t, decided.Reference, inStage(kyc.InReview))
	soonListed(t, decided.Reference, func(row map[string]any) bool { return row["stage"] == "in_review" })
	soonListed(t, decided.Reference, func(row map[string]any) bool { return true }, "--stage", "in_review")
	require.Empty(t, listed(t, decided.Reference, "--stage", "denied"), "the run that was denied is not the case any more")
	require.Len(t, listed(t, decided.Reference, "--limit", "1"), 1)
}

func writeFile(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
