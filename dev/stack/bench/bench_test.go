//go:build linux

package main // on Linux: it tells what a process has used up

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/dev/stack/fleet"
)

// TestMain is Temporal's process and the floor's, too.
func TestMain(m *testing.M) {
	if fleet.IsChild() {
		main()
		return
	}
	os.Exit(m.Run())
}

// A short run of the whole: both carry all their cases, and what is told of
// them adds up.
func TestAShortRunMeasures(t *testing.T) {
	r, err := run(t.Context(), settings{Rounds: 2, Cases: 12, Clients: 6, Signals: 60})
	require.NoError(t, err)
	r.print(os.Stdout)
	require.Len(t, r.Rounds, 2)
	require.Len(t, r.Callbacks, rounds)
	require.InDelta(t, r.Sides[ours].Rate/r.Sides[baselineVariant].Rate, r.Ratio, 1e-9)
	require.Len(t, r.laps["ours"][1].decided, 12)
	require.Len(t, r.sent[raw][0].each, 60)
	require.Len(t, r.Ways, len(ways))
	require.Positive(t, r.Ways[webhook].CPU["webhook-1"])
	require.InDelta(t, r.Ways[webhook].Rate/r.Ways[raw].Rate, r.Ways[webhook].Ratio, 1e-9)
	require.Len(t, r.Sides, 4)
	for name, s := range r.Sides {
		require.Positive(t, s.Median, name)
		require.LessOrEqual(t, s.Median, s.P99)
		require.Positive(t, s.CPU["temporal"])
	}
	require.Greater(t, r.Sides[ours].CPU["worker-1"], r.Sides[baselineVariant].CPU["worker-1"],
		"each contender has a worker of its own")
	require.Greater(t, r.Sides[baselineVariant].CPU["floor"], r.Sides[ours].CPU["floor"])
	require.Len(t, r.Paths, 6)
	require.Equal(t, 7, r.Paths["review"].Actions)
	require.Positive(t, r.Memory["webhook-1"])
	into := filepath.Join(t.TempDir(), "bench.json")
	require.NoError(t, fleet.WriteJSON(into, r))
	text, err := os.ReadFile(into)
	require.NoError(t, err)
	var read result
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, r.Ratio, read.Ratio)
}
