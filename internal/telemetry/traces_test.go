package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	tracing "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestTracesAreAsTheVariablesSay(t *testing.T) {
	const endpoint, traces, exporter, protocol = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL"
	for name, test := range map[string]struct {
		vars map[string]string
		on   bool
		says string
	}{
		"nothing is set":        {vars: nil},
		"an endpoint":           {vars: map[string]string{endpoint: "http://c:4318"}, on: true},
		"an endpoint of traces": {vars: map[string]string{traces: "http://c:4318/v1/traces"}, on: true},
		"an empty endpoint":     {vars: map[string]string{endpoint: " "}},
		"none, and an endpoint": {vars: map[string]string{endpoint: "http://c:4318", exporter: "none"}},
		"disabled":              {vars: map[string]string{endpoint: "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}},
		"otlp": {vars: map[string]string{endpoint: "http://c:4318", exporter: "otlp",
			protocol: "http/protobuf"}, on: true},
		"otlp, and no endpoint": {vars: map[string]string{exporter: "otlp"},
			says: "set OTEL_EXPORTER_OTLP_ENDPOINT"},
		"an exporter we lack": {vars: map[string]string{exporter: "zipkin"}, says: "must be otlp or none"},
		"a protocol we lack": {vars: map[string]string{endpoint: "http://c:4317", protocol: "grpc"},
			says: "must be http/protobuf"},
		"grpc, and no endpoint": {vars: map[string]string{protocol: "grpc"}},
		"grpc for traces, at last": {vars: map[string]string{endpoint: "http://c:4317", protocol: "http/protobuf",
			"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, says: "must be http/protobuf"},
	} {
		t.Run(name, func(t *testing.T) {
			telemetry, err := Start("worker", func(name string) (string, bool) {
				value, ok := test.vars[name]
				return value,
					ok
			}, slog.New(slog.DiscardHandler))
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.on, telemetry.traces != nil)
			require.Equal(t, test.on, len(telemetry.Interceptors()) > 0)
			require.NoError(t, telemetry.Shutdown(t.Context()))
		})
	}
}

// recorded is a telemetry whose spans are kept here.
func recorded(t *testing.T) (*Telemetry, *tracetest.InMemoryExporter) {
	t.Helper()
	telemetry, err := New("webhook")
	require.NoError(t, err)
	kept := tracetest.NewInMemoryExporter()
	telemetry.traces = tracing.NewTracerProvider(tracing.WithSyncer(kept))
	telemetry.tracer = telemetry.traces.Tracer("test")
	return telemetry, kept
}

func TestSpansSayNoMoreThanTheLog(t *testing.T) {
	telemetry, kept := recorded(t)
	r := httptest.NewRequest("POST", "/connectfi/callbacks/A1/v1-MARKER?x=MARKER", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	r.Header.Set("Baggage", "who=MARKER")
	within, id, done := telemetry.Request(r, "POST", "/connectfi/callbacks/:reference/:token")
	_, called := telemetry.ObserveCalls("connectfi")(within, "/akepa/status")
	called("extAkepa", 400)
	_, span := telemetry.tracer.Start(within, "UpdateWorkflow:start")
	safe := redactedSpan{span}
	safe.SetAttributes(attribute.String("temporalWorkflowID", "kyc-A1"), attribute.String("temporalUpdateID",
		"start-MARKER"))
	safe.RecordError(errors.New("no answer of https://me:MARKER@a.example/MARKER"))
	safe.RecordError(nil)
	safe.SetStatus(codes.Error, "no answer of https://a.example/MARKER")
	safe.End()
	done(503)
	all := kept.GetSpans()
	require.Len(t, all, 3)
	call, update, request := all[0], all[1], all[2]
	for _, s := range all {
		require.NotContains(t, s.Name, "MARKER")
		for _, a := range s.Attributes {
			require.NotContains(t, a.Value.String(), "MARKER", a.Key)
		}
		for _, e := range s.Events {
			for _, a := range e.Attributes {
				require.NotContains(t, a.Value.String(), "MARKER", a.Key)
			}
		}
		require.NotContains(t, s.Status.Description, "MARKER")
		require.Equal(t, id, s.SpanContext.TraceID().String())
	}
	require.Equal(t, "POST /connectfi/callbacks/:reference/:token", request.Name)
	require.False(t, request.Parent.IsValid(), "a stranger's trace is not joined")
	require.Len(t, request.Links, 1)
	require.Equal(t, codes.Error, request.Status.Code)
	require.Equal(t, request.SpanContext.SpanID(), call.Parent.SpanID())
	require.Equal(t, codes.Error, call.Status.Code)
	require.Len(t, update.Events, 1)
	require.Contains(t, update.Attributes, attribute.String("temporalWorkflowID", "kyc-A1"))
}

func TestWithoutTracesThereIsNoSpan(t *testing.T) {
	telemetry, err := New("webhook")
	require.NoError(t, err)
	r := httptest.NewRequest("GET", "/", nil)
	within, id, done := telemetry.Request(r, "GET", "/")
	done(200)
	require.Equal(t, r.Context(), within)
	require.Empty(t, id)
}

// A collector that goes is told of once, and so is its return; no stop fails over it.
func TestACollectorIsNobodysMaster(t *testing.T) {
	up := false
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer collector.Close()
	vars := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	var log bytes.Buffer
	telemetry, err := Start("worker", func(name string) (string, bool) { value, ok := vars[name]; return value, ok },
		Logger(&log, "text"))
	require.NoError(t, err)
	export := func() {
		_, span := telemetry.tracer.Start(context.Background(), "x")
		span.End()
		require.NoError(t, telemetry.traces.ForceFlush(t.Context()))
	}
	export()
	export()
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("cannot reach the trace collector")), log.String())
	up = true
	export()
	export()
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("trace collector reachable again")), log.String())
	collector.Close()
	_, span := telemetry.tracer.Start(context.Background(), "the last one")
	span.End()
	began := time.Now()
	require.NoError(t, telemetry.Shutdown(t.Context()))
	require.Less(t, time.Since(began), flushTimeout+2*time.Second)
}
