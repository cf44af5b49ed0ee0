package cli_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// A start answers with the first status, and again with where the case stands
// by then; its last line says who must act.
func TestStartTellsWhereTheCaseStands(t *testing.T) {
	d := opened(t)
	code, out, errs := d.run(t.Context(), "start", "--customer", person, "--reference", "A1", "--sync-mode")
	require.Zero(t, code, errs)
	require.Empty(t, errs)
	require.Contains(t, out, "  Awaiting documents from the applicant\n")
	require.True(t, strings.HasSuffix(out, "\nA1 is awaiting documents and waits for the applicant\n"), out)

	d.says = reviews
	code, _, errs = d.run(t.Context(), "refresh", "A1")
	require.Zero(t, code, errs)
	code, out, errs = d.run(t.Context(), "start", "--customer", person, "--reference", "A1", "--json")
	require.Zero(t, code, errs)
	var v kyc.View
	require.NoError(t, json.Unmarshal([]byte(out), &v))
	require.Equal(t, kyc.InReview, v.Stage)
	require.Equal(t, []string{person}, d.customers, "it is one case")

	code, out, errs = d.run(t.Context(), "start", "--customer", "cstap_other", "--reference", "A1")
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Equal(t, "starter: the reference A1 is already used for another customer: use a new reference for every "+
		"check\ntry: starter show A1\n", errs)

	code, _, errs = d.run(t.Context(), "start", "--customer", "cstap-1", "--reference", "A2")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "the customer id must be 1 to 36 letters, digits or underscores")
	d.variables["KYC_POLICY"] = `{"documents":"soon"}`
	code, _, errs = d.run(t.Context(), "start", "--customer", person, "--reference", "A2")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "invalid KYC_POLICY: ")
	require.Len(t, d.cases, 1)
}

// Where start is asked to wait, it follows the case, and its exit code is the
// case's: 0 approved, 4 for one that an operator has to look at.
func TestStartWaitsForTheEnd(t *testing.T) {
	d := opened(t)
	d.says = reviews
	d.onLook = func(n int) {
		if n == 3 {
			c := d.cases["kyc-A1"]
			r := reviews(c, kyc.ActionReadStatus)
			r.Status, r.Outcome, r.Entities[0].Status, r.Entities[0].Outcome = "completed", "approved", "completed",
				"approved"
			c.Apply(kyc.StatusReceived{At: time.Now(), Reading: r})
		}
	}
	code, out, errs := d.run(t.Context(), "start", "--wait", "--customer", person, "--reference", "A1")
	require.Zero(t, code, errs)
	require.Contains(t, out, "\n  Approved\n")

	d.onLook = nil
	d.says = func(c *kyc.Case, _ kyc.Action) kyc.Snapshot {
		return kyc.Snapshot{ApplicationID: "iapp_2", Status: "strange",
			Entities: []kyc.EntitySnapshot{{ID: c.CustomerID, IsCustomer: true, Status: "strange"}}}
	}
	code, out, errs = d.run(t.Context(), "start", "--wait", "--customer", person, "--reference", "A2")
	require.Equal(t, 4, code, "held: %s", errs)
	require.Contains(t, out, "Held")
}

// Refresh, withdraw and revoke-links each do one thing and print the case; a
// case that has ended refuses them.
func TestWhatAnOperatorDoesToACase(t *testing.T) {
	d := opened(t)
	d.says = reviews
	d.start(t, person, "A1")
	for _, step := range []struct{ command, update, says string }{
		{"refresh", workflows.UpdateRefresh, "In manual review"}, {"revoke-links", workflows.UpdateRevoke,
			"were revoked"}, {"withdraw", workflows.UpdateWithdraw, "Withdrawn"},
	} {
		code, out, errs := d.run(t.Context(), step.command, "A1")
		require.Zero(t, code, errs)
		require.Contains(t, out, step.says)
		require.Equal(t, step.update, d.updates[len(d.updates)-1])
	}
	require.Equal(t, 1, d.cases["kyc-A1"].View().Links)
	for _, command := range []string{"refresh", "revoke-links", "withdraw"} {
		code, _, errs := d.run(t.Context(), command, "A1")
		require.Equal(t, 1, code)
		require.Equal(t, "starter: A1: rejected: the case has ended\ntry: starter show A1\n", errs)
		code, _, errs = d.run(t.Context(), command, "a b")
		require.Equal(t, 2, code)
		require.Contains(t, errs, "try: starter "+command+" --help\n")
	}
	require.Len(t, d.updates, 3)
}

// ConnectFi is away: what was asked for is taken, and whoever asked is told so in time.
func TestARefreshThatConnectFiDoesNotAnswer(t *testing.T) {
	d := opened(t)
	d.says = reviews
	d.start(t, person, "A1")
	d.silent = true
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // the program's own is ten times as long
	defer cancel()
	code, _, errs := d.run(ctx, "refresh", "A1")
	require.Equal(t, 1, code)
	require.Equal(t, "starter: ConnectFi has not answered for A1 yet; the case keeps retrying\ntry: starter "+
		"watch A1\n", errs)
	require.Equal(t, 1, d.cases["kyc-A1"].HintsReceived)
}

// A case that was ended in Temporal has no result: whoever shows, starts or
// follows it is told how, and that its reference is used up.
func TestACaseThatWasEndedInTemporal(t *testing.T) {
	d := opened(t)
	d.start(t, person, "A1")
	d.state = enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED
	for command, code := range map[string]int{"show A1": 1, "start --customer " + person + " --reference A1": 1,
		"watch A1": 4, "withdraw A1": 1} {
		got, out, errs := d.run(t.Context(), strings.Fields(command)...)
		require.Equal(t, code, got, command)
		require.Empty(t, out, command)
		require.Equal(t, "starter: A1 was terminated in Temporal and has no result: its reference cannot be used again "+
			"unless the case is reset\n"+
			"try: temporal workflow reset --workflow-id kyc-A1 --type LastWorkflowTask --reason …, or another "+
			"reference\n", errs, command)
	}
}

// A paused case says who paused it; a watch goes on once it is unpaused.
func TestAPausedCase(t *testing.T) {
	d := opened(t)
	d.says = reviews
	d.start(t, person, "A1")
	d.state = enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED
	d.describe = func(r *workflowservice.DescribeWorkflowExecutionResponse) {
		r.WorkflowExtendedInfo = &workflowpb.WorkflowExecutionExtendedInfo{
			PauseInfo: &workflowpb.WorkflowExecutionPauseInfo{
				Identity: "alice", Reason: "the reviewers asked", PausedTime: timestamppb.New(begin)}}
	}
	code, _, errs := d.run(t.Context(), "show", "A1")
	require.Equal(t, 1, code)
	require.Equal(t, "starter: A1 is paused in Temporal by alice since "+begin.Local().Format("2006-01-02 15:04:05")+
		" (the reviewers asked); its stage is in_review and it waits for ConnectFi's reviewers\ntry: temporal workflow "+
		"unpause --workflow-id kyc-A1\n", errs)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d.described = 0
	d.onLook = func(n int) {
		if n == 4 {
			d.state = 0
		}
		if n == 6 {
			cancel()
		}
	}
	code, out, errs := d.run(ctx, "watch", "A1")
	require.Equal(t, 1, code, "stopped")
	require.Contains(t, out, "In manual review")
	require.Equal(t, 1, strings.Count(errs, "starter: the case is paused in Temporal; still watching\n"), errs)
}

// A case whose workflow task keeps failing names the cause, from its history,
// and what an operator does about it.
func TestAStuckCaseNamesTheCause(t *testing.T) {
	failed := func(cause enumspb.WorkflowTaskFailedCause, message string) *historypb.HistoryEvent {
		return &historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED,
			Attributes: &historypb.HistoryEvent_WorkflowTaskFailedEventAttributes{
				WorkflowTaskFailedEventAttributes: &historypb.WorkflowTaskFailedEventAttributes{
					Cause: cause, Failure: &failurepb.Failure{Message: message}}}}
	}
	unhandled := enumspb.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE
	for name, test := range map[string]struct {
		event     *historypb.HistoryEvent
		says, try string
	}{
		"a panic": {failed(unhandled, "index out of range"), "the workflow code panics",
			"starter replay A1, then look for the panic in the worker's log"},
		"no key": {failed(unhandled, "cannot read a payload of"),
			"the worker lacks the key of one of its payloads",
			"give the worker the complete KYC_KEYSET; starter replay A1 checks whether this one decrypts the history"},
		"another build": {failed(enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR, "no"),
			"the worker's build diverges from its history",
			"starter replay A1, with the starter of the worker's build: it names the event"},
		"it never ends": {&historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT},
			"its workflow task times out on every worker",
			"starter replay A1, with the starter of the worker's build: it finds an endless loop"},
	} {
		t.Run(name, func(t *testing.T) {
			d := opened(t)
			d.says = reviews
			d.start(t, person, "A1")
			d.history = []*historypb.HistoryEvent{test.event}
			d.describe = func(r *workflowservice.DescribeWorkflowExecutionResponse) {
				r.PendingWorkflowTask = &workflowpb.PendingWorkflowTaskInfo{Attempt: 7}
			}
			d.mute = true
			code, _, errs := d.run(t.Context(), "show", "A1")
			require.Equal(t, 1, code)
			require.Contains(t, errs,
				"starter: A1 is stuck (attempt 7): "+test.says+"; its stage is in_review and it waits for ConnectFi's "+
					"reviewers\ntry: "+test.try)
		})
	}
}
