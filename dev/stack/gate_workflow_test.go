package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
	"durablekyc.example/worker/taskqueue"
	"durablekyc.example/workflows"
)

// gated runs the gate workflow on a build as Temporal's Worker Controller does: by a client without a keyset, pinned to
// the build, without an input. The error is what the controller sees.
func gated(t *testing.T, own *system, build string) (id string, err error) {
	t.Helper()
	controller, err := client.Dial(client.Options{HostPort: own.temporal.Address})
	require.NoError(t, err)
	defer controller.Close()
	run := pinned(t, controller, "test-"+deployment+":"+build+"-"+workflows.TaskQueue, build, taskqueue.ReplayCheckType)
	return run.GetID(), run.Get(t.Context(), nil)
}

// pinned starts a workflow on this build, once the task queue knows it.
func pinned(t *testing.T, c client.Client, id, build, kind string, args ...any) (run client.WorkflowRun) {
	t.Helper()
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		var err error
		run, err = c.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue,
			WorkflowExecutionTimeout: time.Hour,
			VersioningOverride:       &client.PinnedVersioningOverride{Version: versionOf(build)}}, kind, args...)
		require.NoError(t, err)
	}, 30*time.Second, 100*time.Millisecond)
	return run
}

// A build that replays what is open passes the gate, and one that meets a history that other code wrote fails it.
func TestANewBuildRunsTheReplayCheck(t *testing.T) {
	own := beside(t, options{work: t.TempDir()})
	secondBuild(t, own)
	for scenario, stage := range map[string]kyc.Stage{"step_up": kyc.AwaitingDocuments, "review": kyc.InReview} {
		v := begin(t, "gated"+letters(scenario), customers(t, "individual", scenario, 1)[0], patient())
		require.Equal(t, stage, v.Stage)
		soonListed(t, v.Reference, func(row map[string]any) bool { return row["stage"] == string(stage) })
	}
	id, err := gated(t, own, "2")
	require.NoError(t, err)
	d, err := own.client.DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	require.Equal(t, "2", d.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId())
	var report struct {
		Build     string
		Histories int
	}
	require.NoError(t, own.client.GetWorkflow(t.Context(), id, "").Get(t.Context(), &report))
	require.Equal(t, "2", report.Build)
	require.Equal(t, 2, report.Histories)

	// A case in review whose code waited instead of asking ConnectFi.
	otherBuild(t, own, "3", func(ctx workflow.Context, _ workflows.Input) (kyc.View, error) {
		err := workflow.UpsertTypedSearchAttributes(ctx, workflows.AttributeStage.ValueSet(string(kyc.InReview)))
		if err != nil {
			return kyc.View{}, err
		}
		return kyc.View{}, workflow.Sleep(ctx, time.Hour)
	})
	known(t, "3")
	pinned(t, own.client, workflows.ID("gatedother"), "3", workflows.Type, workflows.Input{})
	soonListed(t, "gatedother", func(row map[string]any) bool { return row["stage"] == string(kyc.InReview) })
	id, err = gated(t, own, "2")
	require.Error(t, err, "the controller gives the build no case")
	err = own.client.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil)
	failed := new(temporal.ApplicationError)
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "ReplayDiverged", failed.Type())
	require.Contains(t, failed.Message(), "1 of 3 open histories do not replay on build 2, such as kyc-gatedother: ")
}
