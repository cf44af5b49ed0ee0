package recorder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"durablekyc.example/records/log"
	"durablekyc.example/records/timestamp"
)

// Stamp has an authority stamp the latest checkpoint, once a day (UTC) and if the log has grown since the last time. It
// reports whether it did. What failed is tried again by a later call. Any number of recorders may call it: a day has
// one time-stamp, whichever of them is first.
func (r *Recorder) Stamp(ctx context.Context, now time.Time, post timestamp.Post) (bool, error) {
	size, signed, err := r.Log.Unstamped(ctx, now)
	if err != nil || signed == nil {
		return false, err
	}
	token, err := timestamp.Ask(ctx, signed, post)
	if err != nil {
		return false, fmt.Errorf("the authority did not stamp the checkpoint of %d records: %w", size, err)
	}
	return r.Log.KeepTimestamp(ctx, size, token)
}

// stamped returns the oldest time-stamp whose checkpoint covers a leaf, and the size of that checkpoint. Nil if there
// is none.
func (r *Recorder) stamped(ctx context.Context, index int64) (size int64, token []byte, err error) {
	err = r.Bucket.List(ctx, log.TimestampPrefix, func(name string) error {
		if size = log.TimestampSize(name); size > index {
			return errFound
		}
		return nil
	})
	if !errors.Is(err, errFound) {
		return 0, nil, err
	}
	token, _, err = r.token(ctx, size)
	return size, token, err
}

// LastStamp returns the latest time-stamp and how many records it covers: 0 if there is none.
func (r *Recorder) LastStamp(ctx context.Context) (size int64, s timestamp.Stamp, err error) {
	err = r.Bucket.List(ctx, log.TimestampPrefix, func(name string) error {
		size = max(size, log.TimestampSize(name))
		return nil
	})
	if err == nil && size > 0 {
		_, s, err = r.token(ctx, size)
	}
	return size, s, err
}

// token is the time-stamp of the checkpoint of so many records, and what it says.
func (r *Recorder) token(ctx context.Context, size int64) (token []byte, s timestamp.Stamp, err error) {
	signed, err := r.Log.CheckpointOf(ctx, size)
	if err == nil {
		token, err = r.Log.Timestamp(ctx, size)
	}
	if err == nil {
		s, err = timestamp.Check(token, signed, nil)
	}
	if err != nil {
		err = fmt.Errorf("the time-stamp of the first %d records in the bucket is damaged: %w", size, err)
	}
	return token, s, err
}

var errFound = errors.New("found")
