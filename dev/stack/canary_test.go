package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// versionOf is a build of the deployment.
func versionOf(build string) worker.WorkerDeploymentVersion {
	return worker.WorkerDeploymentVersion{DeploymentName: deployment, BuildID: build}
}

// otherBuild starts a worker of another build, which carries cases by its own workflow code.
func otherBuild(t *testing.T, own *system, build string, carry func(workflow.Context, workflows.Input) (kyc.View,
	error)) {
	t.Helper()
	for _, queue := range []string{workflows.TaskQueue, workflows.ReadsQueue} {
		w := worker.New(own.workerClient, queue, worker.Options{DeploymentOptions: worker.DeploymentOptions{
			UseVersioning: true, Version: versionOf(build), DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade}})
		w.RegisterWorkflowWithOptions(carry, workflow.RegisterOptions{Name: workflows.Type})
		w.RegisterActivity(func() error { return nil })
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
}

// secondBuild makes build 1 the current one of the system, and starts build 2 beside it.
func secondBuild(t *testing.T, own *system) {
	t.Helper()
	require.NoError(t, own.stopWorker())
	own.deployment, own.build = deployment, "1"
	own.vars = append(own.vars, [2]string{"KYC_DEPLOYMENT", deployment})
	require.NoError(t, own.startWorker())
	known(t, "1")
	promote(t, "1")
	own.build = "2"
	stopFirst := own.stopWorker
	require.NoError(t, own.startWorker())
	t.Cleanup(func() { require.NoError(t, stopFirst()) })
	known(t, "2")
}

// One open case is given to another build: it comes through on one that does what its history says, and is given back,
// unharmed, by one that does not, or that has no worker.
func TestOneCaseTriesABuild(t *testing.T) {
	own := beside(t, options{work: t.TempDir()})
	tries := func(reference, build string, more ...string) (code int, out, stderr string) {
		return starter(t, append([]string{"replay", "--canary", reference, "--build", build}, more...)...)
	}
	begun := begin(t, "canaryplain", customers(t, "individual", "review", 1)[0], patient())
	require.Equal(t, kyc.InReview, begun.Stage)
	code, _, stderr := tries("canaryplain", "2")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "canaryplain is on workers without versioning: no build can be chosen for it")

	secondBuild(t, own)
	otherBuild(t, own, "3", func(ctx workflow.Context, _ workflows.Input) (kyc.View, error) {
		return kyc.View{}, workflow.Sleep(ctx, time.Hour) // which no history of ours says
	})
	known(t, "3")

	for _, reference := range []string{"canaryone", "canarytwo", "canarythree"} {
		begin(t, reference, customers(t, "individual", "review", 1)[0], patient())
		rests(t, reference)
		require.Equal(t, []string{"1"}, carriers(t, workflows.ID(reference)))
	}
	code, out, stderr := tries("canaryone", "2")
	require.Zero(t, code, "%s%s", out, stderr)
	require.Regexp(t, `^canaryone came through on build 2: it completed workflow task \d+; the next one goes to the `+
		`current version, build 1, again\n$`, out)
	require.Contains(t, carriers(t, workflows.ID("canaryone")), "2")

	code, out, stderr = tries("canarytwo", "3")
	require.Equal(t, 1, code, "%s%s", out, stderr)
	require.Contains(t, stderr, "canarytwo did not come through on build 3: the worker's build diverges from its history; its next task goes to the current version, build 1, again")
	code, out, _ = tries("canarytwo", "3", "--json")
	require.Equal(t, 1, code)
	var told struct {
		Through bool
		Cause   string
		EventID int64
	}
	require.NoError(t, json.Unmarshal([]byte(out), &told))
	require.False(t, told.Through)
	require.NotEmpty(t, told.Cause)
	require.Positive(t, told.EventID)

	// Each goes on, with nothing left of the trial.
	for reference, outcome := range map[string]string{"canaryone": "approved", "canarytwo": "denied"} {
		v := until(t, reference, inStage(kyc.InReview))
		d, err := own.client.DescribeWorkflowExecution(t.Context(), workflows.ID(reference), "")
		require.NoError(t, err)
		require.Nil(t, d.GetWorkflowExecutionInfo().GetVersioningInfo().GetVersioningOverride())
		decide(t, v, outcome)
		until(t, reference, final)
		require.Equal(t, 1, ledger(t, reference).Applications)
	}
	last := ""
	for _, e := range historyOf(t, workflows.ID("canaryone")) {
		if a := e.GetWorkflowTaskCompletedEventAttributes(); a != nil {
			last = a.GetDeploymentVersion().GetBuildId()
		}
		require.NotEqual(t, enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED, e.GetEventType())
	}
	require.Equal(t, "1", last, "the current version has it again")

	// What cannot be tried.
	for _, refused := range []struct{ reference, build, says string }{
		{"canaryone", "2", "canaryone is closed: a build is tried on an open case"},
		{"canarynone", "2", "no case has the reference canarynone"},
		{"canarythree", "1", "canarythree is on build 1 already, which is the current version"},
		{"canarythree", "9", "canarythree cannot try build 9: no worker of build 9 has connected yet"},
	} {
		code, _, stderr := tries(refused.reference, refused.build)
		require.Equal(t, 1, code, refused.says)
		require.Contains(t, stderr, refused.says)
	}
	_, err := own.client.UpdateWorkflowExecutionOptions(t.Context(), client.UpdateWorkflowExecutionOptionsRequest{
		WorkflowId: workflows.ID("canarythree"), WorkflowExecutionOptionsChanges: client.WorkflowExecutionOptionsChanges{
			VersioningOverride: &client.VersioningOverrideChange{
				Value: &client.PinnedVersioningOverride{Version: versionOf("1")}}}})
	require.NoError(t, err)
	code, _, stderr = tries("canarythree", "2")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "canarythree is pinned to build 1: unpin it first")
	_, err = own.cases.Withdraw(t.Context(), "canarythree", kyc.ActorSystem)
	require.NoError(t, err)

	// A build whose worker has gone: the case is not left waiting for it.
	begin(t, "canarygone", customers(t, "individual", "review", 1)[0], patient())
	rests(t, "canarygone")
	require.NoError(t, own.stopWorker())
	code, _, stderr = tries("canarygone", "2", "--within", "3s")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "canarygone did not come through on build 2: build 2 did not complete a workflow task of it "+
		"within 3s")
	_, err = own.cases.Refresh(t.Context(), "canarygone", kyc.ActorSystem)
	require.NoError(t, err)
	require.NotErrorIs(t, err, cases.ErrNoAnswer)
	require.Equal(t, []string{"1"}, carriers(t, workflows.ID("canarygone")))
}
