package telemetry

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Watch is called when a call to another service begins, with an operation that
// names no id, and of its end by one word of a few and the HTTP status.
type Watch func(ctx context.Context, operation string) (within context.Context, done func(ending string, status int))

// ObserveCalls measures and traces the calls to one peer: kyc_<peer>_request_duration_seconds, by
// operation and code. Clients of one process are measured in one place.
func (t *Telemetry) ObserveCalls(peer string) Watch {
	// Only a peer whose name no metric can have is refused, and still measured.
	took, _ := RegisterOrReuse(t.Registry, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "kyc_" + peer + "_request_duration_seconds",
		Help:    "Calls by operation and code of the answer.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15},
	}, []string{"operation", "code"}))
	return func(ctx context.Context, operation string) (context.Context, func(string, int)) {
		begun := time.Now()
		traced := func(string, int) {}
		if t.traces != nil {
			ctx, traced = t.call(ctx, peer, operation)
		}
		return ctx, func(ending string, status int) {
			took.WithLabelValues(operation, ending).Observe(time.Since(begun).Seconds())
			traced(ending, status)
		}
	}
}

// call is the span of a call. The peer learns nothing of it: how we trace is not
// its business.
func (t *Telemetry) call(ctx context.Context, peer, operation string) (context.Context, func(string, int)) {
	ctx, span := t.tracer.Start(ctx, peer+" "+operation, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", http.MethodPost), attribute.String("url.template",
			operation), attribute.String("peer.service", peer)))
	return ctx, func(ending string, status int) {
		span.SetAttributes(attribute.String("kyc.code", ending))
		ended(span, status, ending != "ok" && ending != "calledOff")
	}
}
