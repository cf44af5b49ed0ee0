package main

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// Nobody acts and no callback comes: every case ends all the same, by a poll
// or at its deadline.
func TestForgottenCasesEnd(t *testing.T) {
	faults(t, map[string]any{"drop_callbacks": 1})
	ends := map[string]kyc.Stage{"approve": kyc.Approved, "deny": kyc.Denied, "running": kyc.Approved}
	for _, s := range scenarios {
		end, decided := ends[s.name]
		if !decided {
			end = kyc.Expired
		}
		customer, reference := customers(t, "individual", s.name, 1)[0], "forgotten"+letters(s.name)
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			begin(t, reference, customer, hurried())
			v := until(t, reference, final)
			require.Equal(t, end, v.Stage, "%+v", v)
			if s.first == kyc.AwaitingDocuments {
				require.Contains(t, whats(v), kyc.EntryReminder)
			}
			if end == kyc.Expired {
				require.WithinDuration(t, v.StartedAt.Add(deadline(s.first)), v.EndedAt, 5*time.Second)
			}
		})
	}
}

// A callback calls the watch off; a look that was under way then, and found
// nothing new, is no refusal of ConnectFi's.
func TestACallbackDuringALook(t *testing.T) {
	policy := hurried()
	policy.Case = kyc.Duration(time.Hour)
	v := begin(t, "lookedAt1", customers(t, "individual", "review", 1)[0], policy)
	until(t, v.Reference, inStage(kyc.InReview))
	faults(t, map[string]any{"slow": "2s"})
	busy(t, v.Reference, "WatchStatus")
	require.NoError(t, one.cases.Callback(t.Context(), v.Reference, workflows.Callback{RequestID: "early",
		ApplicationID: v.ApplicationID}))
	until(t, v.Reference, func(v kyc.View) bool { return slices.Contains(whats(v), kyc.HintCallback) })
	require.Eventually(t, func() bool { // the watch has ended, and so has the read of the callback
		lived, err := one.cases.History(t.Context(), workflow.Execution{ID: workflows.ID(v.Reference)})
		return err == nil && slices.ContainsFunc(lived.Events,
			func(e *historypb.HistoryEvent) bool { return e.GetMarkerRecordedEventAttributes() != nil })
	}, 20*time.Second, 100*time.Millisecond)
	faultless(one.sandbox)
	decide(t, v, "approved")
	v = until(t, v.Reference, final)
	require.Equal(t, kyc.Approved, v.Stage)
	require.NotContains(t, whats(v), kyc.EntryRefused)
	require.NotContains(t, whats(v), string(kyc.Held))
}

// deadline of a stage under the hurried policy.
func deadline(s kyc.Stage) time.Duration {
	if s == kyc.AwaitingDocuments {
		return time.Duration(hurried().Documents)
	}
	return time.Duration(hurried().Case)
}

// A decision whose callback was lost while documents were wanted is read before
// the next reminder: who was decided is not reminded.
func TestWhoWasDecidedIsNotReminded(t *testing.T) {
	policy := patient()
	policy.Reminders = []kyc.Duration{kyc.Duration(4 * time.Second), kyc.Duration(8 * time.Second)}
	v := begin(t, "unheard1", customers(t, "individual", "step_up", 1)[0], policy)
	faults(t, map[string]any{"drop_callbacks": 1.0})
	move(t, v, "completed", "approved")
	v = untilWithin(t, 30*time.Second, v.Reference, final)
	require.Equal(t, kyc.Approved, v.Stage)
	require.NotContains(t, whats(v), kyc.EntryReminder)
	require.Less(t, v.EndedAt.Sub(v.StartedAt), 8*time.Second)
}
