// Package telemetry is how a service is watched: its metrics, its traces,
// its log, and which build it is. Nothing in here is global, so several services can live
// in one process and be distinguished.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	tracing "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
)

// Telemetry holds the metrics and the traces of one service.
type Telemetry struct {
	// Registry is where the service registers metrics of its own.
	Registry *prometheus.Registry

	provider *metric.MeterProvider
	temporal client.MetricsHandler

	traces *tracing.TracerProvider // nil if there are none
	tracer trace.Tracer
}

// New prepares the metrics of a service: those of Go and of the process, which
// build runs, and those of the Temporal SDK once its client is given Temporal().
func New(service string) (*Telemetry, error) {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kyc_build_info", Help: "Always 1; the labels have the service and its build.",
		ConstLabels: prometheus.Labels{"service": service, "version": Version},
	})
	build.Set(1)
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build,
	} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(),
		exporter.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	provider := metric.NewMeterProvider(metric.WithReader(reader), metric.WithView(view))
	return &Telemetry{
		Registry: registry,
		provider: provider,
		temporal: opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
			Meter:                provider.Meter("temporal-sdk"),
			UseMonotonicCounters: true,
			// A metric that cannot be made is missing, which its dashboard
			// shows; the default is to panic.
			OnError: func(error) {},
		}),
	}, nil
}

// view shapes what the meter counts. The SDK's latencies lie between a long poll
// of a minute and a workflow task of milliseconds; ours between a call and the
// months that a case may take. Of ours the SDK's own labels are dropped: which
// queue and which workflow says nothing that the name does not.
func view(i metric.Instrument) (metric.Stream, bool) {
	shaped := metric.Stream{Name: i.Name, Description: i.Description, Unit: i.Unit}
	ours := strings.HasPrefix(i.Name, "kyc_")
	if ours {
		shaped.AttributeFilter = attribute.NewDenyKeysFilter("activity_type", "client_name", "namespace", "task_queue",
			"worker_type", "workflow_type")
	}
	timer := i.Kind == metric.InstrumentKindHistogram && i.Unit == "s"
	if timer {
		bounds := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 3600}
		if ours {
			const hour, day = 3600, 24 * 3600
			bounds = []float64{.1, .5, 1, 5, 10, 30, 60, 300, 900, hour, 4 * hour, 12 * hour, day, 3 * day, 7 * day, 14 * day,
				30 * day, 90 * day}
		}
		shaped.Aggregation = metric.AggregationExplicitBucketHistogram{Boundaries: bounds}
	}
	return shaped, ours || timer
}

// RegisterOrReuse registers a metric, or takes the one that is registered already: what
// there is twice in one process counts in one place.
func RegisterOrReuse[C prometheus.Collector](registry prometheus.Registerer, metric C) (C, error) {
	err := registry.Register(metric)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if known, ok := already.ExistingCollector.(C); ok {
			return known, nil
		}
	}
	return metric, err
}

// Handler serves the metrics in Prometheus' format.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(t.Registry, promhttp.HandlerOpts{Registry: t.Registry})
}

// Temporal is for the options of a Temporal client.
func (t *Telemetry) Temporal() client.MetricsHandler { return t.temporal }

// Shutdown ends the collection, and has the spans that are left sent. Doing it
// again does nothing.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	traces := t.flush(ctx)
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, metric.ErrReaderShutdown) {
		return errors.Join(traces, fmt.Errorf("metrics: %w", err))
	}
	return traces
}

// Logger writes a line per event: JSON if format is "json", text otherwise.
// Nothing that looks like a secret, an address or a struct gets through.
func Logger(w io.Writer, format string) *slog.Logger {
	if format == "json" {
		return slog.New(redactor{slog.NewJSONHandler(w, nil)})
	}
	return slog.New(redactor{slog.NewTextHandler(w, nil)})
}
