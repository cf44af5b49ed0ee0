package replay_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases/replay"
	"durablekyc.example/internal/goldens"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// Workflow code that goes round is stopped, however it does that, before it has
// taken much memory. It once took 16 GB.
func TestAReplayThatDoesNotEndIsStopped(t *testing.T) {
	all, keyset := goldens.Read(t, histories, 0)
	replayer := replay.Replayer(keyset.WorkerConverters())
	spin := map[string]func(ctx workflow.Context){
		"waits for what is there": func(ctx workflow.Context) { _ = workflow.Await(ctx, func() bool { return true }) },
		"sets timers that are cancelled": func(ctx workflow.Context) {
			cancelled, cancel := workflow.WithCancel(ctx)
			cancel()
			_ = workflow.NewTimer(cancelled, time.Hour).Get(cancelled, nil)
		},
		"starts coroutines": func(ctx workflow.Context) { workflow.Go(ctx, func(workflow.Context) {}) },
		"asks for the time": func(ctx workflow.Context) { workflow.Now(ctx) },
	}
	for name, turn := range spin {
		t.Run(name, func(t *testing.T) {
			for path, history := range all {
				if history.Events[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName() != workflows.Type {
					continue
				}
				before, after := runtime.MemStats{}, runtime.MemStats{}
				runtime.ReadMemStats(&before)
				require.True(t, replay.EndlessForTest(replayer, history, func(r worker.WorkflowRegistry) {
					r.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.Input) (kyc.View, error) {
						for {
							turn(ctx)
						}
					}, workflow.RegisterOptions{Name: workflows.Type})
				}), path)
				runtime.ReadMemStats(&after)
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(256<<20), "bytes for one history")
				return // one history is enough
			}
		})
	}
	for path, history := range all { // and no history of ours comes near
		require.NoError(t, replayer.Replay(history), path)
	}
}

// A longer history may take more steps, and none more than a minute.
func TestHowLongAReplayMayTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.Equal(t, 2_500, replay.StepsForTest(10, 0))
		require.Equal(t, 52_000, replay.StepsForTest(1000, 0))
		begun := time.Now()
		require.Equal(t, 60, replay.StepsForTest(10, time.Second))
		require.Equal(t, time.Minute+time.Second, time.Since(begun))
	})
}
