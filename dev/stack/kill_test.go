package main

import (
	"bytes"
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// TestKilledWorkers kills the worker's process, without warning, while one case
// stands in every stage, and while one is in the middle of its identification,
// of a status read and of an upload. Another worker takes over: every case ends
// as ConnectFi says, with one application, and each image linked once.
func TestKilledWorkers(t *testing.T) {
	bin := t.TempDir()
	build(t, bin, "worker")
	require.NoError(t, one.stopWorker())
	t.Cleanup(func() { require.NoError(t, one.startWorker()) })
	first := startProcess(t, filepath.Join(bin, "worker"))

	resting := map[string]kyc.Stage{"step_up": kyc.AwaitingDocuments, "review": kyc.InReview,
		"data_request": kyc.AwaitingData, "unknown_status": kyc.Held}
	views := map[string]kyc.View{}
	for _, name := range slices.Sorted(maps.Keys(resting)) {
		v := begin(t, "killed"+letters(name), customers(t, "individual", name, 1)[0], patient())
		require.Equal(t, resting[name], v.Stage)
		views[name] = v
	}
	uploading := begin(t, "killeduploading", customers(t, "individual", "step_up", 1)[0], patient())
	reading := begin(t, "killedreading", customers(t, "individual", "review", 1)[0], patient())
	glancing := begin(t, "killedglancing", customers(t, "individual", "review", 1)[0], patient())
	processing := begin(t, "killedprocessing", customers(t, "individual", "running", 1)[0], patient())
	require.Equal(t, kyc.Processing, processing.Stage)

	// From here on every call takes long enough to be killed in.
	faults(t, map[string]any{"slow": "5s"})
	var under sync.WaitGroup
	identifying := customers(t, "individual", "approve", 1)[0]
	order := cases.StartOptions{Reference: "killedidentifying", CustomerID: identifying, Policy: patient()}
	under.Go(func() { _, _ = one.cases.Start(t.Context(), order) })
	under.Go(func() { _, _ = one.cases.Refresh(t.Context(), reading.Reference, kyc.ActorSystem) })
	under.Go(func() {
		dir := t.TempDir()
		front, back := writeLicense(t, dir, "killed")
		starter(t, "upload", uploading.Reference, "--front", front, "--back", back)
	})
	for reference, activity := range map[string]string{order.Reference: "Identify", reading.Reference: "ReadStatus",
		uploading.Reference: "SubmitDocuments"} {
		busy(t, reference, activity)
	}
	under.Go(func() { _, _ = one.cases.Refresh(t.Context(), glancing.Reference, kyc.ActorSystem) })
	pondering(t, glancing.Reference)
	first.kill(t)
	faults(t, map[string]any{"slow": "0s"})
	for _, name := range []string{"review", "data_request", "unknown_status"} {
		move(t, views[name], "completed", "denied") // told to nobody who runs
	}
	decide(t, reading, "denied")
	decide(t, glancing, "denied")

	startProcess(t, filepath.Join(bin, "worker"))
	stepUp(t, until(t, views["step_up"].Reference, inStage(kyc.AwaitingDocuments)))
	under.Wait()
	for _, v := range views {
		want := kyc.Denied
		if v.Stage == kyc.AwaitingDocuments {
			want = kyc.Approved
		}
		require.Equal(t, want, until(t, v.Reference, final).Stage)
		require.Equal(t, 1, ledger(t, v.Reference).Applications, v.Reference)
	}
	for reference, want := range map[string]kyc.Stage{order.Reference: kyc.Approved, uploading.Reference: kyc.Approved,
		reading.Reference: kyc.Denied, glancing.Reference: kyc.Denied, processing.Reference: kyc.Approved} {
		require.Equal(t, want, untilWithin(t, 3*time.Minute, reference, final).Stage)
		require.Equal(t, 1, ledger(t, reference).Applications, reference)
	}
	e := ledger(t, uploading.Reference)
	require.Equal(t, []int{2, 2}, []int{e.Documents, e.Attachments})
}

// busy waits until an attempt of this activity is with a worker.
func busy(t *testing.T, reference, activity string) {
	t.Helper()
	require.Eventually(t, func() bool {
		d, err := one.client.DescribeWorkflowExecution(t.Context(), workflows.ID(reference), "")
		if err != nil {
			return false
		}
		for _, p := range d.GetPendingActivities() {
			if p.GetActivityType().GetName() == activity && p.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED {
				return true
			}
		}
		return false
	}, 20*time.Second, 20*time.Millisecond, "%s of %s is not under way", activity, reference)
}

// pondering waits until a worker has a workflow task of this case and reads the
// status within it.
func pondering(t *testing.T, reference string) {
	t.Helper()
	held := func() bool {
		d, err := one.client.DescribeWorkflowExecution(t.Context(), workflows.ID(reference), "")
		return err == nil && d.GetPendingWorkflowTask().GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_STARTED
	}
	// Twice, or it was the task that calls the watch off.
	require.Eventually(t, func() bool {
		if !held() {
			return false
		}
		time.Sleep(300 * time.Millisecond)
		return held()
	}, 20*time.Second, 20*time.Millisecond, "no worker reads the status within a workflow task of %s", reference)
}

// process is one of our programs, as production runs it.
type process struct {
	command *exec.Cmd
	ended   chan struct{}
	log     *bytes.Buffer
	admin   string // the address of its admin listener
}

// startProcess runs a program with the system's variables and returns once it
// says by -check that it is ready. It is stopped, and must stop cleanly, at
// the test's end, unless it was killed.
func startProcess(t *testing.T, path string) *process {
	t.Helper()
	return startProcessWith(t, path, nil)
}

// startProcessWith is startProcess with other variables beside the system's, which they go before.
func startProcessWith(t *testing.T, path string, instead map[string]string) *process {
	t.Helper()
	p := &process{command: exec.Command(path), ended: make(chan struct{}), log: &bytes.Buffer{}, admin: freeAddress(t)}
	p.command.Env = append(os.Environ(), "TEMPORAL_CONFIG_FILE="+os.DevNull, "KYC_ADMIN_LISTEN="+p.admin)
	for _, v := range one.vars {
		p.command.Env = append(p.command.Env, v[0]+"="+v[1])
	}
	for name, value := range instead {
		p.command.Env = append(p.command.Env, name+"="+value)
	}
	p.command.Stdout, p.command.Stderr = p.log, p.log
	require.NoError(t, p.command.Start())
	go func() { _ = p.command.Wait(); close(p.ended) }()
	t.Cleanup(func() {
		select {
		case <-p.ended:
		default:
			p.stop(t)
		}
	})
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		check := exec.CommandContext(ctx, path, "-check")
		check.Env = p.command.Env
		return check.Run() == nil
	}, 30*time.Second, 100*time.Millisecond, "%s does not become ready", path)
	return p
}

// apart runs worker and webhook as processes of their own until the test ends.
// Every helper speaks to this webhook meanwhile.
func apart(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	build(t, bin, "worker", "webhook")
	require.NoError(t, one.stopWorker())
	t.Cleanup(func() { require.NoError(t, one.startWorker()) })
	webhook, vars, public := one.webhook, one.vars, freeAddress(t)
	t.Cleanup(func() { one.webhook, one.vars = webhook, vars })
	one.webhook = "http://" + public
	one.vars = append(slices.Clone(vars), [2]string{"KYC_PUBLIC_URL", one.webhook}, [2]string{"KYC_LISTEN", public})
	startProcess(t, filepath.Join(bin, "worker"))
	startProcess(t, filepath.Join(bin, "webhook"))
}

// stop ends it as an orchestrator does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(os.Interrupt))
	<-p.ended
	require.Zero(t, p.command.ProcessState.ExitCode(), "%s", p.log)
}

func (p *process) kill(t *testing.T) {
	require.NoError(t, p.command.Process.Kill())
	<-p.ended
}
