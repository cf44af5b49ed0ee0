package taskqueue

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/records/recorder"
	"durablekyc.example/workflows"
)

// recordEvery is the time between two sweeps of the recorder.
const recordEvery = time.Hour

// recordSweep puts closed cases on record. Any number of workers may sweep at the same time.
type recordSweep struct {
	recorder *recorder.Recorder // nil where no bucket is configured
	every    time.Duration
	log      *slog.Logger
	written  prometheus.Counter
	passes   *prometheus.CounterVec
}

// register puts its metrics where the service's are. A worker that keeps no records has none.
func (s *recordSweep) register(registry prometheus.Registerer) (err error) {
	if s.recorder == nil {
		return nil
	}
	s.written, err = telemetry.RegisterOrReuse(registry, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "kyc_records_written_total", Help: "Closed cases that this worker put on record."}))
	if err != nil {
		return err
	}
	s.passes, err = telemetry.RegisterOrReuse(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kyc_record_sweeps_total",
		Help: "Sweeps of the recorder: complete, or failed in some part that the next one tries again.",
	}, []string{"result"}))
	if err != nil {
		return err
	}
	for _, result := range []string{"complete", "failed"} {
		s.passes.WithLabelValues(result) // a rate over a series that is not there yet misses its first event
	}
	return nil
}

// run sweeps until ctx ends.
func (s *recordSweep) run(ctx context.Context) {
	if s.recorder == nil {
		return
	}
	everyWithJitter(ctx, s.every, func() {
		if done, err := s.recorder.Sweep(ctx); ctx.Err() == nil {
			s.report(done, err)
		}
	})
}

func (s *recordSweep) report(done recorder.Swept, err error) {
	result := "complete"
	if err != nil {
		result = "failed"
	}
	s.passes.WithLabelValues(result).Inc()
	s.written.Add(float64(done.Recorded))
	log := s.log.With("closed", done.Closed, "recorded", done.Recorded, "open", done.Open)
	switch {
	case err != nil:
		log.Warn("closed cases are not on record yet; the next sweep tries again", "failed", done.Failed, "error", err)
	case done.Recorded > 0:
		log.Info("closed cases were put on record")
	}
}

// closedCases is Temporal as the recorder sees it.
type closedCases struct{ cases.Client }

// Closed implements recorder.Source.
func (c closedCases) Closed(ctx context.Context, each func(recorder.Closed) error) error {
	return c.ListClosed(ctx, func(e workflow.Execution) error {
		return each(recorder.Closed{Reference: strings.TrimPrefix(e.ID, workflows.ID("")), Run: e.RunID})
	})
}

// Runs implements recorder.Source.
func (c closedCases) Runs(ctx context.Context, closed recorder.Closed) (recorder.Runs, error) {
	ofCase, ofNotifier, err := c.Client.Runs(ctx, closed.Reference, closed.Run)
	if errors.Is(err, cases.ErrOpen) {
		return recorder.Runs{}, recorder.ErrOpen
	}
	return recorder.Runs{Case: recorded(ofCase), Notifier: recorded(ofNotifier)}, err
}

func recorded(runs []cases.RunHistory) (all []recorder.Run) {
	for _, r := range runs {
		all = append(all, recorder.Run{ID: r.ID, History: r.History})
	}
	return all
}
