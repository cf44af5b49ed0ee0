package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/testsuite"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// details are the current details that the Temporal UI shows of a workflow.
func details(t *testing.T, env *testsuite.TestWorkflowEnvironment) string {
	t.Helper()
	value, err := env.QueryWorkflow("__temporal_workflow_metadata")
	require.NoError(t, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(t, value.Get(&metadata))
	return metadata.GetCurrentDetails()
}

// The Temporal UI shows a case as it stands, after each change.
func TestACaseShowsHowItStands(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	stages := map[time.Duration]kyc.Stage{time.Minute: kyc.AwaitingDocuments, time.Hour: kyc.InReview}
	for at, stage := range stages {
		s.after(at, func() {
			require.Equal(t, stage, s.view().Stage)
			require.Equal(t, workflows.Details(s.view()), details(t, s.TestWorkflowEnvironment))
		})
	}
	s.after(2*time.Minute, func() { s.callback("r1") })
	s.after(2*time.Hour, func() { s.update(workflows.UpdateWithdraw, "w") })
	s.run()
}

// Of a notifier it shows what became of each event so far.
func TestANotifierShowsItsEvents(t *testing.T) {
	p := newPost(t)
	notices := lived("waiting_review", "completed")
	var shown string
	p.RegisterDelayedCallback(func() {
		shown = details(t, p.TestWorkflowEnvironment)
	}, 90*time.Second)
	end := p.run(both(), notices...)
	require.Equal(t, workflows.EventDetails(end.Events()[:1]), shown)
	require.Contains(t, shown, "delivered at 2026-03-01 09:01:00, attempt 1: 200")
}
