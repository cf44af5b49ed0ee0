package taskqueue

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/kyc"
)

func TestTheOpenCaseCountHasNoPersonalData(t *testing.T) {
	metrics, err := telemetry.New("worker")
	require.NoError(t, err)
	var away error
	stuck := int64(1)
	c := &openCaseGauges{count: func(context.Context, time.Time) (cases.OpenCaseCounts, error) {
		return cases.OpenCaseCounts{Stages: map[kyc.Stage]int64{kyc.Held: 3, kyc.InReview: 0}, Overdue: 2, Stuck: stuck}, away
	}}
	require.NoError(t, c.register(metrics.Registry))
	scrape := func() string {
		w := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		text, err := io.ReadAll(w.Body)
		require.NoError(t, err)
		return string(text)
	}
	require.NotContains(t, scrape(), "kyc_cases", "nothing was counted yet")
	require.NoError(t, c.collect(t.Context()))
	for _, line := range []string{`kyc_cases{stage="held"} 3`, `kyc_cases{stage="in_review"} 0`, "kyc_cases_overdue 2",
		"kyc_cases_stuck 1"} {
		require.Contains(t, scrape(), "\n"+line+"\n")
	}
	stuck = -1
	require.NoError(t, c.collect(t.Context()))
	require.NotContains(t, scrape(), "\nkyc_cases_stuck ", "a server that cannot say")
	away = errors.New("Temporal is away")
	require.Error(t, c.collect(t.Context()))
	require.NotContains(t, scrape(), "kyc_cases", "a number of before would look like one of now")
	again := &openCaseGauges{}
	require.NoError(t, again.register(metrics.Registry), "two workers of one process count in one place")
	require.Same(t, c.cases, again.cases)
}
