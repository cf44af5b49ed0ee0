package workflows_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/sandbox/simulator"
	"durablekyc.example/workflows"
)

func drawnKeyset(t *testing.T) encryption.Keyset {
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	keyset, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	return keyset
}

// TestTheInboxWhateverComes: whatever comes into a case in whichever order, while
// ConnectFi breaks down as it likes for a while: the case ends, everybody who
// asked is answered, there is one application, every document was attached once,
// and what the case says is what ConnectFi said.
func TestTheInboxWhateverComes(t *testing.T) {
	keyset := drawnKeyset(t)
	rapid.Check(t, func(t *rapid.T) {
		l := newLab(t, keyset, rapid.SampledFrom([]string{"approve", "deny", "step_up", "step_up", "step_up_review",
			"step_up_review", "step_up_review", "step_up_review", "review", "data_request", "unknown_status",
			"back_and_forth"}).Draw(t, "scenario"))
		defer l.close()
		fault := rapid.SampledFrom([]string{"", "", "before", "after", "after", "busy"})
		l.faults = map[bool][]string{false: rapid.SliceOfN(fault, 0, 8).Draw(t, "faults"), true: rapid.SliceOfN(fault, 0,
			16).Draw(t, "faults of documents")}
		l.lost = rapid.IntRange(0, 2).Draw(t, "links whose answer is lost")
		var (
			answers   []*answer
			asked     []time.Time
			accepted  = map[string]bool{}
			withdrawn bool
			again     bool // documents were wanted once more: a link whose answer was lost cannot be told from none then
			after     time.Duration
		)
		update := func(name, id string, args ...any) *answer {
			a := &answer{}
			answers, asked = append(answers, a), append(asked, l.Now())
			l.UpdateWorkflow(name, id, a, args...)
			return a
		}
		do := map[string]func(i int){
			"callback": func(i int) {
				l.SignalWorkflow(workflows.SignalCallback,
					workflows.Callback{RequestID: fmt.Sprint(i)})
			},
			"duplicate": func(int) { l.SignalWorkflow(workflows.SignalCallback, workflows.Callback{RequestID: "same"}) },
			"foreign": func(int) {
				l.SignalWorkflow(workflows.SignalCallback,
					workflows.Callback{ApplicationID: "iapp_other"})
			},
			"start": func(i int) {
				update(workflows.UpdateStart, fmt.Sprint("start", i), workflows.StartRequest{CustomerID: l.customer})
			},
			"refresh": func(i int) { update(workflows.UpdateRefresh, fmt.Sprint("refresh", i)) },
			"revoke":  func(i int) { update(workflows.UpdateRevoke, fmt.Sprint("revoke", i)) },
			"submit": func(i int) {
				s := l.submission(fmt.Sprint("s", i))
				a := update(workflows.UpdateSubmit, s.ID, s)
				update(workflows.UpdateSubmit, s.ID+"again", s) // the same from a second tab
				accepted[s.ID] = !a.rejected
			},
			"withdraw": func(int) { withdrawn = true; update(workflows.UpdateWithdraw, "withdraw") },
			"approve":  func(int) { l.move("completed", "approved") },
			"deny":     func(int) { l.move("completed", "denied") },
			"review":   func(int) { l.move("waiting_review", "") },
			"want":     func(int) { again = true; l.move("pending_step_up", "") },
		}
		names := []string{"callback", "callback", "duplicate", "foreign", "start", "refresh", "refresh", "revoke", "submit",
			"submit", "submit",
			"approve", "deny", "review", "want", "withdraw"}
		coming := rapid.SliceOfN(rapid.SampledFrom(names), 0, 12).Draw(t, "what comes")
		if opening := rapid.SampledFrom([][]string{nil, {"submit"}, {"submit", "withdraw"}}).Draw(t,
			"first of all"); opening != nil {
			coming, after = append(opening, coming...), time.Hour // ConnectFi has had its time to want something
		}
		for i, name := range coming {
			after += time.Duration(rapid.SampledFrom([]int{0, 1, 1, 20, 600, 40_000}).Draw(t, "seconds later")) * time.Second
			l.RegisterDelayedCallback(func() {
				if !l.IsWorkflowCompleted() { // a closed case takes nothing
					do[name](i)
				}
			}, after)
		}
		policy := kyc.DefaultPolicy()
		policy.Case, policy.Documents, policy.ReadFirst = kyc.Duration(10*day), kyc.Duration(6*day), policy.ReadMax
		l.ExecuteWorkflow(workflows.Type, workflows.Input{Reference: "A1", CustomerID: l.customer, Policy: policy})
		require.True(t, l.IsWorkflowCompleted(), "it is stuck")
		require.NoError(t, l.GetWorkflowError())
		var v kyc.View
		require.NoError(t, l.GetWorkflowResult(&v))

		for i, a := range answers {
			// What comes in the moment of the end is the server's to refuse.
			require.True(t, a.done || a.rejected || !asked[i].Before(v.EndedAt), "nobody answered %d", i)
		}
		require.LessOrEqual(t, l.posts, 1, "one reference, one application")
		theirs := l.application()
		require.Contains(t, []string{"", theirs.ApplicationID}, v.ApplicationID)
		switch v.Stage {
		case kyc.Approved, kyc.Denied:
			require.Equal(t, connectfi.StatusCompleted, theirs.Status)
			require.True(t, strings.EqualFold(string(v.Outcome), string(theirs.Outcome)), "we say %s and ConnectFi %s",
				v.Outcome, theirs.Outcome)
		case kyc.Expired:
			require.NotEqual(t, connectfi.StatusCompleted, theirs.Status, "the last look would have seen it")
		default:
			require.Equal(t, kyc.Withdrawn, v.Stage)
			require.True(t, withdrawn)
		}
		submissions := 0
		for _, taken := range accepted {
			if taken {
				submissions++
			}
		}
		var ledger []simulator.LedgerEntry
		l.script(http.MethodGet, "/sandbox/ledger", nil, &ledger)
		for _, entry := range ledger {
			require.LessOrEqual(t, entry.Applications, 1)
			require.True(t, again || entry.Documents == entry.Attachments, "each document once, not %+v", entry)
			require.LessOrEqual(t, entry.Documents, 2*submissions)
		}
	})
}
