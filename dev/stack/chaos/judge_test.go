package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"durablekyc.example/cases/replay"
	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/sandbox/simulator"
)

// TestMain is Temporal's process, too: chaos starts itself a second time.
func TestMain(m *testing.M) {
	if fleet.IsChild() {
		main()
		return
	}
	os.Exit(m.Run())
}

// good is what the judges see of a case with which all is well.
func good(t *testing.T) (evidence, replay.Replayer) {
	t.Helper()
	root, err := fleet.Root()
	require.NoError(t, err)
	golden := filepath.Join(root, "workflows", "testdata", "histories")
	text, err := os.ReadFile(filepath.Join(golden, "keyset.json"))
	require.NoError(t, err)
	keyset, err := encryption.ParseKeyset(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	text, err = os.ReadFile(filepath.Join(golden, "v0.1", "kyc-individualstepup.1.json"))
	require.NoError(t, err)
	var h historypb.History
	require.NoError(t, protojson.Unmarshal(text, &h))
	return evidence{
		subject: &caseRecord{reference: "A1", scenario: "step_up"},
		view: &kyc.View{Reference: "A1", ApplicationID: "iapp_1", Stage: kyc.Approved,
			Timeline: []kyc.Entry{{What: kyc.EntryStarted}, {What: "awaiting_documents"}, {What: kyc.EntryWanted},
				{What: "approved"}}},
		truth: simulator.ApplicationEntry{Reference: "A1", ApplicationID: "iapp_1", Status: "completed",
			Outcome: "Approved"},
		ledger: simulator.LedgerEntry{Reference: "A1", Applications: 1, Documents: 2, Attachments: 2},
		events: map[string]string{"evt_1": "case.documents_requested", "evt_2": "case.approved"},
		runs:   []*historypb.History{&h},
	}, replay.Replayer(keyset.WorkerConverters())
}

// Every judge can fail: a planted fault is found, and by the judge it is for.
func TestTheCheckersFindWhatIsPlanted(t *testing.T) {
	e, replayer := good(t)
	require.Empty(t, examine(e, replayer))
	for name, test := range map[string]struct {
		plant func(*evidence)
		says  string
	}{
		"a forgotten case": {func(e *evidence) {
			e.view.Stage, e.view.Until = kyc.InReview,
				time.Now().Add(time.Hour)
		}, "it has not ended"},
		"a stage without a deadline": {func(e *evidence) { e.view.Stage = kyc.InReview }, "has no deadline"},
		"a case that is gone":        {func(e *evidence) { e.view = nil }, "cannot be told"},
		"the wrong decision":         {func(e *evidence) { e.truth.Outcome = "Denied" }, "and ConnectFi says"},
		"a second application":       {func(e *evidence) { e.ledger.Applications = 2 }, "2 applications"},
		"another application":        {func(e *evidence) { e.truth.ApplicationID = "iapp_2" }, "ConnectFi's is iapp_2"},
		"a document linked twice":    {func(e *evidence) { e.ledger.Attachments = 3 }, "3 links were made for 2"},
		"a document too many": {func(e *evidence) { e.ledger.Documents, e.ledger.Attachments = 4, 4 },
			"4 documents were linked"},
		"a decision nobody heard of": {func(e *evidence) { delete(e.events, "evt_2") }, "nobody heard of case.approved"},
		"an event nobody heard of": {func(e *evidence) { delete(e.events, "evt_1") },
			"nobody heard of case.documents_requested"},
		"an event too many":   {func(e *evidence) { e.events["evt_3"] = "case.approved" }, "1 more of case.approved"},
		"an event of nothing": {func(e *evidence) { e.events["evt_3"] = "case.in_review" }, "1 more of case.in_review"},
		"documents asked for twice": {func(e *evidence) {
			e.view.Timeline = slices.Insert(e.view.Timeline, 3, kyc.Entry{What: kyc.EntryWanted, At: time.Unix(1, 0)})
		}, "nobody heard of case.documents_requested"},
		"a decision that changed": {func(e *evidence) {
			e.view.Timeline = append(e.view.Timeline,
				kyc.Entry{What: "denied"})
		},
			"2 ends"},
		"a timeline without a start": {func(e *evidence) { e.view.Timeline = e.view.Timeline[1:] },
			"does not begin with its start"},
		"a history that another code wrote": {func(e *evidence) {
			for _, event := range e.runs[0].Events {
				if a := event.GetActivityTaskScheduledEventAttributes(); a != nil {
					a.ActivityType.Name = "Another"
				}
			}
		}, "does not replay"},
	} {
		t.Run(name, func(t *testing.T) {
			e, replayer := good(t)
			test.plant(&e)
			require.Contains(t, strings.Join(examine(e, replayer), "\n"), test.says)
		})
	}
}

// What is left behind is found as well, and a connection that is kept is not.
func TestTheJudgeOfLeftoversFindsThem(t *testing.T) {
	idle := map[string]resourceUsage{"worker-1": {goroutines: 80, files: 20}}
	require.Empty(t, leaked(idle, map[string]resourceUsage{"worker-1": {goroutines: 80 + spare, files: 20 + spare}}))
	require.Equal(t, []string{"worker-1 has 121 files open, and had 20 when it was idle",
		"worker-1 has 181 goroutines left, and had 80 when it was idle"},
		leaked(idle, map[string]resourceUsage{"worker-1": {goroutines: 181, files: 121}}))
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "documents", "f"), 0o700))
	left, err := files(dir, filepath.Join(dir, "never made"))
	require.NoError(t, err)
	require.Empty(t, left)
	forgotten := filepath.Join(dir, "documents", "f", "image.png.tmp")
	require.NoError(t, os.WriteFile(forgotten, nil, 0o600))
	left, err = files(dir)
	require.NoError(t, err)
	require.Equal(t, []string{forgotten}, left)
}

// A short run of the real thing: every program a process, killed and paused.
func TestAShortRunHasNoViolations(t *testing.T) {
	into := filepath.Join(t.TempDir(), "chaos.json")
	r, err := run(t.Context(), settings{Cases: 60, Kills: 8, Operators: 20,
		Victims: []string{"worker", "webhook", "temporal"}, Over: 25 * time.Second,
		Within: 4 * time.Minute, Seed: 1}, os.Stdout)
	require.NoError(t, err)
	r.print(os.Stdout)
	require.NoError(t, fleet.WriteJSON(into, r))
	require.Empty(t, r.Violations)
	require.GreaterOrEqual(t, r.Kills, 8)
	require.Equal(t, 60, r.Ended["approved"]+r.Ended["denied"]+r.Ended["withdrawn"]+r.Ended[terminated])
	text, err := os.ReadFile(into)
	require.NoError(t, err)
	var read result
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, *r, read)
}
