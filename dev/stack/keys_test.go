package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// join is another client of the system, with converters of its own.
func (s *system) join(t *testing.T, sealed encryption.Converters) client.Client {
	t.Helper()
	c, err := temporalclient.Join(t.Context(), s.client, temporalclient.Options{Address: s.temporal.Address,
		Namespace: embedded.Namespace,
		Logger:    slog.New(slog.DiscardHandler), Converters: sealed})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// A worker that lacks the key which the webhook seals with already loses
// nothing: what it cannot open waits in Temporal until it has the key.
func TestAWorkerThatLacksAKeyWaitsForIt(t *testing.T) {
	own := beside(t, options{work: t.TempDir()})
	v := begin(t, "rotated1", customers(t, "individual", "review", 1)[0], patient())
	require.Equal(t, kyc.InReview, v.Stage)

	rotated, err := encryption.RotateKeyset(named(own.vars)["KYC_KEYSET"])
	require.NoError(t, err)
	keyset, err := encryption.ParseKeyset(rotated)
	require.NoError(t, err)
	ahead := cases.Client{Temporal: own.join(t, keyset.Converters())}
	faults(t, map[string]any{"drop_callbacks": 1})
	decide(t, v, "approved")
	require.NoError(t, ahead.Callback(t.Context(), v.Reference, workflows.Callback{RequestID: "1",
		ApplicationID: v.ApplicationID}))
	require.Eventually(t, func() bool {
		d, err := own.client.DescribeWorkflowExecution(t.Context(), workflows.ID(v.Reference), "")
		return err == nil && d.GetPendingWorkflowTask().GetAttempt() > 1
	}, 30*time.Second, 50*time.Millisecond, "the task fails and is repeated")

	require.NoError(t, own.stopWorker())
	own.workerClient = own.join(t, keyset.WorkerConverters())
	require.NoError(t, own.startWorker())
	one.cases = ahead
	v = untilWithin(t, time.Minute, v.Reference, final)
	require.Equal(t, kyc.Approved, v.Stage)
	require.Contains(t, whats(v), kyc.HintCallback, "the callback was not lost")
	require.Equal(t, 1, ledger(t, v.Reference).Applications)
}

// What was never sealed is refused: an update to its sender, who is told so,
// while the case goes on.
func TestAnUpdateInPlaintextIsRefused(t *testing.T) {
	v := begin(t, "clear1", customers(t, "individual", "step_up", 1)[0], patient())
	plain := one.join(t, encryption.Converters{})
	handle, err := plain.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{WorkflowID: workflows.ID(v.Reference),
		UpdateName: workflows.UpdateSubmit,
		Args:       []any{map[string]any{"entity": v.Entities[0].ID}}, WaitForStage: client.WorkflowUpdateStageCompleted})
	if err == nil {
		err = handle.Get(t.Context(), nil)
	}
	require.Error(t, err)
	v, err = one.cases.Withdraw(t.Context(), v.Reference, kyc.ActorSystem)
	require.NoError(t, err)
	require.Equal(t, kyc.Withdrawn, v.Stage)
	lived, err := one.cases.History(t.Context(), workflow.Execution{ID: workflows.ID(v.Reference)})
	require.NoError(t, err)
	require.NotEmpty(t, lived.Events)
	for _, e := range lived.Events {
		require.NotEqual(t, enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED, e.GetEventType())
	}
}
