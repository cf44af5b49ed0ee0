package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/sandbox/simulator"
	"durablekyc.example/workflows"
)

// listed is a line of deploy/observability/metrics.txt.
type listed struct {
	kind   string
	who    []string
	always bool
	labels map[string][]string // nil is any value
}

func inventory(t *testing.T) map[string]listed {
	t.Helper()
	root, err := fleet.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "deploy", "observability", "metrics.txt"))
	require.NoError(t, err)
	all := map[string]listed{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		l := listed{kind: fields[1], always: !strings.HasSuffix(fields[2], "?"), labels: map[string][]string{}}
		l.who = []string{strings.TrimSuffix(fields[2], "?")}
		if l.who[0] == "both" {
			l.who = []string{"worker", "webhook"}
		}
		for _, field := range fields[3:] {
			label, values, _ := strings.Cut(field, "=")
			l.labels[label] = nil
			if values != "*" {
				l.labels[label] = strings.Split(values, "|")
			}
		}
		all[fields[0]] = l
	}
	require.NotEmpty(t, all)
	return all
}

func exported(t *testing.T, client *http.Client, address string) map[string]*dto.MetricFamily {
	t.Helper()
	response, err := client.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	require.NoError(t, err)
	return families
}

// lively is a world in which everything has happened that is counted: cases of
// every kind, callbacks that are lost, come twice or late, a ConnectFi that
// fails now and then, a refusal, a workflow task that fails, and a receiver that
// does not always want to.
func lively(t *testing.T, cases int, over time.Duration) *world {
	t.Helper()
	ctx := t.Context()
	w, err := newWorld(ctx, settings{Cases: cases, Over: over, Seed: 5, Work: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.stop()) })
	code, _, said := w.Starter(ctx, "start", "--customer", "unknownCustomerId", "--reference", "refusedOne")
	require.Zero(t, code, said)
	require.NoError(t, w.Control(ctx, http.MethodPut, "/sandbox/faults",
		map[string]any{"drop_callbacks": 0.4, "duplicate_callbacks": 0.5, "error_before": 0.05, "ext_akepa": 0.05}, nil))
	happening, cease := context.WithCancel(ctx)
	background := w.background(happening)
	started := w.load(happening, func(ctx context.Context) { <-ctx.Done() }, os.Stdout)
	require.NoError(t, started())
	var open []*caseRecord
	require.NoError(t, patiently(ctx, 2*time.Minute, func() (bool, error) {
		open = slices.DeleteFunc(w.all(), func(s *caseRecord) bool {
			v := w.show(ctx, s.reference)
			return v != nil && v.Stage.Final()
		})
		return len(open) == 0, nil
	}))
	for _, s := range open {
		t.Errorf("%s, %s, has not ended: %+v", s.reference, s.scenario, w.show(ctx, s.reference))
	}
	cease()
	background.Wait()
	w.late(t)
	w.failTask(t)
	return w
}

// failTask starts a workflow whose type no worker knows, and waits until its first task has failed.
func (w *world) failTask(t *testing.T) {
	c, err := w.Dial(t.Context())
	require.NoError(t, err)
	defer c.Close()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: workflows.TaskQueue}, "KYCUnknown")
	require.NoError(t, err)
	history := c.GetWorkflowHistory(t.Context(), run.GetID(), "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		e, err := history.Next()
		require.NoError(t, err)
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED {
			require.NoError(t, c.TerminateWorkflow(t.Context(), run.GetID(), "", "it was to fail"))
			return
		}
	}
	require.Fail(t, "no task of it failed")
}

// late calls back on a case that was decided.
func (w *world) late(t *testing.T) {
	var applications []simulator.ApplicationEntry
	require.NoError(t, w.Control(t.Context(), http.MethodGet, "/sandbox/applications", nil, &applications))
	a := applications[0]
	body := fmt.Sprintf(`{"code":"0","requestId":"late","data":{"reference":%q,"applicationId":%q,"status":"completed",`+
		`"outcome":"Approved"}}`, a.Reference, a.ApplicationID)
	response, err := w.HTTP.Post(a.WebhookURL, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
}

// Dashboard, alerts and runbook speak of what is exported, and nothing of ours
// is exported that they do not know of, in its labels and their values as well:
// so no label ever holds a reference, or whatever else there is any number of.
func TestWhatIsExportedIsListed(t *testing.T) {
	w, list := lively(t, 40, 8*time.Second), inventory(t)
	seen := map[string]float64{} // of counters and of histograms' counts, by name and labels
	missing := map[string]bool{}
	// Workers and webhooks come in twos: what one has not met, the other may.
	for name, l := range list {
		missing[name] = l.always
	}
	for process, address := range w.Admins {
		service, _, _ := strings.Cut(process, "-")
		for name, family := range exported(t, w.HTTP, address) {
			l, known := list[name]
			require.True(t, known || !strings.HasPrefix(name, "kyc_"), "%s is not listed", name)
			if !known {
				continue
			}
			if slices.Contains(l.who, service) {
				missing[name] = false
			}
			require.Equal(t, l.kind, strings.ToLower(family.GetType().String()), name)
			for _, m := range family.Metric {
				series, value := name, m.GetCounter().GetValue()+float64(m.GetHistogram().GetSampleCount())
				for _, label := range m.Label {
					values, has := l.labels[label.GetName()]
					require.True(t, has, "%s has a label %s", name, label.GetName())
					require.True(t, values == nil || slices.Contains(values, label.GetValue()), "%s has %s=%q", name, label.GetName(),
						label.GetValue())
					series += " " + label.GetValue()
					seen[series] += value // by the first labels alone, too
				}
				require.Len(t, m.Label, len(l.labels), "%s lacks labels", name)
				if len(m.Label) == 0 {
					seen[series] += value
				}
			}
		}
	}
	for name, is := range missing {
		require.False(t, is, "nobody exports %s", name)
	}
	for _, series := range []string{"kyc_cases_started_total", "kyc_cases_ended_total approved",
		"kyc_cases_ended_total denied", "kyc_cases_held_total none unlisted_status",
		"kyc_cases_held_total customerNotFound refused", "kyc_callbacks_lost_total", "kyc_callbacks_total closed",
		"kyc_callbacks_total accepted",
		"kyc_callback_decision_delay_seconds", "kyc_connectfi_request_duration_seconds extAkepa",
		"kyc_documents_handed_over_total",
		"kyc_notifications_total all delivered", "kyc_stage_duration_seconds in_review", "kyc_case_duration_seconds denied",
		"temporal_workflow_task_execution_failed_total none", "temporal_activity_execution_failed_total Identify",
		"temporal_request_failure_total none"} {
		require.Positive(t, seen[series], "%s: %v", series, seen)
	}
	require.Equal(t, float64(w.Cases+1), seen["kyc_cases_started_total"],
		"replays and workers that take over count nothing twice")
	require.Equal(t, float64(w.Cases), seen["kyc_cases_ended_total approved"]+seen["kyc_cases_ended_total denied"])
	var held float64
	require.NoError(t, patiently(t.Context(), 90*time.Second, func() (bool, error) { // a census a minute
		held = 0
		for _, m := range exported(t, w.HTTP, w.Admins["worker-1"])["kyc_cases"].GetMetric() {
			if m.Label[0].GetValue() == "held" {
				held = m.GetGauge().GetValue()
			}
		}
		return held == 1, nil
	}))
	require.Equal(t, 1.0, held, "the refused case, and it alone, is open")
}
