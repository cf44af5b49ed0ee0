package server_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/telemetry"
	"durablekyc.example/webhook/server"
	"durablekyc.example/workflows"
)

// maxAllocations is the budget of a callback between the network and Temporal,
// the test's own request and recorder (about 15) included.
const maxAllocations = 105

func TestWhatACallbackAllocates(t *testing.T) {
	require.LessOrEqual(t, testing.AllocsPerRun(100, taken(t)), float64(maxAllocations))
}

func BenchmarkCallback(b *testing.B) {
	take := taken(b)
	b.ReportAllocs()
	for b.Loop() {
		take()
	}
}

// taken has a Server take one callback after another, logged into nothing and
// held against no description, which would allocate as well.
func taken(t testing.TB) func() {
	e := newServer(t, deaf{}, func(c *server.Config) { c.Logger = telemetry.Logger(io.Discard, "json") })
	path := e.path(reference)
	return func() {
		answer := httptest.NewRecorder()
		e.Public().ServeHTTP(answer, httptest.NewRequest(http.MethodPost, path, strings.NewReader(printed)))
		require.Equal(t, http.StatusAccepted, answer.Code)
	}
}

// deaf takes every hint and keeps none.
type deaf struct{}

func (deaf) Callback(context.Context, string, workflows.Callback) error { return nil }
