package telemetry

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"runtime/debug"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func scrape(t *testing.T, telemetry *Telemetry) string {
	t.Helper()
	w := httptest.NewRecorder()
	telemetry.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, w.Code)
	return w.Body.String()
}

func TestEverythingIsCounted(t *testing.T) {
	telemetry, err := New("worker")
	require.NoError(t, err)
	own := prometheus.NewCounter(prometheus.CounterOpts{Name: "kyc_own_total", Help: "x"})
	telemetry.Registry.MustRegister(own)
	own.Inc()
	sdk := telemetry.Temporal().WithTags(map[string]string{"namespace": "default"})
	sdk.Counter("temporal_request").Inc(3)
	sdk.Timer("temporal_request_latency").Record(70 * time.Millisecond)
	sdk.Gauge("temporal_num_pollers").Update(2)

	text := scrape(t, telemetry)
	for _, line := range []string{
		"go_goroutines ", "process_open_fds ", "kyc_own_total 1",
		`kyc_build_info{service="worker",version="` + Version + `"} 1`,
		`temporal_request_total{namespace="default"} 3`,
		`temporal_request_latency_seconds_bucket{namespace="default",le="0.1"} 1`,
		`temporal_request_latency_seconds_bucket{namespace="default",le="0.05"} 0`,
		`temporal_num_pollers{namespace="default"} 2`,
	} {
		require.Contains(t, text, line)
	}
	require.NoError(t, telemetry.Shutdown(t.Context()))
	require.NoError(t, telemetry.Shutdown(t.Context()), "twice is no error")
}

func TestServicesInOneProcessAreApart(t *testing.T) {
	one, err := New("webhook")
	require.NoError(t, err)
	other, err := New("worker")
	require.NoError(t, err)
	one.Temporal().Counter("temporal_request").Inc(1)
	require.NotContains(t, scrape(t, other), "temporal_request_total")
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	Logger(&out, "json").Info("hello", "n", 1)
	require.True(t, json.Valid(out.Bytes()))
	out.Reset()
	Logger(&out, "text").Info("hello", "n", 1)
	require.Contains(t, out.String(), "msg=hello n=1")
}

func TestVersion(t *testing.T) {
	require.NotEmpty(t, Version)
	build := func(settings ...debug.BuildSetting) *debug.BuildInfo { return &debug.BuildInfo{Settings: settings} }
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for name, test := range map[string]struct {
		build *debug.BuildInfo
		ok    bool
		want  string
	}{
		"none":      {want: "dev"},
		"no commit": {build: build(), ok: true, want: "dev"},
		"clean":     {build: build(revision), ok: true, want: "0123456789ab"},
		"modified":  {build: build(revision, modified), ok: true, want: "0123456789ab-modified"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, unstamped(test.build, test.ok)) })
	}
}
