package cli

import (
	"context"

	"go.temporal.io/sdk/interceptor"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/telemetry"
)

// traced starts traces where OpenTelemetry's variables ask for them, so that a case that is started here is one trace:
// without a first span, each of its steps would be a trace by itself.
func (a *app) traced(lookup config.Lookup) ([]interceptor.ClientInterceptor, error) {
	traces, err := telemetry.Start("starter", lookup, telemetry.Logger(a.out.stderr, "text"))
	if err != nil {
		return nil, &cliError{err: err, next: "OTEL_TRACES_EXPORTER=none starter …"}
	}
	a.telemetry = traces
	return traces.Interceptors(), nil
}

// flush sends the spans that are left, which takes 5 seconds at most.
func (a *app) flush() {
	if a.telemetry != nil {
		_ = a.telemetry.Shutdown(context.Background()) // a collector that is unavailable is in the log
	}
}
