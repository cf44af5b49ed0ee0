package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/examples/nexus/onboarding"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// callerTeam is a team of its own: another namespace, and another keyset, which encrypts what its workflows do.
func callerTeam(t *testing.T) client.Client {
	t.Helper()
	namespace := unheardOf("caller")
	code, out, stderr := starterWith(t, only(namespace), "setup")
	require.Zero(t, code, "%s%s", out, stderr)
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	keyset, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	theirs := keyset.Converters()
	c, err := client.Dial(client.Options{HostPort: one.temporal.Address, Namespace: namespace,
		DataConverter: theirs.Data, FailureConverter: theirs.Failures})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := worker.New(c, "onboarding", worker.Options{})
	w.RegisterWorkflow(onboarding.Onboard)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return c
}

func onboard(t *testing.T, c client.Client, customer onboarding.Customer) client.WorkflowRun {
	t.Helper()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "onboarding"}, onboarding.Onboard,
		customer)
	require.NoError(t, err)
	return run
}

// A workflow of another namespace with another keyset gets the decision of a case; two with one reference share the
// case, a later one is answered at once, and nothing crosses but what the API says.
func TestAWorkflowOfAnotherNamespaceGetsTheDecision(t *testing.T) {
	for _, want := range []string{"created", "already there"} {
		code, out, stderr := starter(t, "setup", "--nexus")
		require.Zero(t, code, "%s%s", out, stderr)
		require.Contains(t, out, want+strings.Repeat(" ", 15-len(want))+"Nexus endpoint kyc: to the task queue kyc of the "+
			"namespace default")
	}
	c := callerTeam(t)
	customer := onboarding.Customer{ID: customers(t, "individual", "review", 1)[0], Reference: "nexus1"}
	first, second := onboard(t, c, customer), onboard(t, c, customer)
	v := until(t, "nexus1", func(v kyc.View) bool { return v.Stage == kyc.InReview })
	require.Eventually(t, func() bool { return len(callbacksOf(t, c, first, second)) == 2 }, time.Minute,
		50*time.Millisecond, "both are started")
	decide(t, v, "approved")
	for _, run := range []client.WorkflowRun{first, second, onboard(t, c, customer)} {
		var welcome string
		require.NoError(t, run.Get(t.Context(), &welcome))
		require.Equal(t, "customer "+customer.ID+" is approved", welcome)
	}
	require.Equal(t, 1, ledger(t, "nexus1").Applications)

	crossed := resultOf(t, c, first)
	require.Equal(t, "json/plain", string(crossed.GetMetadata()["encoding"]))
	require.Regexp(t, `^{"reference":"nexus1","customerId":"`+customer.ID+`","applicationId":"[^"]+",`+
		`"stage":"approved","outcome":"approved","endedAt":"[^"]+"}$`, string(crossed.GetData()))
	require.Len(t, crossed.GetMetadata(), 1)
	check := workflows.Check{CustomerID: customer.ID, Reference: "nexus1"}
	ours, err := one.cases.History(t.Context(), workflow.Execution{ID: check.ID()})
	require.NoError(t, err)
	start := ours.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
	require.Equal(t, "binary/encrypted", string(start.GetInput().GetPayloads()[0].GetMetadata()["encoding"]))
	for _, e := range ours.GetEvents() {
		if a := e.GetNexusOperationScheduledEventAttributes(); a != nil {
			require.Equal(t, "binary/encrypted", string(a.GetInput().GetMetadata()["encoding"]))
		}
	}
	code, _, stderr := starter(t, "replay", "nexus1")
	require.Zero(t, code, stderr)
}

// Cancelling the operation withdraws the case, and a refusal is told in words that need no key.
func TestACancelledOperationWithdrawsTheCase(t *testing.T) {
	code, out, stderr := starter(t, "setup", "--nexus")
	require.Zero(t, code, "%s%s", out, stderr)
	c := callerTeam(t)
	customer := onboarding.Customer{ID: customers(t, "individual", "review", 1)[0], Reference: "nexus2"}
	run := onboard(t, c, customer)
	until(t, "nexus2", func(v kyc.View) bool { return v.Stage == kyc.InReview })
	require.NoError(t, c.CancelWorkflow(t.Context(), run.GetID(), ""))
	var answer string
	require.NoError(t, run.Get(t.Context(), &answer))
	require.Equal(t, "customer "+customer.ID+" is withdrawn", answer)
	require.Equal(t, kyc.Withdrawn, until(t, "nexus2", final).Stage)

	for _, refused := range []struct {
		customer onboarding.Customer
		says     string
	}{
		{onboarding.Customer{ID: "cstap_another", Reference: "nexus2"}, "the reference belongs to another customer"},
		{onboarding.Customer{ID: customer.ID, Reference: "no_reference"}, "the reference must be 1 to 32 letters or digits"},
	} {
		err := onboard(t, c, refused.customer).Get(t.Context(), nil)
		require.ErrorAs(t, err, new(*temporal.NexusOperationError))
		require.ErrorContains(t, err, refused.says)
	}
}

// A case that is ended in Temporal has no result, and the caller hears the type of that.
func TestACaseEndedInTemporalFailsTheOperation(t *testing.T) {
	code, out, stderr := starter(t, "setup", "--nexus")
	require.Zero(t, code, "%s%s", out, stderr)
	c := callerTeam(t)
	customer := onboarding.Customer{ID: customers(t, "individual", "review", 1)[0], Reference: "nexus3"}
	run := onboard(t, c, customer)
	until(t, "nexus3", func(v kyc.View) bool { return v.Stage == kyc.InReview })
	require.NoError(t, one.client.TerminateWorkflow(t.Context(), workflows.ID("nexus3"), "", "test"))
	err := run.Get(t.Context(), nil)
	require.ErrorContains(t, err, workflows.CheckEnded)
	require.ErrorContains(t, onboard(t, c, customer).Get(t.Context(), nil), "the case was terminated in Temporal")
}

// A case that Temporal has forgotten answers the operation from its record, and is not started again.
func TestACaseOnRecordAnswersTheOperation(t *testing.T) {
	own := beside(t, options{work: t.TempDir(), recordEvery: time.Second})
	code, out, stderr := starter(t, "setup", "--nexus")
	require.Zero(t, code, "%s%s", out, stderr)
	c := callerTeam(t)
	customer := onboarding.Customer{ID: customers(t, "individual", "approve", 1)[0], Reference: "nexus4"}
	begin(t, customer.Reference, customer.ID, patient())
	until(t, customer.Reference, final)
	require.Eventually(t, func() bool {
		code, _, _ := starter(t, "evidence", customer.Reference, "--out", filepath.Join(t.TempDir(), "nexus4.kyc"))
		return code == 0
	}, time.Minute, 500*time.Millisecond, "it is on record")
	forget(t, workflows.ID(customer.Reference))
	before := ledger(t, customer.Reference)

	var welcome string
	require.NoError(t, onboard(t, c, customer).Get(t.Context(), &welcome))
	require.Equal(t, "customer "+customer.ID+" is approved", welcome)
	err := onboard(t, c, onboarding.Customer{ID: "cstap_another", Reference: customer.Reference}).Get(t.Context(), nil)
	require.ErrorContains(t, err, "the reference belongs to another customer")
	require.Equal(t, before, ledger(t, customer.Reference), "ConnectFi was told of nothing")
	_, err = own.client.DescribeWorkflowExecution(t.Context(), workflows.ID(customer.Reference), "")
	require.Error(t, err, "nothing was started")
}

// callbacksOf are the operations of these runs that were started.
func callbacksOf(t *testing.T, c client.Client, runs ...client.WorkflowRun) (started []string) {
	t.Helper()
	for _, run := range runs {
		for _, e := range eventsOf(t, c, run) {
			if a := e.GetNexusOperationStartedEventAttributes(); a != nil {
				started = append(started, a.GetOperationToken())
			}
		}
	}
	return started
}

func resultOf(t *testing.T, c client.Client, run client.WorkflowRun) *commonpb.Payload {
	t.Helper()
	for _, e := range eventsOf(t, c, run) {
		if a := e.GetNexusOperationCompletedEventAttributes(); a != nil {
			return a.GetResult()
		}
	}
	require.Fail(t, "no operation completed")
	return nil
}

func eventsOf(t *testing.T, c client.Client, run client.WorkflowRun) (all []*historypb.HistoryEvent) {
	t.Helper()
	for events := c.GetWorkflowHistory(t.Context(), run.GetID(), run.GetRunID(), false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		e, err := events.Next()
		require.NoError(t, err)
		all = append(all, e)
	}
	return all
}
