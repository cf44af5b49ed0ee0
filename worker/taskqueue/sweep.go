package taskqueue

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"durablekyc.example/cases"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/telemetry"
)

const (
	// DefaultGrace is how long an owner's folder outlives the decision of the case.
	DefaultGrace = 24 * time.Hour
	// DefaultSweepEvery is the time between two sweeps.
	DefaultSweepEvery = time.Hour

	// orphanAge is how old an image of a running case must be to be
	// nobody's: it is stored minutes before the case learns of it, and is
	// dropped once ConnectFi has it.
	orphanAge = 48 * time.Hour
	// queryTimeout bounds every question to Temporal or to a case.
	queryTimeout = 10 * time.Second
	// asksPerSecond keeps a sweep out of the way of the cases.
	asksPerSecond = 20
)

// caseStates is whom a sweep asks; workflows.Client is one.
type caseStates interface {
	CloseState(ctx context.Context, reference string) (cases.Standing, error)
	HasPendingUploads(ctx context.Context, reference string) (bool, error)
}

// sweep removes from the document store what no case needs any more. Owners
// are references of cases. Any number of workers may sweep one bucket at once:
// all of it can be done twice, and what fails is done an interval later.
//
//	the case                      what goes
//	is approved or denied         everything, the grace after it was closed
//	was closed in another way     everything
//	is unknown to Temporal        everything, once nothing has come in for the grace
//	runs and is sending           nothing
//	runs otherwise                images older than orphanAge
//
// A folder that does not name its owner stays: without a name there is no case
// to ask, and a wrong keyset must not empty a bucket. It is counted and said.
type sweep struct {
	cases     caseStates
	documents *docstore.Store
	grace     time.Duration
	every     time.Duration
	pace      *rate.Limiter // of questions
	now       func() time.Time
	log       *slog.Logger
	removed   *prometheus.CounterVec
	passes    *prometheus.CounterVec
}

// register puts the sweep's metrics where the service's are. Two workers of
// one process count in one place.
func (s *sweep) register(registry prometheus.Registerer) (err error) {
	s.removed, err = telemetry.RegisterOrReuse(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kyc_documents_swept_total",
		Help: "Folders and images that sweeps deleted from the document store."}, []string{"what"}))
	if err != nil {
		return err
	}
	s.passes, err = telemetry.RegisterOrReuse(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kyc_document_sweeps_total",
		Help: "Sweeps of the document store by result. The next sweep retries what failed."},
		[]string{"result"}))
	if err != nil {
		return err
	}
	for _, result := range []string{"complete", "failed"} {
		s.passes.WithLabelValues(result) // a rate over a series that is not there yet misses its first event
	}
	for _, what := range []string{"owner", "image"} {
		s.removed.WithLabelValues(what)
	}
	return nil
}

// run sweeps until ctx ends, which says nothing of the sweep it ends.
func (s *sweep) run(ctx context.Context) {
	everyWithJitter(ctx, s.every, func() {
		done, err := s.pass(ctx)
		if ctx.Err() == nil {
			s.report(done, err)
		}
	})
}

// tally counts what one sweep did.
type tally struct{ owners, deleted, images, unowned, failed int }

func (s *sweep) report(t tally, err error) {
	result := "complete"
	if err != nil {
		result = "failed"
	}
	s.passes.WithLabelValues(result).Inc()
	s.removed.WithLabelValues("owner").Add(float64(t.deleted))
	s.removed.WithLabelValues("image").Add(float64(t.images))
	log := s.log.With("owners", t.owners, "deleted", t.deleted, "images", t.images)
	switch {
	case err != nil:
		log.Warn("sweep of the document store incomplete; the next one continues", "failed", t.failed, "error", err)
	case t.unowned > 0:
		log.Warn("document folders without owner record found; not removed", "unowned",
			t.unowned)
	case t.deleted > 0 || t.images > 0:
		log.Info("document store swept")
	}
}

// pass sweeps once. What fails for one owner does not keep the others from
// their turn; the first such error is the answer, in the end.
func (s *sweep) pass(ctx context.Context) (done tally, first error) {
	for owner, err := range s.documents.Owners(ctx) {
		switch {
		case errors.Is(err, docstore.ErrNoOwner):
			done.unowned++
			continue
		case err == nil:
			done.owners++
			err = s.owner(ctx, owner, &done)
		default: // the bucket does not answer: that is the end of the list
			done.failed++
		}
		if err == nil {
			continue
		}
		if first == nil {
			first = err
		}
		if errors.Is(err, errUnavailable) || ctx.Err() != nil {
			break
		}
	}
	return done, first
}

// errUnavailable ends a pass: the next request would fail the same way.
var errUnavailable = errors.New("Temporal is unavailable")

func (s *sweep) owner(ctx context.Context, owner docstore.Owner, done *tally) error {
	deleted, images, err := s.clean(ctx, owner)
	done.images += images
	switch {
	case err != nil:
		done.failed++
	case deleted:
		done.deleted++
	}
	return err
}

// clean removes what the table above says of one owner.
func (s *sweep) clean(ctx context.Context, owner docstore.Owner) (deleted bool, images int, err error) {
	if err := s.pace.Wait(ctx); err != nil {
		return false, 0, err
	}
	asking, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	now := s.now()
	standing, err := s.cases.CloseState(asking, owner.Name)
	switch {
	case errors.Is(err, cases.ErrNotFound):
		if now.Sub(owner.Newest) < s.grace {
			return false, 0, nil
		}
		// A case that starts at this moment keeps what it stores.
		return true, 0, s.documents.DeleteOlder(ctx, owner.Name, now.Add(-s.grace))
	case errors.Is(err, cases.ErrUnavailable), errors.Is(err, cases.ErrNoAnswer):
		return false, 0, errors.Join(errUnavailable, err)
	case err != nil:
		return false, 0, err
	case standing.Closed.IsZero():
		images, err = s.unclaimed(ctx, owner, now.Add(-orphanAge))
		return false, images, err
	case !standing.Undecided && now.Sub(standing.Closed) < s.grace:
		return false, 0, nil
	}
	return true, 0, s.documents.DeleteOwner(ctx, owner.Name)
}

// unclaimed drops old images and drafts of a running case. They are not distinguished by
// key: while anything of the case is on its way, all of them stay.
func (s *sweep) unclaimed(ctx context.Context, owner docstore.Owner, before time.Time) (int, error) {
	if owner.Oldest.IsZero() || !owner.Oldest.Before(before) {
		return 0, nil
	}
	asking, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	sending, err := s.cases.HasPendingUploads(asking, owner.Name)
	if err != nil || sending {
		return 0, err
	}
	return s.documents.DropOlder(ctx, owner.Name, before)
}
