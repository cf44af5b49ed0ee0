package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Watch is told of a call to somebody else when it begins, by an operation that
// names no id, and of its end by one word of a few and the HTTP status.
type Watch func(ctx context.Context, operation string) (within context.Context, done func(ending string, status int))

// Calls measures the calls to one peer: kyc_<peer>_request_duration_seconds, by
// operation and code. Clients of one process are measured in one place.
func (t *Telemetry) Calls(peer string) Watch {
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "kyc_" + peer + "_request_duration_seconds", Help: "Calls by operation and by the code they were answered with.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15},
	}, []string{"operation", "code"})
	var already prometheus.AlreadyRegisteredError
	if errors.As(t.Registry.Register(took), &already) {
		took, _ = already.ExistingCollector.(*prometheus.HistogramVec)
	}
	return func(ctx context.Context, operation string) (context.Context, func(string, int)) {
		begun := time.Now()
		return ctx, func(ending string, _ int) {
			took.WithLabelValues(operation, ending).Observe(time.Since(begun).Seconds())
		}
	}
}
