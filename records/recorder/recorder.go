// Package recorder writes one record for each closed case: its bundle into a bucket, and its leaf into the log.
//
//	record/REF/RUN.kyc    the bundle of the case that the run RUN closed; written once
//	log/…                 see package log
//
// It may be killed anywhere, and any number of recorders may run at the same time: a case that has a leaf is on record,
// and for every other one the work is done again, with the bundle that is there.
package recorder

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"durablekyc.example/records/bundle"
	"durablekyc.example/records/log"
	"durablekyc.example/records/store"
)

// Closed names a case that is closed.
type Closed struct {
	Reference string
	Run       string // the id of the run that closed it
	At        time.Time
}

// Source is where closed cases come from.
type Source interface {
	// Closed calls each with every closed case, and ends with its first error.
	Closed(ctx context.Context, each func(Closed) error) error
	// Runs returns the runs of a closed case that Temporal still has, as it has them. ErrOpen if the case went on, or
	// its notifier has not ended yet.
	Runs(ctx context.Context, c Closed) (Runs, error)
}

// Bucket is where records are; package store has one. Create fails with store.ErrExists where an object is there
// already, and Read with store.ErrNotFound where none is.
type Bucket interface {
	Create(ctx context.Context, name string, data []byte) error
	Read(ctx context.Context, name string) ([]byte, error)
	List(ctx context.Context, prefix string, each func(name string) error) error
}

// Recorder writes records.
type Recorder struct {
	Maker
	Source Source
	Bucket Bucket
	Log    *log.Log

	known map[string]bool // records that the last sweep found or wrote
}

// ErrNoRecord means that no record has this reference.
var ErrNoRecord = errors.New("no record has this reference")

// ErrOpen means that a case is not final yet.
var ErrOpen = errors.New("the case or its notifier is still open")

// Swept says what a sweep did.
type Swept struct {
	Closed   int // cases that are closed
	Recorded int // of these, how many this sweep has put on record
	Open     int // of these, how many are not final yet: a later sweep puts them on record
	Failed   int // of these, how many could not be put on record

	Missing  time.Time // when the oldest case was closed that is not on record now; zero if every one is
	Complete bool      // every closed case was looked at
}

// Sweep puts every closed case on record that is not, and has a checkpoint signed for them. A case that cannot be put
// on record does not keep the others from it: the error joins one for each. One sweep at a time: what it found on
// record, the next one does not ask the bucket for.
func (r *Recorder) Sweep(ctx context.Context) (s Swept, err error) {
	var failed []error
	known := map[string]bool{}
	err = r.Source.Closed(ctx, func(c Closed) error {
		s.Closed++
		name := Name(c.Reference, c.Run)
		found, err := r.known[name], error(nil)
		if !found {
			_, found, err = r.Log.Index(ctx, name)
		}
		if err == nil && !found {
			if err = r.Record(ctx, c); err == nil {
				s.Recorded++
			}
		}
		switch {
		case err == nil:
			known[name] = true
		case errors.Is(err, ErrOpen):
			s.Open++
		case err != nil:
			s.Failed++
			failed = append(failed, fmt.Errorf("cannot put case %s on record: %w", c.Reference, err))
		}
		if err != nil && (s.Missing.IsZero() || c.At.Before(s.Missing)) {
			s.Missing = c.At
		}
		return ctx.Err()
	})
	s.Complete = err == nil
	r.known = known
	_, unsigned := r.Log.Checkpoint(ctx)
	return s, errors.Join(append(failed, err, unsigned)...)
}

// Record puts one closed case on record. It may be repeated: a case has one bundle and one leaf.
func (r *Recorder) Record(ctx context.Context, c Closed) error {
	object := objectName(Name(c.Reference, c.Run))
	data, err := r.Bucket.Read(ctx, object)
	if errors.Is(err, store.ErrNotFound) {
		data, err = r.write(ctx, c, object)
	}
	if err != nil {
		return err
	}
	b, err := bundle.Read(data, nil)
	if err != nil {
		return fmt.Errorf("the existing record is damaged: %w", err)
	}
	_, err = r.Log.Append(ctx, b.Manifest.Record, tlog.RecordHash(b.ManifestBytes()))
	return err
}

// write makes the bundle of a case and returns the one that is in the bucket then: another recorder may be faster.
func (r *Recorder) write(ctx context.Context, c Closed, object string) ([]byte, error) {
	runs, err := r.Source.Runs(ctx, c)
	if err != nil {
		return nil, err
	}
	b, err := r.Make(ctx, c.Reference, runs)
	if err != nil {
		return nil, err
	}
	if b.Manifest.Record != Name(c.Reference, c.Run) {
		return nil, fmt.Errorf("another run has closed the case since: %s", b.Manifest.Record)
	}
	if err = r.Bucket.Create(ctx, object, b.Encode()); err != nil && !errors.Is(err, store.ErrExists) {
		return nil, err
	}
	return r.Bucket.Read(ctx, object)
}

// Records returns the names of the records that a reference has, in alphabetical order. A case that an operator reset
// after its end has one for each end.
func (r *Recorder) Records(ctx context.Context, reference string) (names []string, err error) {
	err = r.Bucket.List(ctx, objectPrefix+reference+"/", func(object string) error {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(object, objectPrefix), objectSuffix))
		return nil
	})
	if err == nil && len(names) == 0 {
		err = ErrNoRecord
	}
	return names, err
}

// Evidence returns the bundle of a record as it is handed out: with the key of this record, and with the proof that
// the log has it. The proof is by the oldest checkpoint that has a time-stamp, which is in the bundle, too. Where no
// such one covers the record yet, it is by the latest checkpoint, without a time-stamp.
func (r *Recorder) Evidence(ctx context.Context, record string) (*bundle.Bundle, error) {
	b, err := r.Stored(ctx, record)
	if err != nil {
		return nil, err
	}
	index, found, err := r.Log.Index(ctx, record)
	if err == nil && !found {
		err = errors.New("the record is not in the log yet; the recorder adds it")
	}
	if err != nil {
		return nil, err
	}
	size, token, err := r.stamped(ctx, index)
	if err != nil {
		return nil, err
	}
	var proof []byte
	if extra := bundle.ProofExtra(b.ManifestBytes(), token); token == nil {
		proof, err = r.Log.Prove(ctx, index, extra)
	} else {
		proof, err = r.Log.ProveBy(ctx, index, size, extra)
	}
	if err != nil {
		return nil, err
	}
	return r.evidence(b, proof, token)
}

// Stored returns the bundle of a record as the bucket has it. ErrNoRecord if there is none, and a *bundle.PartError if
// it is damaged.
func (r *Recorder) Stored(ctx context.Context, record string) (*bundle.Bundle, error) {
	data, err := r.Bucket.Read(ctx, objectName(record))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNoRecord
	}
	if err != nil {
		return nil, err
	}
	return bundle.Read(data, nil)
}

// Unlock returns the parts of a bundle of the bucket in plaintext.
func (r *Recorder) Unlock(b *bundle.Bundle) (map[string][]byte, error) {
	opened, err := r.evidence(b, nil, nil)
	if err != nil {
		return nil, err
	}
	return opened.Open()
}

func (r *Recorder) evidence(b *bundle.Bundle, proof, token []byte) (*bundle.Bundle, error) {
	unwrap := func(wrapped []byte) ([]byte, error) { return r.Unwrap(b.Manifest.Reference, wrapped) }
	return b.Evidence(unwrap, proof, token)
}

const (
	objectPrefix = "record/"
	objectSuffix = ".kyc"
)

func objectName(record string) string { return objectPrefix + record + objectSuffix }
