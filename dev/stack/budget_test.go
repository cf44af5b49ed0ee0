package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/cost"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// budget is what a path may cost at most.
type budget struct{ actions, tasks, events, bytes int }

// What a case costs is counted on the real server, so it is the same on every
// machine and cannot grow unnoticed. Cases are started plainly, nobody is
// notified, no reminder is due, and ConnectFi calls back before the first read.
// An update-with-start, a reminder, a query and a read are an action more each.
func TestWhatACaseCosts(t *testing.T) {
	beside(t, options{work: t.TempDir()})
	keyset, err := encryption.ParseKeyset(named(one.vars)["KYC_KEYSET"])
	require.NoError(t, err)
	host, err := os.Hostname()
	require.NoError(t, err)
	review := func(t *testing.T, v kyc.View) { decide(t, v, "approved") }
	for _, path := range []struct {
		name            string
		kind, scenario  string
		representatives int
		act             func(*testing.T, kyc.View)
		budget          budget
	}{
		{name: "straight through", kind: "individual", scenario: "approve", budget: budget{3, 2, 12, 2700}},
		{name: "review", kind: "individual", scenario: "review", act: review, budget: budget{7, 4, 25, 4500}},
		{name: "step-up", kind: "individual", scenario: "step_up", act: stepUp, budget: budget{7, 4, 26, 6300}},
		{name: "business of 1", kind: "business", scenario: "step_up", representatives: 1, act: stepUp,
			budget: budget{7, 4, 26, 6400}},
		{name: "business of 3", kind: "business", scenario: "step_up", representatives: 3, act: stepUp,
			budget: budget{11, 8, 48, 13 << 10}},
		{name: "business of 20", kind: "business", scenario: "step_up", representatives: 20, act: stepUp,
			budget: budget{45, 42, 235, 92 << 10}},
	} {
		t.Run(path.name, func(t *testing.T) {
			if path.scenario != "review" { // our own call tells it: a callback, which may come first, would be a signal more
				faults(t, map[string]any{"drop_callbacks": 1.0})
			}
			order := map[string]any{"type": path.kind, "scenario": path.scenario, "representatives": path.representatives}
			var made struct{ CustomerIDs []string }
			sandbox(t, http.MethodPost, "/sandbox/customers", order, &made)
			reference := fmt.Sprintf("cost%s%s%d", path.kind, letters(path.scenario), path.representatives)
			_, err := one.cases.StartAsync(t.Context(), cases.StartOptions{Reference: reference, CustomerID: made.CustomerIDs[0],
				Policy: kyc.DefaultPolicy()}, keyset.Converters().Data)
			require.NoError(t, err)
			if path.act != nil {
				path.act(t, until(t, reference, func(v kyc.View) bool { return v.ApplicationID != "" }))
			}
			require.Eventually(t, func() bool {
				standing, err := one.cases.CloseState(t.Context(), reference)
				return err == nil && !standing.Closed.IsZero()
			}, time.Minute, 50*time.Millisecond)
			c, err := cost.Of(t.Context(), one.client, workflows.ID(reference))
			require.NoError(t, err)
			t.Log(c)
			assert.LessOrEqual(t, c.Actions, path.budget.actions)
			assert.LessOrEqual(t, c.Tasks, path.budget.tasks)
			assert.LessOrEqual(t, c.Events, path.budget.events)
			// Four events of each task name process and machine, as "12345@vm@" here.
			identity := len(fmt.Sprintf("%d@%s@", os.Getpid(), host))
			assert.LessOrEqual(t, c.Bytes, path.budget.bytes+4*c.Tasks*max(0, identity-9))
		})
	}
}

// A watch adds no event, however often it looks.
func TestWaitingAddsNoEvent(t *testing.T) {
	faults(t, map[string]any{"drop_callbacks": 1.0})
	policy := patient()
	policy.ReadMax = kyc.Duration(400 * time.Millisecond)
	reference := "waitingAddsNothing"
	begin(t, reference, customers(t, "individual", "review", 1)[0], policy)
	attempts := func() (n int32) {
		d, err := one.client.DescribeWorkflowExecution(t.Context(), workflows.ID(reference), "")
		require.NoError(t, err)
		for _, a := range d.GetPendingActivities() {
			n = max(n, a.GetAttempt())
		}
		return n
	}
	require.Eventually(t, func() bool { return attempts() >= 2 }, time.Minute, 50*time.Millisecond)
	before, err := cost.Of(t.Context(), one.client, workflows.ID(reference))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return attempts() >= 8 }, time.Minute, 50*time.Millisecond)
	after, err := cost.Of(t.Context(), one.client, workflows.ID(reference))
	require.NoError(t, err)
	require.Equal(t, before.Events, after.Events)
	require.Equal(t, before.Bytes, after.Bytes)
	require.GreaterOrEqual(t, after.Actions, before.Actions+6, "each look is an action")
	_, err = one.cases.Withdraw(t.Context(), reference, kyc.ActorSystem)
	require.NoError(t, err)
}

// A wave of customers from a file, stopped in the middle and gone on with: on the
// real server one reference is one case, whoever starts it.
func TestAWaveIsStartedOnce(t *testing.T) {
	ids := customers(t, "individual", "approve", 30)
	var file strings.Builder
	file.WriteString("reference,customerId\n")
	for i, id := range ids {
		fmt.Fprintf(&file, "wave%d,%s\n", i, id)
	}
	path := filepath.Join(t.TempDir(), "wave.csv")
	require.NoError(t, os.WriteFile(path, []byte(file.String()), 0o600))
	code, _, stderr := starter(t, "start", "--customer", ids[3], "--reference", "wave3")
	require.Zero(t, code, stderr)
	code, _, stderr = starter(t, "start", "--customer", ids[0], "--reference", "wave4") // another customer's
	require.Zero(t, code, stderr)
	code, stdout, stderr := starter(t, "batch", path, "--rate", "1000", "--json")
	require.Equal(t, 1, code, stderr)
	t.Log(stdout)
	require.NoError(t, os.Rename(path+".results.ndjson", path+".first"))
	code, _, stderr = starter(t, "batch", path, "--rate", "1000", "--json")
	require.Equal(t, 1, code, stderr)
	results, err := os.ReadFile(path + ".results.ndjson")
	require.NoError(t, err)
	require.Equal(t, 29, strings.Count(string(results), `"result":"found"`), "%s", results)
	require.Equal(t, 1, strings.Count(string(results), `"result":"conflict"`), "%s", results)
	first, err := os.ReadFile(path + ".first")
	require.NoError(t, err)
	require.Equal(t, 28, strings.Count(string(first), `"result":"started"`), "%s", first)
	for i := range ids {
		until(t, fmt.Sprintf("wave%d", i), final)
		require.Equal(t, 1, ledger(t, fmt.Sprintf("wave%d", i)).Applications)
	}
}
