package log

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"durablekyc.example/records/store"
)

// TimestampPrefix begins the names of all time-stamps. Their alphabetical order is that of their checkpoints.
const TimestampPrefix = "log/timestamps/"

func timestampName(size int64) string { return fmt.Sprintf("%s%020d", TimestampPrefix, size) }

// TimestampSize is how many leaves the checkpoint has that a time-stamp is of, by the name of the time-stamp; 0 for the
// name of anything else.
func TimestampSize(name string) int64 {
	size, err := strconv.ParseInt(strings.TrimPrefix(name, TimestampPrefix), 10, 64)
	if err != nil || size < 1 || timestampName(size) != name {
		return 0
	}
	return size
}

// Timestamp returns the time-stamp of the checkpoint of the first size leaves, as it was kept.
func (l *Log) Timestamp(ctx context.Context, size int64) ([]byte, error) {
	return l.store.Read(ctx, timestampName(size))
}

// KeepTimestamp keeps a time-stamp of the checkpoint of the first size leaves, unless there is one.
func (l *Log) KeepTimestamp(ctx context.Context, size int64, token []byte) (kept bool, err error) {
	err = l.store.Create(ctx, timestampName(size), token)
	if errors.Is(err, store.ErrExists) {
		return false, nil
	}
	return err == nil, err
}

// Unstamped returns the checkpoint that the time-stamp of this day (UTC) is of, as long as it has none. Nil if it has,
// or if the log has not grown since the last one.
func (l *Log) Unstamped(ctx context.Context, now time.Time) (size int64, signed []byte, err error) {
	if size, err = l.claimDay(ctx, now.UTC().Format(time.DateOnly)); err != nil || size == 0 {
		return 0, nil, err
	}
	if stamped, err := l.store.Exists(ctx, timestampName(size)); err != nil || stamped {
		return 0, nil, err
	}
	signed, err = l.CheckpointOf(ctx, size)
	return size, signed, err
}

// claimDay returns the size of the checkpoint that the time-stamp of a day is of: that of the latest checkpoint when it
// was called first on this day, so that all writers have the same one stamped. 0 if that has a time-stamp of another
// day, or if there is none.
func (l *Log) claimDay(ctx context.Context, day string) (int64, error) {
	claim := "log/stamping/" + day
	data, err := l.store.Read(ctx, claim)
	if !errors.Is(err, store.ErrNotFound) {
		if err != nil {
			return 0, err
		}
		return parseIndex(data)
	}
	latest, _, err := l.latest(ctx)
	if err != nil || latest.N == 0 {
		return 0, err
	}
	if stamped, err := l.store.Exists(ctx, timestampName(latest.N)); err != nil || stamped {
		return 0, err
	}
	err = l.store.Create(ctx, claim, fmt.Appendf(nil, "%d\n", latest.N))
	if err != nil && !errors.Is(err, store.ErrExists) {
		return 0, err
	}
	if data, err = l.store.Read(ctx, claim); err != nil {
		return 0, err
	}
	return parseIndex(data)
}
