package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"durablekyc.example/activities"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// Search attributes are written where they change, and with no other: each
// upsert is billed.
func TestOnlyChangedSearchAttributesAreWritten(t *testing.T) {
	var written []map[string]string
	s := newStory(t, func(env *testsuite.TestWorkflowEnvironment) {
		env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Run(func(args mock.Arguments) {
			values := map[string]string{}
			for key, value := range args.Get(0).(temporal.SearchAttributes).GetUntypedValues() {
				if text, isText := value.(string); isText {
					values[key.GetName()] = text
				}
			}
			written = append(written, values)
		})
	})
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("running", ""), nil).Once()
	for _, status := range []kyc.Status{"pending_step_up", "waiting_review", "completed"} {
		outcome := kyc.Outcome("")
		if status == "completed" {
			outcome = "approved"
		}
		s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single(status, outcome), nil).Once()
	}
	for i, hint := range []string{"r1", "r2", "r3"} {
		s.after(time.Duration(i+1)*time.Minute, func() { s.callback(hint) })
	}
	s.run()
	require.Equal(t, []map[string]string{
		{"KycStage": "processing"}, // as before, ConnectFi has to act
		{"KycStage": "awaiting_documents", "KycWaitingOn": "applicant"},
		{"KycStage": "in_review", "KycWaitingOn": "reviewer"},
		{"KycStage": "approved", "KycWaitingOn": "nobody"},
	}, written)
}

// The page that the Temporal UI shows says of each person how it stands.
func TestDetailsSayHowEachPersonStands(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	text := workflows.Details(kyc.View{Reference: "A1", Stage: kyc.AwaitingDocuments, WaitingOn: kyc.OnApplicant,
		Until: at, OnDeadline: "expired", Entities: []kyc.EntityView{
			{ID: "c", IsCustomer: true, Status: "completed", Outcome: "approved"},
			{ID: "r", Status: "pending_step_up", Missing: []string{"a passport", "a bill"}},
			{ID: "s", Status: "pending_step_up", Sending: true},
		}})
	require.Contains(t, text, "**Waiting for** applicant **until** 2026-03-01 09:00:00")
	require.Contains(t, text, "\n- customer `c`: completed, approved\n"+
		"- representative `r`: pending_step_up — **missing:** a passport; a bill\n"+
		"- representative `s`: pending_step_up — its images are being sent to ConnectFi\n\n")
}

// A delivery is known by the name of its activity: the event, its receiver, and
// from the second one on a number.
func TestIsDelivery(t *testing.T) {
	for name, want := range map[string]bool{"evt_1-all": true, "evt_1-all-2": true, "evt_1-all2": false,
		"evt_1-caller": false, "evt_2-all": false, "recall": false} {
		require.Equal(t, want, workflows.IsDelivery(name, "evt_1", activities.ReceiverGlobal), name)
	}
}
