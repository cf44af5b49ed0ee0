package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/kyc"
	"durablekyc.example/starter/cli"
)

var begin = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// life is a case from its start to a denial, a view for every change.
func life() (views []kyc.View) {
	c := kyc.New("A1", person, kyc.DefaultPolicy(), begin)
	for i, status := range []kyc.Status{"running", "waiting_review", "completed"} {
		reading := kyc.Snapshot{ApplicationID: "iapp_1", Status: status,
			Entities: []kyc.EntitySnapshot{{ID: person, IsCustomer: true, Status: status}}}
		if status == "completed" {
			reading.Outcome, reading.Entities[0].Outcome = "denied", "denied"
		}
		c.Apply(kyc.StatusReceived{At: begin.Add(time.Duration(i+1) * time.Minute), Reading: reading})
		views = append(views, c.View())
	}
	return views
}

func (f *frontend) run(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(ctx, args, strings.NewReader(""), &out, &errs, f.lookup)
	return code, out.String(), errs.String()
}

func TestWatchAsksOnlyAfterAChangeAndEndsWithTheCase(t *testing.T) {
	f := serve(t, &frontend{script: life()})
	code, out, errs := f.run(t.Context(), "watch", "A1")
	require.Equal(t, 3, code, "denied: %s", errs)
	require.Empty(t, errs)
	require.Equal(t, 2, f.queries, "one for each view but the last, which is the result")
	for _, once := range []string{"the case was started", "the case is in manual review", "\n  Denied\n", person +
		": denied"} {
		require.Equal(t, 1, strings.Count(out, once), "%q in\n%s", once, out)
	}
	require.NotContains(t, out, "\x1b", "not a terminal")
	require.NotContains(t, out, "next:")
}

func TestWatchForMachinesIsAViewALine(t *testing.T) {
	f := serve(t, &frontend{script: life()})
	code, out, _ := f.run(t.Context(), "watch", "A1", "--json")
	require.Equal(t, 3, code)
	var stages []kyc.Stage
	for decoder := json.NewDecoder(strings.NewReader(out)); decoder.More(); {
		var v kyc.View
		require.NoError(t, decoder.Decode(&v))
		stages = append(stages, v.Stage)
	}
	require.Equal(t, []kyc.Stage{kyc.Processing, kyc.InReview, kyc.Denied}, stages)
}

func TestShowForMachinesIsTheView(t *testing.T) {
	f := serve(t, &frontend{script: life()[:1]})
	code, out, errs := f.run(t.Context(), "show", "A1", "--json")
	require.Zero(t, code, errs)
	want, err := json.Marshal(life()[0])
	require.NoError(t, err)
	require.JSONEq(t, string(want), out)
}

func TestStoppingAWatchStopsNothingElse(t *testing.T) {
	f := serve(t, &frontend{script: life()[:1]})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f.onLook = func(n int) {
		if n == 2 {
			cancel()
		}
	}
	code, _, errs := f.run(ctx, "watch", "A1")
	require.Equal(t, 1, code)
	require.Equal(t, "starter: interrupted; the case continues\ntry: starter show A1\n", errs)
}

func TestWithoutAWorkerEverybodyIsToldSo(t *testing.T) {
	f := serve(t, &frontend{script: life()[1:2], noWorker: true})
	code, out, errs := f.run(t.Context(), "start", "--customer", person, "--reference", "A1")
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Equal(t, []string{"kyc-A1"}, f.started)
	require.Equal(t, "starter: the case A1 is started and waits for a worker\ntry: go run ./worker, then starter watch "+
		"A1\n", errs)

	code, _, errs = f.run(t.Context(), "show", "A1")
	require.Equal(t, 1, code)
	require.Equal(t, "starter: no worker is running to answer for A1; its stage is in_review and it waits for "+
		"ConnectFi's "+
		"reviewers\ntry: go run ./worker\n", errs)

	f.slow = true // a worker is up, and ConnectFi is slow: nobody is sent to start another worker
	code, _, errs = f.run(t.Context(), "start", "--customer", person, "--reference", "A1")
	require.Equal(t, 1, code)
	require.Equal(t, "starter: the case A1 is started; ConnectFi has not answered yet, and the worker keeps "+
		"retrying\ntry: starter watch A1\n", errs)
	code, _, errs = f.run(t.Context(), "show", "A1")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "a worker is running, but ConnectFi has not answered for A1 yet")
	require.Contains(t, errs, "try: starter watch A1\n")

	f.absent = true
	code, _, errs = f.run(t.Context(), "start", "--customer", person, "--reference", "A1")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "timed out starting the case A1;")
	require.Contains(t, errs, "try: starter start --customer "+person+" --reference A1\n")
}

func TestWaitingOutlastsAnAbsentWorker(t *testing.T) {
	// it is described more often than it moves
	f := serve(t, &frontend{script: append(life()[1:2], life()[1:]...), noWorker: true})
	code, out, errs := f.run(t.Context(), "start", "--wait", "--customer", person, "--reference", "A1")
	require.Equal(t, 3, code)
	require.Contains(t, out, "\n  Denied\n")
	require.Equal(t, "starter: the case A1 is started and waits for a worker\nstarter: no worker is running; still "+
		"watching\n",
		errs)
}

// A case that is held at once has no decision to wait for: an operator must act.
func TestWaitingEndsWithACaseThatIsHeld(t *testing.T) {
	c := kyc.New("A1", person, kyc.DefaultPolicy(), begin)
	c.Apply(kyc.StatusReceived{At: begin, Reading: kyc.Snapshot{ApplicationID: "iapp_1", Status: "strange"}})
	f := serve(t, &frontend{script: []kyc.View{c.View()}, slow: true})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	code, out, errs := f.run(ctx, "start", "--wait", "--customer", person, "--reference", "A1")
	require.Equal(t, 4, code, errs)
	require.Contains(t, out, "waits for an operator")
	require.NoError(t, ctx.Err())
}

func TestAnUnknownReferenceMayBeAnother(t *testing.T) {
	f := serve(t, &frontend{absent: true, found: []*workflowpb.WorkflowExecutionInfo{execution("order17", kyc.InReview,
		begin)}})
	code, _, errs := f.run(t.Context(), "show", "Order7")
	require.Equal(t, 1, code)
	require.Equal(t, "starter: no case has the reference Order7, did you mean order17?\ntry: starter show "+
		"order17\n", errs)
	_, _, errs = f.run(t.Context(), "watch", "other")
	require.Equal(t, "starter: no case has the reference other\ntry: starter list\n", errs)
}

func TestListIsOneTableAndAsksNoCase(t *testing.T) {
	killed := execution("A3", kyc.Held, begin)
	killed.Status = enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED
	f := serve(t, &frontend{found: []*workflowpb.WorkflowExecutionInfo{
		execution("A1", kyc.AwaitingDocuments, begin.Add(time.Hour)), execution("A2", kyc.Approved, begin), killed,
		execution("A4", kyc.Held, begin)}})
	code, out, errs := f.run(t.Context(), "list", "--limit", "3")
	require.Zero(t, code, errs)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 6)
	require.Equal(t, []string{"", "next: starter link A1, or starter upload A1 --front FILE --back FILE"}, lines[4:])
	require.Equal(t, []string{"REFERENCE", "STAGE", "WAITING", "ON", "CUSTOMER", "DEADLINE", "STARTED"},
		strings.Fields(lines[0]))
	local := func(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }
	require.Equal(t, "A1 awaiting_documents applicant individual "+local(begin.Add(time.Hour))+" "+local(begin),
		strings.Join(strings.Fields(lines[1]), " "))
	require.Equal(t, "A2 approved nobody individual - "+local(begin), strings.Join(strings.Fields(lines[2]), " "))
	require.Contains(t, lines[3], "terminated in Temporal")
	require.Equal(t, "starter: there are more cases: starter list --limit 6\n", errs)
	require.Zero(t, f.queries)

	code, out, _ = f.run(t.Context(), "list", "--stage", "held", "--json")
	require.Zero(t, code)
	var rows []map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &rows))
	require.Len(t, rows, 4)
	require.NotContains(t, rows[1], "until")
	require.NotContains(t, rows[1], "next")
	require.Contains(t, rows[3]["next"], "starter show A4")
	require.Equal(t, "WorkflowType = 'KYC' AND ExecutionStatus != 'ContinuedAsNew' AND KycStage = 'held'", f.listed[1])
}

// Of several runs of a case, after a reset for instance, the newest is the case.
func TestListHasACaseOnce(t *testing.T) {
	run := func(id string, stage kyc.Stage, status enumspb.WorkflowExecutionStatus) *workflowpb.WorkflowExecutionInfo {
		e := execution("A1", stage, begin)
		e.Execution.RunId, e.Status = id, status
		return e
	}
	newest := run("2", kyc.InReview, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
	f := serve(t, &frontend{found: []*workflowpb.WorkflowExecutionInfo{newest, execution("A2", kyc.Held, begin),
		run("1", kyc.Denied, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED)}})
	code, out, errs := f.run(t.Context(), "list")
	require.Zero(t, code, errs)
	require.Equal(t, 1, strings.Count(out, "A1 "), out)
	require.Contains(t, out, "in_review")

	// all that --stage denied finds
	f.found = []*workflowpb.WorkflowExecutionInfo{run("1", kyc.Denied, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)}
	f.allRuns = []*workflowpb.WorkflowExecutionInfo{newest, f.found[0]}
	code, out, errs = f.run(t.Context(), "list", "--stage", "denied")
	require.Zero(t, code, errs)
	require.Equal(t, "no case\n", out)
	require.Contains(t, f.listed[len(f.listed)-1], "WorkflowId IN ('kyc-A1')")
}

// What visibility reports as stuck is told in the list, and not of what ended.
func TestListSaysWhatIsStuckOrPaused(t *testing.T) {
	problems, err := converter.GetDefaultDataConverter().ToPayload([]string{"category=WorkflowTaskFailed",
		"cause=WorkflowTaskFailedCauseNonDeterministicError"})
	require.NoError(t, err)
	stuck, paused, ended := execution("A1", kyc.InReview, begin), execution("A2", kyc.InReview, begin), execution("A3",
		kyc.InReview, begin)
	stuck.SearchAttributes.IndexedFields["TemporalReportedProblems"] = problems
	ended.SearchAttributes.IndexedFields["TemporalReportedProblems"] = problems
	paused.Status, ended.Status = enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED, enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT
	f := serve(t, &frontend{found: []*workflowpb.WorkflowExecutionInfo{stuck, paused, ended}})
	code, out, errs := f.run(t.Context(), "list")
	require.Zero(t, code, errs)
	lines := strings.Split(out, "\n")
	require.Contains(t, lines[1], "in_review (stuck: nondeterminism)")
	require.Contains(t, lines[2], "in_review (paused)")
	require.Contains(t, lines[3], "timed out in Temporal")
	require.NotContains(t, lines[3], "stuck")
}
