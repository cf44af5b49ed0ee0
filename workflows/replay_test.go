package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases/replay"
	"durablekyc.example/internal/goldens"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

const histories = "testdata/histories"

// Whatever a release wrote, this build would have done the same, also after the
// keyset was rotated twice. An intended change of what a workflow does needs
// workflow.GetVersion, never a new golden history.
func TestEveryGoldenHistoryReplays(t *testing.T) {
	all, keyset := goldens.Read(t, histories, 2)
	for path, history := range all {
		require.NoError(t, replay.Replayer(keyset.WorkerConverters()).Replay(history), path)
	}
}

// The gate can close: a build that does something else is caught on every path.
func TestAnIncompatibleChangeIsCaught(t *testing.T) {
	all, keyset := goldens.Read(t, histories, 0)
	for path, history := range all {
		replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
			DataConverter: keyset.WorkerConverters().Data, FailureConverter: keyset.WorkerConverters().Failures})
		require.NoError(t, err)
		replayer.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.Input) (kyc.View, error) {
			if err := workflow.Sleep(ctx, time.Second); err != nil { // what nobody asked for
				return kyc.View{}, err
			}
			return workflows.KYC(ctx, in)
		}, workflow.RegisterOptions{Name: workflows.Type})
		replayer.RegisterWorkflowWithOptions(func(ctx workflow.Context, ledger workflows.NotifierState) (
			workflows.NotifierState, error) {
			return ledger, nil // which delivers nothing
		}, workflow.RegisterOptions{Name: workflows.NotifyType})
		replayer.RegisterWorkflowWithOptions(func(workflow.Context, workflows.CheckInput) (*kyc.View, error) {
			return nil, nil // which waits for no case
		}, workflow.RegisterOptions{Name: workflows.CheckType})
		started := history.Events[0].GetWorkflowExecutionStartedEventAttributes()
		require.Error(t, replayer.ReplayWorkflowHistoryWithOptions(nil, history, worker.ReplayWorkflowHistoryOptions{
			OriginalExecution: workflow.Execution{ID: started.GetWorkflowId(), RunID: started.GetOriginalExecutionRunId()}}),
			path)
	}
}

// The goldens hold what they are there for.
func TestGoldenHistoriesCoverThePaths(t *testing.T) {
	all, _ := goldens.Read(t, histories, 0)
	seen := map[enumspb.EventType]bool{}
	types := map[string]bool{}
	for _, history := range all {
		for _, event := range history.Events {
			seen[event.GetEventType()] = true
			if a := event.GetActivityTaskScheduledEventAttributes(); a != nil {
				types[a.GetActivityType().GetName()] = true
			}
		}
	}
	for _, e := range []enumspb.EventType{enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED,
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
		enumspb.EVENT_TYPE_TIMER_FIRED, enumspb.EVENT_TYPE_TIMER_CANCELED, enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED,
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW, enumspb.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED,
		enumspb.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED, enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
		enumspb.EVENT_TYPE_MARKER_RECORDED, enumspb.EVENT_TYPE_NEXUS_OPERATION_COMPLETED,
		enumspb.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED} {
		require.True(t, seen[e], "%s", e)
	}
	for _, name := range []string{"Identify", "WatchStatus", "SubmitDocuments", "Notify"} {
		require.True(t, types[name], name)
	}
}
