package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"durablekyc.example/activities"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// A read after a callback is tried within the workflow task, once. What fails
// there is an activity's, after the pause that the failure asks for; a lasting
// no is an answer.
func TestAReadIsTriedWithinTheTaskFirst(t *testing.T) {
	busy := temporal.NewApplicationErrorWithOptions("busy", "rateLimit",
		temporal.ApplicationErrorOptions{NextRetryDelay: 20 * time.Second})
	for name, test := range map[string]struct {
		first error
		reads []string // where they took place
		pause time.Duration
		stage kyc.Stage
	}{
		"it answers": {nil, []string{"within"}, 0, kyc.Approved},
		"it is busy": {busy, []string{"within", "activity"}, 20 * time.Second, kyc.Approved},
		"it takes long": {temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, nil),
			[]string{"within", "activity"}, 0, kyc.Approved},
		"it says no": {temporal.NewNonRetryableApplicationError("no", "customerNotFound", nil), []string{"within"}, 0,
			kyc.Withdrawn},
		"it says nonsense": {context.DeadlineExceeded, []string{"within", "activity"}, 0, kyc.Approved},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
			s.OnActivity(do.WatchStatus, mock.Anything, mock.Anything).Return(activities.WatchResult{}, busy).Maybe()
			var reads []string
			var at []time.Time
			s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(func(ctx context.Context,
				_ activities.ReadRequest) (kyc.Snapshot, error) {
				at = append(at, s.Now())
				if !activity.GetInfo(ctx).IsLocalActivity {
					reads = append(reads, "activity")
					return single("completed", "approved"), nil
				}
				reads = append(reads, "within")
				return single("completed", "approved"), test.first
			})
			s.after(30*time.Second, func() { s.callback("r1") })
			s.after(time.Hour, func() { s.update("withdraw", "w") })
			require.Equal(t, test.stage, s.run().Stage)
			require.Equal(t, test.reads, reads)
			require.Equal(t, test.pause, at[len(at)-1].Sub(at[0]).Round(time.Second))
		})
	}
}

// Whoever withdraws does not wait for a read, nor for the pause after it.
func TestAWithdrawalEndsARead(t *testing.T) {
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(kyc.Snapshot{},
		temporal.NewApplicationErrorWithOptions("busy", "rateLimit",
			temporal.ApplicationErrorOptions{NextRetryDelay: time.Hour})).Once()
	s.after(30*time.Second, func() { s.callback("r1") })
	s.after(time.Minute, func() { s.update("withdraw", "w") })
	view := s.run()
	require.Equal(t, kyc.Withdrawn, view.Stage)
	require.Equal(t, time.Minute, view.EndedAt.Sub(view.StartedAt).Round(time.Second))
}

// A poll is told of the refusal that the case knows of the status, and of no other: a document that was refused says
// nothing of a status that is refused.
func TestAPollKnowsTheRefusedStatus(t *testing.T) {
	for step, want := range map[string]string{kyc.StepStatus: "applicationNotFound", kyc.StepDocuments: ""} {
		t.Run(step, func(t *testing.T) {
			s := newStory(t)
			c := kyc.New("A1", person, kyc.DefaultPolicy(), s.Now())
			c.Apply(kyc.StatusReceived{At: s.Now(), Reading: single("waiting_review", "")})
			c.Refusal = &kyc.Refusal{Step: step, Code: "applicationNotFound"}
			var told []string
			s.OnActivity(do.WatchStatus, mock.Anything, mock.Anything).Return(func(_ context.Context,
				r activities.WatchRequest) (activities.WatchResult, error) {
				told = append(told, r.Refusal)
				return activities.WatchResult{Reading: single("completed", "approved")}, nil
			})
			s.ExecuteWorkflow(workflows.Type, workflows.Input{Reference: "A1", CustomerID: person, Policy: kyc.DefaultPolicy(),
				Carried: &workflows.State{Case: c}})
			require.NoError(t, s.GetWorkflowError())
			require.Equal(t, []string{want}, told)
		})
	}
}
