package taskqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"durablekyc.example/cases"
	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/timestamp"
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
	missing  *prometheus.GaugeVec
	kept     *prometheus.GaugeVec

	// retention is how long Temporal keeps a closed case; nil does not say.
	retention func(context.Context) (time.Duration, error)

	// send sends a notification to the receiver of all cases; nil where there is none.
	send func(ctx context.Context, id string, body []byte) error

	// authority stamps checkpoints; nil where there is none. now is the clock that says which day it is.
	authority timestamp.Post
	now       func() time.Time
	stamps    *prometheus.CounterVec

	complete time.Time // when every closed case was looked at last; at first, when this worker started
}

// register puts its metrics where the service's are. A worker that keeps no records has none.
func (s *recordSweep) register(registry prometheus.Registerer) (err error) {
	if s.recorder == nil {
		return nil
	}
	s.written, err = telemetry.RegisterOrReuse(registry, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "kyc_records_written_total", Help: "Closed cases put on record by this worker."}))
	if err != nil {
		return err
	}
	s.passes, err = telemetry.RegisterOrReuse(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kyc_record_sweeps_total",
		Help: "Sweeps of the recorder by result. The next sweep retries what failed.",
	}, []string{"result"}))
	if err != nil {
		return err
	}
	for _, result := range []string{"complete", "failed"} {
		s.passes.WithLabelValues(result) // a rate over a series that is not there yet misses its first event
	}
	s.stamps, err = telemetry.RegisterOrReuse(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kyc_record_timestamps_total", Help: "Time-stamps of the log's checkpoint by result: those that this " +
			"worker stored, and attempts that failed. The next sweep retries.",
	}, []string{"result"}))
	if err != nil {
		return err
	}
	for _, result := range []string{"stored", "failed"} {
		s.stamps.WithLabelValues(result)
	}
	s.missing, err = telemetry.RegisterOrReuse(registry, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kyc_records_missing_since_timestamp_seconds", Help: "When the oldest case was closed that is not on " +
			"record; 0 if every closed case is. Of several workers take the smallest that is not 0."}, nil))
	if err != nil {
		return err
	}
	s.kept, err = telemetry.RegisterOrReuse(registry, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kyc_namespace_retention_seconds", Help: "How long Temporal keeps a closed case."}, nil))
	return err
}

// run sweeps until ctx ends.
func (s *recordSweep) run(ctx context.Context) {
	if s.recorder == nil {
		return
	}
	s.complete = time.Now()
	everyWithJitter(ctx, s.every, func() {
		began := time.Now()
		if done, err := s.recorder.Sweep(ctx); ctx.Err() == nil {
			s.report(done, err)
			s.age(began, done)
			s.announce(ctx)
			s.stamp(ctx)
		}
		s.keep(ctx)
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
		log.Warn("some closed cases are not on record yet; the next sweep retries", "failed", done.Failed, "error", err)
	case done.Recorded > 0:
		log.Info("closed cases put on record")
	}
}

// age sets since when a case is missing. Where not every closed case could be looked at, one may be missing that was
// closed after the last time that worked.
func (s *recordSweep) age(began time.Time, done recorder.Swept) {
	since := done.Missing
	if done.Complete {
		s.complete = began
	} else if since.IsZero() || since.After(s.complete) {
		since = s.complete
	}
	seconds := float64(0)
	if !since.IsZero() {
		seconds = float64(since.Unix())
	}
	s.missing.WithLabelValues().Set(seconds)
}

// announce sends the receiver of all cases a new checkpoint, once an hour.
func (s *recordSweep) announce(ctx context.Context) {
	if s.send == nil {
		return
	}
	if err := s.recorder.Announce(ctx, time.Now(), s.send); err != nil && ctx.Err() == nil {
		s.log.Warn("the next sweep tries to send a checkpoint again", "error", err)
	}
}

// sender sends signed messages to an address. An answer other than 2xx is an error.
func sender(hooks *delivery.Sender, address string) func(ctx context.Context, id string, body []byte) error {
	return func(ctx context.Context, id string, body []byte) error {
		answer, err := hooks.Send(ctx, address, id, body)
		if err == nil && (answer.Status < 200 || answer.Status > 299) {
			err = fmt.Errorf("the receiver answered %d", answer.Status)
		}
		return err
	}
}

// keep sets how long Temporal keeps cases. What cannot be read is not reported.
func (s *recordSweep) keep(ctx context.Context) {
	if s.retention == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if lasts, err := s.retention(ctx); err == nil {
		s.kept.WithLabelValues().Set(lasts.Seconds())
	} else {
		s.kept.Reset()
	}
}

// closedCases is Temporal as the recorder sees it.
type closedCases struct{ cases.Client }

// Closed implements recorder.Source.
func (c closedCases) Closed(ctx context.Context, each func(recorder.Closed) error) error {
	return c.ListClosed(ctx, func(e cases.ClosedRun) error {
		return each(recorder.Closed{Reference: strings.TrimPrefix(e.ID, workflows.ID("")), Run: e.RunID, At: e.At})
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
