package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// deafBuild polls as a worker of this build does, and does nothing with the tasks that it gets.
func deafBuild(t *testing.T, build string) {
	t.Helper()
	temporal := one.client.WorkflowService()
	for _, queue := range []string{workflows.TaskQueue, workflows.ReadsQueue} {
		go func() {
			for t.Context().Err() == nil {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				_, _ = temporal.PollWorkflowTaskQueue(ctx, &workflowservice.PollWorkflowTaskQueueRequest{
					Namespace: embedded.Namespace, Identity: "deaf", TaskQueue: &taskqueuepb.TaskQueue{Name: queue},
					DeploymentOptions: &deploymentpb.WorkerDeploymentOptions{DeploymentName: deployment, BuildId: build,
						WorkerVersioningMode: enumspb.WORKER_VERSIONING_MODE_VERSIONED}})
				cancel()
			}
		}()
	}
	known(t, build)
}

// pausedCase is a case that an operator has paused in Temporal's UI; unpause takes that back.
func pausedCase(t *testing.T, reference string) (unpause func()) {
	t.Helper()
	_, err := one.client.WorkflowService().PauseWorkflowExecution(t.Context(),
		&workflowservice.PauseWorkflowExecutionRequest{Namespace: embedded.Namespace, WorkflowId: workflows.ID(reference),
			Identity: "olga@example", Reason: "waits for a lawyer", RequestId: "pause" + reference})
	assert.NoError(t, err)
	return func() {
		_, err := one.client.WorkflowService().UnpauseWorkflowExecution(t.Context(),
			&workflowservice.UnpauseWorkflowExecutionRequest{Namespace: embedded.Namespace,
				WorkflowId: workflows.ID(reference), Identity: "olga@example", RequestId: "unpause" + reference})
		require.NoError(t, err)
	}
}

// routed reports whether something of a trial is left on the case.
func routed(t *testing.T, reference string) bool {
	t.Helper()
	d, err := one.client.DescribeWorkflowExecution(t.Context(), workflows.ID(reference), "")
	return assert.NoError(t, err) && d.GetWorkflowExecutionInfo().GetVersioningInfo().GetVersioningOverride() != nil
}

// What keeps a build from completing the task of the case it was given is said in one sentence with exit code 1,
// nothing of the trial is left, and the case goes on with the current build to its decision.
func TestACaseSurvivesABuildThatCannotTryIt(t *testing.T) {
	own := beside(t, options{work: t.TempDir()})
	secondBuild(t, own)
	deafBuild(t, "4")
	for _, reference := range []string{"deaf", "pausedbefore", "pausedmeanwhile", "stoppedmeanwhile", "endedmeanwhile"} {
		begin(t, reference, customers(t, "individual", "review", 1)[0], patient())
		rests(t, reference)
	}
	tries := func(ctx context.Context, reference, build string) (stderr string) {
		code, out, stderr := starterWithin(ctx, "replay", "--canary", reference, "--build", build, "--within", "20s")
		require.Equal(t, 1, code, "%s%s", out, stderr)
		require.Empty(t, out)
		return stderr
	}
	// meanwhile does something once a case waits for build 2, which has gone.
	meanwhile := func(reference string, act func()) {
		go func() {
			for !routed(t, reference) && t.Context().Err() == nil {
				time.Sleep(50 * time.Millisecond)
			}
			act()
		}()
	}
	const again = "; its next task goes to the current version, build 1, again\ntry: starter replay "

	assert.Equal(t, "starter: deaf did not come through on build 4: its worker took a workflow task of it and did not "+
		"complete it in time"+again+"deaf\n", tries(t.Context(), "deaf", "4"))

	unpause := pausedCase(t, "pausedbefore")
	assert.Equal(t, "starter: pausedbefore is paused in Temporal: no build gets it\n"+
		"try: temporal workflow unpause --workflow-id kyc-pausedbefore\n", tries(t.Context(), "pausedbefore", "2"))
	require.False(t, routed(t, "pausedbefore"))
	unpause()

	require.NoError(t, own.stopWorker())
	began := time.Now()
	meanwhile("pausedmeanwhile", func() { unpause = pausedCase(t, "pausedmeanwhile") })
	assert.Equal(t, "starter: pausedmeanwhile did not come through on build 2: it was paused in Temporal meanwhile; its "+
		"next task goes to the current version, build 1, again\n"+
		"try: temporal workflow unpause --workflow-id kyc-pausedmeanwhile\n", tries(t.Context(), "pausedmeanwhile", "2"))
	assert.Less(t, time.Since(began), 10*time.Second, "a paused case is not waited for")
	require.False(t, routed(t, "pausedmeanwhile"))
	unpause()

	ctx, cancel := context.WithCancel(t.Context())
	meanwhile("stoppedmeanwhile", cancel)
	assert.Equal(t, "starter: stoppedmeanwhile did not come through on build 2: the trial was stopped"+again+
		"stoppedmeanwhile\n", tries(ctx, "stoppedmeanwhile", "2"))

	meanwhile("endedmeanwhile", func() {
		assert.NoError(t, own.client.TerminateWorkflow(t.Context(), workflows.ID("endedmeanwhile"), "", "a test"))
	})
	assert.Equal(t, "starter: endedmeanwhile did not come through on build 2: it was closed meanwhile\n"+
		"try: starter show endedmeanwhile\n", tries(t.Context(), "endedmeanwhile", "2"))

	for _, reference := range []string{"deaf", "pausedbefore", "pausedmeanwhile", "stoppedmeanwhile"} {
		require.False(t, routed(t, reference), reference)
		decide(t, until(t, reference, inStage(kyc.InReview)), "approved")
		until(t, reference, final)
		require.Equal(t, 1, ledger(t, reference).Applications)
	}
}
