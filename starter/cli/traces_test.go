package cli_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// Traces that cannot be as the variables say are refused before anything is done; a collector that is unavailable keeps
// no command from its work, and is named once.
func TestTracesOfTheStarter(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	endpoint := "http://" + free.Addr().String()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint) // the exporter reads the process's

	d := opened(t)
	d.variables["OTEL_EXPORTER_OTLP_ENDPOINT"], d.variables["OTEL_EXPORTER_OTLP_PROTOCOL"] = endpoint, "grpc"
	code, _, errs := d.run(t.Context(), "start", "--customer", person, "--reference", "A1")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, not \"grpc\"")
	require.Contains(t, errs, "try: OTEL_TRACES_EXPORTER=none starter …\n")
	require.Empty(t, d.cases)

	delete(d.variables, "OTEL_EXPORTER_OTLP_PROTOCOL")
	code, _, errs = d.run(t.Context(), "start", "--customer", person, "--reference", "A1")
	require.Zero(t, code, errs)
	require.Len(t, d.cases, 1)
	require.Regexp(t, `^time=\S+ level=WARN msg="cannot reach the trace collector; dropping traces" .*\n$`, errs)
}
