package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"durablekyc.example/kyc"
	"durablekyc.example/sandbox/simulator"
	"durablekyc.example/workflows"
)

// spans is a collector that keeps what it gets.
type spans struct {
	mu  sync.Mutex
	all []*tracepb.Span
}

func (s *spans) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &request) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			s.all = append(s.all, scope.Spans...)
		}
	}
}

// named are the spans of this name.
func (s *spans) named(name string) (found []*tracepb.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.all {
		if span.Name == name {
			found = append(found, span)
		}
	}
	return found
}

// way leads from a span up to the one without a parent, by names.
func (s *spans) way(t *testing.T, span *tracepb.Span) (names []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		names = append(names, span.Name)
		if len(span.ParentSpanId) == 0 {
			return names
		}
		var parent *tracepb.Span
		for _, other := range s.all {
			if string(other.SpanId) == string(span.ParentSpanId) {
				parent = other
			}
		}
		require.NotNil(t, parent, "%v has a parent that nobody knows", names)
		require.Equal(t, parent.TraceId, span.TraceId)
		span = parent
	}
}

// A case is one trace from the request that started it to ConnectFi, whichever
// worker carries it; what a worker replays is told once; and what is nobody's
// business is in no span.
func TestATraceLeadsFromTheRequestToConnectFi(t *testing.T) {
	seen := &spans{}
	server := httptest.NewServer(seen)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	own := beside(t, options{work: t.TempDir(), lookup: os.LookupEnv})
	vars := named(own.vars)

	const reference, callers = "traced1", "0af7651916cd43dd8448eb211c80319c"
	customer := customers(t, "individual", "review", 1)[0]
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, own.webhook+"/akepa/identification",
		strings.NewReader(fmt.Sprintf(`{"customerId":%q,"reference":%q}`, customer, reference)))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("x-connectfi-token", vars["KYC_API_TOKENS"])
	request.Header.Set("traceparent", "00-"+callers+"-b7ad6b7169203331-01")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)

	v := until(t, reference, func(v kyc.View) bool { return v.Stage == kyc.InReview })
	require.NoError(t, own.stopWorker()) // and with it all that it has in memory
	require.NoError(t, own.startWorker())
	// The end is awaited without queries: a query that finds a workflow task under way runs that task's events
	// once more, and the SDK's tracer counts that run as new.
	decide(t, v, "approved")
	require.NoError(t, own.client.GetWorkflow(t.Context(), workflows.ID(reference), "").Get(t.Context(), nil))
	// replays a closed case
	value, err := own.client.QueryWorkflow(t.Context(), workflows.ID(reference), "", workflows.QueryCase)
	require.NoError(t, err)
	require.NoError(t, value.Get(&v))
	_, err = own.cases.Show(t.Context(), reference)
	require.NoError(t, err)
	headers, bytes := headersOf(t, own, reference)
	t.Logf("%d headers of the history hold %d bytes", headers, bytes)
	require.Less(t, bytes, 150*headers)
	var applications []simulator.ApplicationEntry
	sandbox(t, http.MethodGet, "/sandbox/applications", nil, &applications)
	require.NoError(t, own.stop(), "which sends what is left")

	identified := seen.named("connectfi /akepa/identification")
	require.Len(t, identified, 1)
	require.Equal(t, []string{"connectfi /akepa/identification", "RunActivity:Identify", "StartActivity:Identify",
		"UpdateWithStartWorkflow:start",
		"POST /akepa/identification"}, seen.way(t, identified[0]))
	read := seen.named("connectfi /akepa/status")
	require.Len(t, read, 1, "one read, by the worker that took over")
	require.Equal(t, []string{"connectfi /akepa/status", "RunActivity:ReadStatus", "StartActivity:ReadStatus",
		"UpdateWithStartWorkflow:start",
		"POST /akepa/identification"}, seen.way(t, read[0]))
	require.Equal(t, identified[0].TraceId, read[0].TraceId)
	signal := seen.named("HandleSignal:callback")
	require.Len(t, signal, 1, "a replay tells nothing twice")
	require.Equal(t, []string{"HandleSignal:callback", "UpdateWithStartWorkflow:start", "POST /akepa/identification"},
		seen.way(t, signal[0]))
	sent := seen.named("SignalWorkflow:callback")
	require.Len(t, sent, 1)
	require.Equal(t, []string{"SignalWorkflow:callback", "POST /connectfi/callbacks/:reference/:token"},
		seen.way(t, sent[0]))
	require.Len(t, signal[0].Links, 1)
	require.Equal(t, sent[0].SpanId, signal[0].Links[0].SpanId, "its request is linked")
	incoming := seen.named("POST /akepa/identification")
	require.Len(t, incoming, 1)
	require.Empty(t, incoming[0].ParentSpanId, "a caller's trace is linked and not joined")
	require.Equal(t, callers, hex.EncodeToString(incoming[0].Links[0].TraceId))
	for _, once := range []string{"StartActivity:Identify", "RunActivity:Identify", "StartActivity:ReadStatus",
		"RunActivity:ReadStatus", "HandleUpdate:start"} {
		require.Len(t, seen.named(once), 1, once)
	}
	require.Empty(t, seen.named("RunWorkflow:KYC"))

	token := applications[0].WebhookURL[strings.LastIndex(applications[0].WebhookURL, "/")+1:]
	require.NotEmpty(t, token)
	for _, span := range seen.all {
		said := span.String()
		for what, secret := range map[string]string{"the customer": customer, "the callback's token": token,
			"an API token": vars["KYC_API_TOKENS"], "a path": "/connectfi/callbacks/" + reference} {
			require.NotContains(t, said, secret, "%s is in a span: %s", what, said)
		}
	}
}

// headersOf counts what tracing adds to a history.
func headersOf(t *testing.T, s *system, reference string) (count, bytes int) {
	t.Helper()
	history := s.client.GetWorkflowHistory(t.Context(), workflows.ID(reference), "", false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(t, err)
		if h := headerOf(event); h != nil {
			count, bytes = count+1, bytes+proto.Size(h)
		}
	}
	return count, bytes
}

// headerOf is the header of an event, of whichever kind it is.
func headerOf(event *historypb.HistoryEvent) (found *commonpb.Header) {
	var look func(m protoreflect.Message)
	look = func(m protoreflect.Message) {
		m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
			if field.Kind() != protoreflect.MessageKind || field.IsList() || field.IsMap() {
				return true
			}
			if h, ok := value.Message().Interface().(*commonpb.Header); ok && len(h.GetFields()) > 0 {
				found = h
			}
			look(value.Message())
			return true
		})
	}
	look(event.ProtoReflect())
	return found
}

// Without the variables there are no traces: no byte of a history is theirs.
func TestWithoutACollectorNothingIsTraced(t *testing.T) {
	reference := "untraced1"
	code, _, stderr := starter(t, "start", "--customer", customers(t, "individual", "approve", 1)[0], "--reference",
		reference)
	require.Zero(t, code, stderr)
	until(t, reference, final)
	count, _ := headersOf(t, one, reference)
	require.Zero(t, count)
}

// A collector that is away keeps nobody from anything.
func TestACollectorThatIsAwayIsNobodysFault(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+freeAddress(t))
	own := beside(t, options{work: t.TempDir(), lookup: os.LookupEnv})
	code, _, stderr := starter(t, "start", "--customer", customers(t, "individual", "approve", 1)[0], "--reference",
		"awayed1", "--wait")
	require.Zero(t, code, stderr)
	began := time.Now()
	require.NoError(t, own.stop())
	require.Less(t, time.Since(began), 30*time.Second)
}
