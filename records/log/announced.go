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

// announcedName is the object that says which checkpoint receivers were sent last, and when. It is a help: without it
// one is sent again.
const announcedName = "log/announced"

// Announced returns how many leaves the checkpoint had that receivers were sent last, and when. Zero if none was sent.
func (l *Log) Announced(ctx context.Context) (size int64, at time.Time, err error) {
	data, err := l.store.Read(ctx, announcedName)
	if errors.Is(err, store.ErrNotFound) {
		return 0, at, nil
	}
	if err != nil {
		return 0, at, err
	}
	first, second, _ := strings.Cut(strings.TrimSuffix(string(data), "\n"), " ")
	if size, err = strconv.ParseInt(first, 10, 64); err == nil {
		at, err = time.Parse(time.RFC3339, second)
	}
	if err != nil {
		return 0, at, errors.New(announcedName + " of the bucket is damaged: delete it, and it is made again")
	}
	return size, at, nil
}

// SetAnnounced keeps what Announced returns.
func (l *Log) SetAnnounced(ctx context.Context, size int64, at time.Time) error {
	return l.store.Replace(ctx, announcedName, fmt.Appendf(nil, "%d %s\n", size, at.UTC().Format(time.RFC3339)))
}
