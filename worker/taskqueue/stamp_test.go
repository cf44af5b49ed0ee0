package taskqueue

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	rfc3161 "github.com/digitorus/timestamp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/internal/goldens"
	"durablekyc.example/internal/tsatest"
)

// The log is stamped once a day, by the worker's clock, and only if it has grown.
func TestTheLogIsStampedOnceADay(t *testing.T) {
	all, _ := goldens.Cases(t, "../../workflows/testdata/histories")
	s, said := recording(t, closedTemporal{cases: all[:2], notifier: completed})
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return now }
	a := tsatest.New(t, "Time")
	s.stamp(t.Context())
	s.authority = authority(a.URL, stampTimeout)
	s.stamp(t.Context())
	require.Zero(t, a.Asked(), "the log is empty")
	s.once(t)
	for range 3 {
		s.stamp(t.Context())
	}
	require.Equal(t, 1, a.Asked())
	now = now.AddDate(0, 0, 1)
	s.stamp(t.Context())
	require.Equal(t, 1, a.Asked(), "it has not grown")
	s.recorder.Source = closedCases{cases.Client{Temporal: closedTemporal{cases: all[:3], notifier: completed}}}
	s.once(t)
	s.stamp(t.Context())
	require.Equal(t, 2, a.Asked())
	require.EqualValues(t, 2, testutil.ToFloat64(s.stamps.WithLabelValues("stored")))
	require.Zero(t, testutil.ToFloat64(s.stamps.WithLabelValues("failed")))
	require.Equal(t, 2, strings.Count(said.String(), "the checkpoint of the records was time-stamped"))
	require.NotContains(t, said.String(), "WARN")
}

// Whatever the authority does, cases are put on record, the log says it in one line, and the next sweep asks again.
func TestAnAuthorityThatFailsStopsNothing(t *testing.T) {
	all, _ := goldens.Cases(t, "../../workflows/testdata/histories")
	writes := func(status int, body string) func(w http.ResponseWriter, _ []byte) {
		return func(w http.ResponseWriter, _ []byte) {
			w.Header().Set("Location", "/")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for says, fails := range map[string]func(a *tsatest.Authority){
		"connection refused":             func(*tsatest.Authority) {},
		"it answered 503":                func(a *tsatest.Authority) { a.Answer = writes(503, "") },
		"it answered 307":                func(a *tsatest.Authority) { a.Answer = writes(307, "") },
		"its answer is not one value":    func(a *tsatest.Authority) { a.Answer = writes(200, "<html>") },
		"its answer has more than 65536": func(a *tsatest.Authority) { a.Answer = writes(200, strings.Repeat("x", 1<<20)) },
		"Client.Timeout": func(a *tsatest.Authority) {
			a.Answer = func(http.ResponseWriter, []byte) { time.Sleep(3 * time.Second) }
		},
		"it is a time-stamp of something else": func(a *tsatest.Authority) {
			a.Change = func(s *rfc3161.Timestamp) { s.HashedMessage = make([]byte, 32) }
		},
		"it has another nonce than the request": func(a *tsatest.Authority) {
			a.Change = func(s *rfc3161.Timestamp) { s.Nonce = nil }
		},
	} {
		s, said := recording(t, closedTemporal{cases: all[:2], notifier: completed})
		a := tsatest.New(t, "Time")
		fails(a)
		address := a.URL + "/hunter2"
		if says == "connection refused" {
			address = "http://name:hunter2@127.0.0.1:1"
		}
		s.authority = authority(address, 2*time.Second)
		require.Equal(t, 2, s.once(t).Recorded)
		said.Reset()
		s.stamp(t.Context())
		require.Equal(t, 1, strings.Count(said.String(), "\n"), said)
		require.Contains(t, said.String(), "the checkpoint of the records has no time-stamp yet; the next sweep retries")
		require.Contains(t, said.String(), says)
		require.NotContains(t, said.String(), "hunter2")
		require.EqualValues(t, 1, testutil.ToFloat64(s.stamps.WithLabelValues("failed")))

		s.authority = authority(tsatest.New(t, "Time").URL, stampTimeout) // the first one may still be answering
		s.stamp(t.Context())
		require.EqualValues(t, 1, testutil.ToFloat64(s.stamps.WithLabelValues("stored")), says)
	}
}

// A worker that is told an authority has the log stamped in its sweeps.
func TestAWorkerHasItsLogStamped(t *testing.T) {
	all, _ := goldens.Cases(t, "../../workflows/testdata/histories")
	made, _ := recording(t, closedTemporal{})
	a := tsatest.New(t, "Time")
	c := config(t, closedTemporal{cases: all[:2], notifier: completed})
	c.Records, c.RecordEvery, c.TimestampURL = made.recorder, 100*time.Millisecond, a.URL
	w, err := New(c)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	group.Go(func() { w.records.run(ctx) })
	require.Eventually(t, func() bool {
		return testutil.ToFloat64(w.records.stamps.WithLabelValues("stored")) > 0
	}, time.Minute, 10*time.Millisecond)
	cancel()
	group.Wait()
	require.Equal(t, 1, a.Asked())
}
