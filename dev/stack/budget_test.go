package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"durablekyc.example/dev/stack/cost"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// budget is what a path may cost at most.
type budget struct{ actions, tasks, events, bytes int }

// What a case costs is counted on the real server, so it is the same on every
// machine and cannot grow unnoticed. Nobody is notified, no reminder is due, and
// ConnectFi calls back before the first read.
func TestWhatACaseCosts(t *testing.T) {
	beside(t, options{work: t.TempDir()})
	calls := map[string]any{"drop_callbacks": 1.0} // of an application that our own call has moved: each adds a signal
	review := func(t *testing.T, v kyc.View) { decide(t, v, "approved") }
	for _, path := range []struct {
		name            string
		kind, scenario  string
		representatives int
		called          bool
		act             func(*testing.T, kyc.View)
		budget          budget
	}{
		{name: "straight through", kind: "individual", scenario: "approve", budget: budget{3, 2, 12, 4096}},
		{name: "review", kind: "individual", scenario: "review", called: true, act: review, budget: budget{7, 4, 25, 4096}},
		{name: "step-up", kind: "individual", scenario: "step_up", act: stepUp, budget: budget{7, 4, 25, 4096}},
		{name: "business of 1", kind: "business", scenario: "step_up", representatives: 1, act: stepUp, budget: budget{7, 4, 25, 4096}},
		{name: "business of 3", kind: "business", scenario: "step_up", representatives: 3, act: stepUp, budget: budget{11, 8, 45, 8192}},
		{name: "business of 20", kind: "business", scenario: "step_up", representatives: 20, act: stepUp, budget: budget{45, 42, 220, 48 << 10}},
	} {
		t.Run(path.name, func(t *testing.T) {
			if !path.called {
				faults(t, calls)
			}
			order := map[string]any{"type": path.kind, "scenario": path.scenario, "count": 1}
			if path.representatives > 0 {
				order["representatives"] = path.representatives
			}
			var made struct{ CustomerIDs []string }
			sandbox(t, "POST", "/sandbox/customers", order, &made)
			reference := fmt.Sprintf("cost%s%s%d", path.kind, letters(path.scenario), path.representatives)
			v, err := one.cases.Start(t.Context(), workflows.Order{Reference: reference, CustomerID: made.CustomerIDs[0], Policy: kyc.DefaultPolicy()})
			require.NoError(t, err)
			if path.act != nil {
				path.act(t, v)
			}
			require.Eventually(t, func() bool {
				standing, err := one.cases.Standing(t.Context(), reference)
				return err == nil && !standing.Closed.IsZero()
			}, time.Minute, 50*time.Millisecond)
			c, err := cost.Of(t.Context(), one.client, workflows.ID(reference))
			require.NoError(t, err)
			t.Log(c)
			assert.LessOrEqual(t, c.Actions, path.budget.actions)
			assert.LessOrEqual(t, c.Tasks, path.budget.tasks)
			assert.LessOrEqual(t, c.Events, path.budget.events)
			assert.LessOrEqual(t, c.Bytes, path.budget.bytes)
		})
	}
}
