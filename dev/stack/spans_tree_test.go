package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	enumspb "go.temporal.io/api/enums/v1"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// What a case and its notifier do is one tree, whoever started the case: its root is the request that did. The case is
// carried over into another run and taken over by another worker. Requests that come to it later have traces of their
// own, and the span of their arrival links to them.
func TestACaseIsOneTree(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	seen := &spans{}
	collector := httptest.NewServer(seen)
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	own := beside(t, options{work: t.TempDir(), notify: receiver.URL, longHistory: 20, lookup: os.LookupEnv})
	own.vars = append(own.vars, [2]string{"OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL})

	customer := customers(t, "individual", "step_up_review", 2)
	_, err := api(t).Identify(t.Context(), connectfi.IdentificationRequest{Reference: "treeapi", CustomerID: customer[0]})
	require.NoError(t, err)
	code, _, stderr := starter(t, "start", "--reference", "treestarter", "--customer", customer[1])
	require.Zero(t, code, stderr)
	for _, reference := range []string{"treeapi", "treestarter"} {
		v := until(t, reference, inStage(kyc.AwaitingDocuments))
		sendByPage(t, linkTo(t, v, ""), specimenOf(t, reference, "front"), specimenOf(t, reference, "back"))
		until(t, reference, inStage(kyc.InReview))
		for range 4 { // until it is carried over into another run
			code, _, stderr := starter(t, "refresh", reference)
			require.Zero(t, code, stderr)
		}
	}
	require.NoError(t, own.stopWorker())
	require.NoError(t, own.startWorker())
	for _, reference := range []string{"treeapi", "treestarter"} {
		decide(t, until(t, reference, inStage(kyc.InReview)), "approved")
		for _, id := range []string{workflows.ID(reference), workflows.NotifyID(reference)} {
			require.NoError(t, own.client.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil))
		}
		first := historyOf(t, workflows.ID(reference))[0].GetWorkflowExecutionStartedEventAttributes()
		require.Equal(t, enumspb.CONTINUE_AS_NEW_INITIATOR_WORKFLOW, first.GetInitiator())
	}
	require.NoError(t, own.stop(), "which sends what is left")

	for reference, root := range map[string]string{"treeapi": "POST /akepa/identification",
		"treestarter": "UpdateWithStartWorkflow:start"} {
		t.Run(reference, func(t *testing.T) { checkTree(t, seen, reference, root) })
	}
}

// checkTree finds one tree in the spans of a case and its notifier.
func checkTree(t *testing.T, seen *spans, reference, root string) {
	t.Helper()
	steps := seen.stepsOf(workflows.ID(reference), workflows.NotifyID(reference))
	require.NotEmpty(t, steps)
	tree := seen.inTrace(steps[0].TraceId)
	t.Logf("\n%s", seen.drawn(tree))
	for _, s := range steps {
		require.Equal(t, steps[0].TraceId, s.TraceId, "%s is in another trace than %s", s.Name, steps[0].Name)
	}
	var roots []string
	names := map[string]int{}
	for _, s := range tree {
		names[s.Name]++
		if len(s.ParentSpanId) == 0 {
			roots = append(roots, s.Name)
			continue
		}
		require.True(t, slices.ContainsFunc(tree, func(other *tracepb.Span) bool {
			return string(other.SpanId) == string(s.ParentSpanId)
		}), "the parent of %s is not in the trace", s.Name)
	}
	require.Equal(t, []string{root}, roots)
	for _, name := range []string{"UpdateWithStartWorkflow:start", "RunActivity:Identify",
		"connectfi /akepa/identification", "RunActivity:SubmitDocuments", "connectfi /akepa/document/upload",
		"RunActivity:ReadStatus", "connectfi /akepa/status", "StartChildWorkflow:KYCNotify", "RunActivity:Notify",
		"SignalExternalWorkflow:notices", "HandleSignal:notices", "HandleSignal:callback",
		"HandleUpdate:submit-documents", "HandleUpdate:refresh"} {
		require.NotZero(t, names[name], "%s is not in the trace", name)
	}
	for _, s := range tree {
		request := map[string]string{"HandleSignal:callback": "POST /connectfi/callbacks/:reference/:token",
			"HandleUpdate:submit-documents": "POST /verify/case/:session", "HandleUpdate:refresh": "UpdateWorkflow:refresh",
		}[s.Name]
		if request == "" {
			require.Empty(t, s.Links, s.Name)
			continue
		}
		require.Len(t, s.Links, 1, s.Name)
		linked := seen.inTrace(s.Links[0].TraceId)
		require.NotEqual(t, s.TraceId, s.Links[0].TraceId)
		require.True(t, slices.ContainsFunc(linked, func(other *tracepb.Span) bool {
			return other.Name == request && len(other.ParentSpanId) == 0
		}), "%s links to %v", s.Name, seen.drawn(linked))
	}
}

// stepsOf are the spans of what these workflows did; requests to them are left out.
func (s *spans) stepsOf(ids ...string) (found []*tracepb.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.all {
		operation, _, _ := strings.Cut(span.Name, ":")
		if slices.Contains([]string{"UpdateWorkflow", "ValidateUpdate", "SignalWorkflow", "QueryWorkflow", "HandleQuery"},
			operation) {
			continue
		}
		for _, a := range span.Attributes {
			if a.Key == "temporalWorkflowID" && slices.Contains(ids, a.GetValue().GetStringValue()) {
				found = append(found, span)
			}
		}
	}
	return found
}

// inTrace are the spans of a trace.
func (s *spans) inTrace(id []byte) (found []*tracepb.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.all {
		if string(span.TraceId) == string(id) {
			found = append(found, span)
		}
	}
	return found
}

// drawn is a trace as an indented list, with the root of each trace that is linked. Spans without a known parent stand
// at the margin.
func (s *spans) drawn(trace []*tracepb.Span) string {
	known := map[string]bool{}
	for _, span := range trace {
		known[string(span.SpanId)] = true
	}
	slices.SortStableFunc(trace, func(a, b *tracepb.Span) int {
		return cmp.Compare(a.StartTimeUnixNano, b.StartTimeUnixNano)
	})
	var text strings.Builder
	var below func(parent, indent string)
	below = func(parent, indent string) {
		for _, span := range trace {
			if above := string(span.ParentSpanId); above != parent && (parent != "" || known[above]) {
				continue
			}
			fmt.Fprintf(&text, "%s%s", indent, span.Name)
			for _, link := range span.Links {
				for _, other := range s.inTrace(link.TraceId) {
					if len(other.ParentSpanId) == 0 {
						fmt.Fprintf(&text, " -> %s", other.Name)
					}
				}
			}
			text.WriteString("\n")
			below(string(span.SpanId), indent+"  ")
		}
	}
	below("", "")
	return text.String()
}

// A signal that came before the workflow's first task is in the workflow's trace, too.
func TestAnEarlySignalIsInTheTreeOfItsCase(t *testing.T) {
	seen := &spans{}
	collector := httptest.NewServer(seen)
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	own := beside(t, options{work: t.TempDir(), lookup: os.LookupEnv})
	require.NoError(t, own.stopWorker())
	unanswered(t, cases.StartOptions{Reference: "treeearly", CustomerID: customers(t, "individual", "approve", 1)[0],
		Policy: patient()})
	require.NoError(t, own.client.SignalWorkflow(t.Context(), workflows.ID("treeearly"), "", workflows.SignalCallback,
		workflows.Callback{}))
	require.NoError(t, own.startWorker())
	until(t, "treeearly", final)
	require.NoError(t, own.stop(), "which sends what is left")
	signal := seen.named("HandleSignal:callback")
	require.Len(t, signal, 1)
	require.Equal(t, []string{"HandleSignal:callback", "UpdateWithStartWorkflow:start"}, seen.way(t, signal[0]))
	require.Len(t, signal[0].Links, 1)
	require.Equal(t, seen.named("SignalWorkflow:callback")[0].TraceId, signal[0].Links[0].TraceId)
}
