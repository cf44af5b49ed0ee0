package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	tracing "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// Start prepares the metrics of a service as New does, and its traces as
// OpenTelemetry's own variables say: with OTEL_EXPORTER_OTLP_ENDPOINT or
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT they go there, without it there are none.
// The exporter reads the rest of them by itself, from the process.
func Start(service string, lookup func(name string) (string, bool), log *slog.Logger) (*Telemetry, error) {
	t, err := New(service)
	if err != nil {
		return nil, err
	}
	wanted, err := traced(lookup)
	if err != nil || !wanted {
		return t, err
	}
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "kyc-"+service), attribute.String("service.version",
			Version)),
		resource.WithFromEnv()) // whose name goes before ours
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES is invalid: %w", err)
	}
	t.traces = tracing.NewTracerProvider(tracing.WithBatcher(&loggingExporter{SpanExporter: exporter, log: log}),
		tracing.WithResource(about))
	t.tracer = t.traces.Tracer("durablekyc")
	return t, nil
}

// traced reports whether the variables want traces. What they want and cannot
// have is an error: a trace that nobody sees is worse than a start that fails.
func traced(lookup func(string) (string, bool)) (bool, error) {
	get := func(name string) string { value, _ := lookup(name); return strings.TrimSpace(value) }
	first := func(names ...string) string {
		for _, name := range names {
			if value := get(name); value != "" {
				return value
			}
		}
		return ""
	}
	endpoint := first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	protocol := first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
	switch exporter := get("OTEL_TRACES_EXPORTER"); {
	case strings.EqualFold(get("OTEL_SDK_DISABLED"), "true"), exporter == "none":
		return false, nil
	case exporter != "" && exporter != "otlp":
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER must be otlp or none, not %q", exporter)
	case endpoint == "" && exporter == "otlp":
		return false, errors.New("OTEL_TRACES_EXPORTER is otlp: set OTEL_EXPORTER_OTLP_ENDPOINT, such as " +
			"http://127.0.0.1:4318")
	case endpoint != "" && protocol != "" && protocol != "http/protobuf":
		return false, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, not %q: collectors accept it on port "+
			"4318",
			protocol)
	}
	return endpoint != "", nil
}

// loggingExporter says once that spans do not get out, and once that they do again.
// They are not waited for, and never anybody's fault but the collector's.
type loggingExporter struct {
	tracing.SpanExporter
	log     *slog.Logger
	failing atomic.Bool
}

func (o *loggingExporter) ExportSpans(ctx context.Context, spans []tracing.ReadOnlySpan) error {
	err := o.SpanExporter.ExportSpans(ctx, spans)
	switch failing := err != nil; {
	case failing && !o.failing.Swap(true):
		o.log.Warn("cannot reach the trace collector; dropping traces", "error", err)
	case !failing && o.failing.Swap(false):
		o.log.Info("trace collector reachable again")
	}
	return nil // or the library would write it to standard error, unformatted
}

// Interceptors pass a trace through Temporal: for the options of a client, and so of the workers made with it. There
// are none without traces: the trace travels in headers, which histories keep.
//
// A case has no span of its own. It would be months long, nobody would see it before its end, and every worker that
// takes the case over would begin another one: what a case does belongs to the request that started it, by the header
// of its first event, whichever worker runs it. What it receives is recorded by arrivals, because the SDK's interceptor
// reports updates again when they are replayed, and puts a signal into the trace of its sender.
func (t *Telemetry) Interceptors() []interceptor.ClientInterceptor {
	if t.traces == nil {
		return nil
	}
	through, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer: t.tracer, TextMapPropagator: propagation.TraceContext{}, DisableBaggage: true, AllowInvalidParentSpans: true,
		HeaderKey: traceHeader,
		SpanStarter: func(ctx context.Context, tracer trace.Tracer, name string,
			options ...trace.SpanStartOption) trace.Span {
			switch operation, _, _ := strings.Cut(name, ":"); operation {
			case "RunWorkflow", "HandleUpdate", "HandleSignal":
				return trace.SpanFromContext(ctx) // the parent, from the header: it records nothing here
			}
			_, span := tracer.Start(ctx, name, options...)
			return redactedSpan{span}
		},
	})
	if err != nil {
		return nil // it has no way to fail with these options
	}
	return []interceptor.ClientInterceptor{through, &arrivals{tracer: t.tracer}}
}

// redactedSpan is a span that says no more than the log may: no customer, whose id
// is in the update's, and errors without addresses.
type redactedSpan struct{ trace.Span }

func (r redactedSpan) SetAttributes(all ...attribute.KeyValue) {
	for _, a := range all {
		if a.Key != "temporalUpdateID" {
			r.Span.SetAttributes(a)
		}
	}
}

func (r redactedSpan) RecordError(err error, _ ...trace.EventOption) {
	if err != nil {
		r.AddEvent("exception", trace.WithAttributes(attribute.String("exception.type", fmt.Sprintf("%T", err)),
			attribute.String("exception.message", redact(err.Error()))))
	}
}

func (r redactedSpan) SetStatus(code codes.Code, description string) {
	r.Span.SetStatus(code, redact(description))
}

// Request is the span of an incoming request, named by its method and route: a
// path may hold a capability. What a caller says of its own trace is linked and
// not joined, for anybody may say anything. id is the trace's, empty if nobody
// will see it.
func (t *Telemetry) Request(r *http.Request, method, route string) (within context.Context, id string,
	done func(status int)) {
	if t.traces == nil {
		return r.Context(), "", func(int) {}
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route))}
	caller := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(),
		propagation.HeaderCarrier(r.Header)))
	if caller.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: caller}))
	}
	within, span := t.tracer.Start(r.Context(), method+" "+route, options...)
	if span.IsRecording() {
		id = span.SpanContext().TraceID().String()
	}
	return within, id, func(status int) { ended(span, status, status >= 500) }
}

// ended ends the span of an HTTP exchange. A status of zero is none.
func ended(span trace.Span, status int, failed bool) {
	if status != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
	}
	if failed {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// flushTimeout is how long the spans that are left may take to get out.
const flushTimeout = 5 * time.Second

func (t *Telemetry) flush(ctx context.Context) error {
	if t.traces == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := t.traces.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("traces: %w", err)
	}
	return nil // a collector that is away keeps no service from a clean stop
}
