package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

const deployment = "kyc" // KYC_DEPLOYMENT

// TestANewBuildTakesOver upgrades the worker, as a process, twice, with cases
// in every stage: from one without worker versioning to version 1, and from
// that to version 2, which is then rolled back. Every case ends as ConnectFi
// says, with one application, and no build was ever stuck in one.
func TestANewBuildTakesOver(t *testing.T) {
	bin := t.TempDir()
	for _, version := range []string{"1", "2"} {
		buildVersion(t, filepath.Join(bin, version), version)
	}
	var delivers atomic.Bool // the receiver of events is broken until version 2 is there
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !delivers.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer receiver.Close()
	own := beside(t, options{work: t.TempDir(), notify: receiver.URL})
	own.vars = append(own.vars, [2]string{"KYC_DEPLOYMENT", deployment})
	want := map[string]kyc.Stage{}
	start := func(reference, scenario string, end kyc.Stage) kyc.View {
		want[reference] = end
		v, err := one.cases.Start(t.Context(), cases.StartOptions{Reference: reference, CustomerID: customers(t, "individual",
			scenario, 1)[0],
			Notify: true, Policy: patient()})
		require.NoError(t, err)
		return v
	}

	// Before versioning was turned on.
	before := start("before", "review", kyc.Approved)
	rests(t, "before")
	require.NoError(t, own.stopWorker())

	code, out, stderr := starter(t, "setup", "--promote", "1")
	require.Equal(t, 1, code, stderr)
	require.Contains(t, out, "NOT DONE       worker deployment kyc: no worker of this deployment has connected yet\n")

	// A version that is not current gets no task.
	first := startProcess(t, filepath.Join(bin, "1"))
	known(t, "1")
	want["early"] = kyc.Approved
	unanswered(t, cases.StartOptions{Reference: "early", CustomerID: customers(t, "individual", "approve", 1)[0],
		Notify: true, Policy: patient()})
	d, err := one.client.DescribeWorkflowExecution(t.Context(), workflows.ID("early"), "")
	require.NoError(t, err)
	require.Equal(t, enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED, d.GetPendingWorkflowTask().GetState())
	require.EqualValues(t, 2, d.GetWorkflowExecutionInfo().GetHistoryLength())

	promote(t, "1")
	require.Equal(t, kyc.Approved, until(t, "early", final).Stage)
	require.Eventually(t, func() bool { return slices.Equal([]string{"", "1"}, carriers(t, workflows.ID("before"))) },
		time.Minute, 50*time.Millisecond,
		"the next read takes the case along")
	stepping := start("stepping", "step_up", kyc.Approved)
	reviewed := start("reviewed", "review", kyc.Denied)
	completed := start("completed", "data_request", kyc.Approved)
	held := start("held", "unknown_status", kyc.Denied)
	rolled := start("rolled", "step_up", kyc.Approved)
	require.Equal(t, []kyc.Stage{kyc.AwaitingDocuments, kyc.InReview, kyc.AwaitingData, kyc.Held},
		[]kyc.Stage{stepping.Stage, reviewed.Stage, completed.Stage, held.Stage})

	// Version 2 is there, and is let through; version 1 still carries everything.
	second := startProcess(t, filepath.Join(bin, "2"))
	known(t, "2")
	code, out, stderr = starter(t, "setup", "--promote", "3")
	require.Equal(t, 1, code, stderr)
	require.Contains(t, out, "NOT DONE       worker deployment kyc: no worker of build 3 has connected yet\n")
	code, out, stderr = starter(t, "replay", "--open")
	require.Zero(t, code, "%s%s", out, stderr)
	code, _, stderr = starter(t, "refresh", "held")
	require.Zero(t, code, stderr)
	require.Equal(t, []string{"1"}, carriers(t, workflows.ID("held")))

	// One that version 2 is not to have is pinned to version 1.
	kept := start("kept", "review", kyc.Denied)
	_, err = one.client.UpdateWorkflowExecutionOptions(t.Context(),
		client.UpdateWorkflowExecutionOptionsRequest{WorkflowId: workflows.ID("kept"),
			WorkflowExecutionOptionsChanges: client.WorkflowExecutionOptionsChanges{
				VersioningOverride: &client.VersioningOverrideChange{
					Value: &client.PinnedVersioningOverride{Version: worker.WorkerDeploymentVersion{DeploymentName: deployment,
						BuildID: "1"}}}}})
	require.NoError(t, err)

	promote(t, "2")
	v1, err := handle().DescribeVersion(t.Context(), client.WorkerDeploymentDescribeVersionOptions{BuildID: "1"})
	require.NoError(t, err)
	require.NotNil(t, v1.Info.DrainageInfo, "it is draining")
	first.stop(t)
	delivers.Store(true)
	faults(t, map[string]any{"drop_callbacks": 1}) // so that these two are found by reads which were waiting already
	decide(t, reviewed, "denied")
	decide(t, before, "approved")
	decide(t, kept, "denied") // which nobody learns of while version 1 is away
	until(t, "reviewed", final)
	until(t, "before", final)
	faults(t, map[string]any{"drop_callbacks": 0})
	stepUp(t, stepping)
	move(t, completed, "completed", "approved")
	move(t, held, "completed", "denied")
	start("fresh", "approve", kyc.Approved)
	code, _, stderr = starter(t, "refresh", "rolled")
	require.Zero(t, code, stderr)
	for reference, stage := range want {
		if reference != "rolled" && reference != "kept" {
			require.Equal(t, stage, until(t, reference, final).Stage, reference)
		}
	}
	require.Equal(t, []string{"2"}, carriers(t, workflows.ID("fresh")))
	require.Equal(t, []string{"", "1", "2"}, carriers(t, workflows.ID("before")))
	for _, reference := range []string{"stepping", "reviewed", "completed", "held"} {
		require.Equal(t, []string{"1", "2"}, carriers(t, workflows.ID(reference)), reference)
	}

	// Back, while a case is open.
	first = startProcess(t, filepath.Join(bin, "1"))
	promote(t, "1")
	second.stop(t)
	stepUp(t, rolled)
	require.Equal(t, kyc.Approved, until(t, "rolled", final).Stage)
	require.Equal(t, []string{"1", "2", "1"}, carriers(t, workflows.ID("rolled")))
	require.Equal(t, kyc.Denied, until(t, "kept", final).Stage)
	require.Equal(t, []string{"1"}, carriers(t, workflows.ID("kept")))
	for reference := range want {
		require.Equal(t, 1, ledger(t, reference).Applications, reference)
		starter(t, "resend", reference) // instead of five minutes, where the second attempt came too early, too
	}
	require.Eventually(t, func() bool {
		open, err := one.client.CountWorkflow(t.Context(),
			&workflowservice.CountWorkflowExecutionsRequest{Query: "ExecutionStatus = 'Running'"})
		return err == nil && open.GetCount() == 0
		// a delivery may have been on its way to a worker that stopped
	}, 3*time.Minute, 100*time.Millisecond, "every notifier delivers and ends")
	for reference := range want {
		carriers(t, workflows.NotifyID(reference))
	}
}

// carriers are the builds that carried a workflow, in order, each once in a
// row; empty is one without versioning. None of them has failed in it. A task
// may time out that was on its way to a worker when that was stopped.
func carriers(t *testing.T, id string) (builds []string) {
	t.Helper()
	h, err := one.cases.History(t.Context(), workflow.Execution{ID: id})
	if !assert.NoError(t, err) {
		return nil
	}
	for _, e := range h.Events {
		assert.NotEqual(t, enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED, e.GetEventType(), "%s: %v", id, e)
		if a := e.GetWorkflowTaskCompletedEventAttributes(); a != nil {
			build := a.GetDeploymentVersion().GetBuildId()
			if build != "" {
				assert.Equal(t, enumspb.VERSIONING_BEHAVIOR_AUTO_UPGRADE, a.GetVersioningBehavior())
			}
			if len(builds) == 0 || builds[len(builds)-1] != build {
				builds = append(builds, build)
			}
		}
	}
	return builds
}

// rests waits until a case has nothing under way but the read of its status
// that comes next.
func rests(t *testing.T, reference string) {
	t.Helper()
	require.Eventually(t, func() bool {
		d, err := one.client.DescribeWorkflowExecution(t.Context(), workflows.ID(reference), "")
		return err == nil && d.GetPendingWorkflowTask() == nil && len(d.GetPendingActivities()) == 1 &&
			d.GetPendingActivities()[0].GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED
	}, 30*time.Second, 20*time.Millisecond)
}

func handle() client.WorkerDeploymentHandle {
	return one.client.WorkerDeploymentClient().GetHandle(deployment)
}

// known waits until Temporal knows a version on both queues.
func known(t *testing.T, build string) {
	t.Helper()
	require.Eventually(t, func() bool {
		d, err := handle().DescribeVersion(t.Context(), client.WorkerDeploymentDescribeVersionOptions{BuildID: build})
		if err != nil {
			return false
		}
		queues := map[string]bool{}
		for _, q := range d.Info.TaskQueuesInfos {
			queues[q.Name] = true
		}
		return queues[workflows.TaskQueue] && queues[workflows.ReadsQueue]
	}, 30*time.Second, 50*time.Millisecond, "version %s does not come", build)
}

// promote has the starter do it, twice.
func promote(t *testing.T, build string) {
	t.Helper()
	for _, says := range []string{"changed        worker deployment kyc: " + build + " is the current version now",
		"already there  worker deployment kyc: " + build + " is the current version"} {
		code, out, stderr := starter(t, "setup", "--promote", build, "--wait", "30s")
		require.Zero(t, code, "%s%s", out, stderr)
		require.Contains(t, out, says)
	}
}

// unanswered starts a case that no worker takes up.
func unanswered(t *testing.T, order cases.StartOptions) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := one.cases.Start(ctx, order)
	require.ErrorIs(t, err, cases.ErrNoAnswer)
}

// buildVersion compiles a worker that says which build it is, as a release does.
func buildVersion(t *testing.T, path, version string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "build", "-ldflags",
		"-X durablekyc.example/internal/telemetry.Version="+version, "-o", path, "./worker")
	command.Dir, command.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
