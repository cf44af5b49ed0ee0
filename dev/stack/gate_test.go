package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// The gate before a deploy, on what a real server has of cases in every stage,
// and of a notifier that gets nothing delivered: it lets this build through,
// costs nothing, and names the event in the history of a build that does
// something else.
func TestTheReplayCheckBeforeADeploy(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer broken.Close()
	own := beside(t, options{work: t.TempDir(), notify: broken.URL, longHistory: 40})
	for scenario, stage := range map[string]kyc.Stage{"step_up": kyc.AwaitingDocuments, "review": kyc.InReview,
		"data_request": kyc.AwaitingData, "unknown_status": kyc.Held} {
		v, err := one.cases.Start(t.Context(), cases.StartOptions{Reference: "gate" + letters(scenario),
			CustomerID: customers(t, "individual", scenario, 1)[0],
			Notify:     true, Policy: patient()})
		require.NoError(t, err)
		require.Equal(t, stage, v.Stage)
	}
	for range 12 { // until it is carried over into another run
		code, _, stderr := starter(t, "refresh", "gatereview")
		require.Zero(t, code, stderr)
	}
	code, out, stderr := starter(t, "replay", "--open")
	require.Zero(t, code, "%s%s", out, stderr)
	require.Contains(t, out, "8 of 8 histories replay on build ")
	require.Contains(t, out, "(4 of cases, 4 of notifiers)")

	// Also with no worker, and with a case that none has seen.
	require.NoError(t, own.stopWorker())
	order := cases.StartOptions{Reference: "gateunseen", CustomerID: customers(t, "individual", "approve", 1)[0],
		Policy: patient()}
	unanswered(t, order)
	code, out, stderr = starter(t, "replay", "--open")
	require.Zero(t, code, "%s%s", out, stderr)
	require.Contains(t, out, "9 of 9 histories replay on build ")
	require.NoError(t, own.startWorker())

	v := until(t, "gatestepup", inStage(kyc.AwaitingDocuments))
	stepUp(t, v)
	until(t, v.Reference, final)
	code, out, stderr = starter(t, "replay", v.Reference) // closed by now
	require.Zero(t, code, "%s%s", out, stderr)
	require.Contains(t, out, "2 of 2 histories replay")

	h, err := one.cases.History(t.Context(), workflow.Execution{ID: workflows.ID(v.Reference)})
	require.NoError(t, err)
	code, out, stderr = starter(t, "replay", "--file", downloaded(t, h))
	require.Zero(t, code, "%s%s", out, stderr)
	for _, event := range h.Events {
		if a := event.GetActivityTaskScheduledEventAttributes(); a.GetActivityType().GetName() == "SubmitDocuments" {
			a.ActivityType.Name = "HandInDocuments"
			code, out, stderr = starter(t, "replay", "--file", downloaded(t, h))
			require.Equal(t, 1, code, "%s%s", out, stderr)
			require.Regexp(t, fmt.Sprintf(`(?m)^kyc-gatestepup +%d +ActivityTaskScheduled .*HandInDocuments.*SubmitDocuments$`,
				event.GetEventId()), out)
			require.Contains(t, stderr, "workflow.GetVersion")
			return
		}
	}
	require.Fail(t, "no documents were handed in")
}

// downloaded is a history as the Temporal CLI and UI write it.
func downloaded(t *testing.T, h *historypb.History) (path string) {
	t.Helper()
	text, err := protojson.MarshalOptions{Indent: "  "}.Marshal(h)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "history.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}
