package embedded

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// FullError is the error of a server whose database cannot grow.
type FullError struct {
	Place string // the directory of the database, or the PostgreSQL that has it
}

func (e *FullError) Error() string {
	return fmt.Sprintf("the disk or quota of %s is full: make room there", e.Place)
}

// WithoutRoom returns a FullError for an error that a full disk or quota of place
// causes, and any other error as it is.
func WithoutRoom(place string, err error) error {
	if place != "" && err != nil && isFull(place, err) {
		return &FullError{Place: place}
	}
	return err
}

// isFull looks for what the system, SQLite and PostgreSQL call it: Temporal passes on
// the text of a database's error alone. SQLite has no word for a quota, and not always
// one for a disk: then the folder itself is tried.
func isFull(place string, err error) bool {
	text := err.Error()
	switch {
	case noRoom(err), strings.Contains(text, "database or disk is full"), strings.Contains(text, "SQLSTATE 53100"):
		return true
	case !strings.Contains(text, "disk I/O error"):
		return false
	}
	probe, err := os.CreateTemp(place, "probe-*")
	if err == nil {
		_, err = probe.Write(make([]byte, 64<<10))
		_, _ = probe.Close(), os.Remove(probe.Name())
	}
	return noRoom(err)
}

func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// fullWatch is a logger for Temporal that drops everything but the news that its
// database is full: nothing else of Temporal says so.
type fullWatch struct {
	log.Logger
	place string
	full  chan struct{} // gets one value if there is none that waits
}

func newFullWatch(place string) fullWatch {
	return fullWatch{log.NewNoopLogger(), place, make(chan struct{}, 1)}
}

// With keeps Temporal from wrapping this logger.
func (w fullWatch) With(...tag.Tag) log.Logger { return w }

func (w fullWatch) Error(_ string, tags ...tag.Tag) {
	for _, t := range tags {
		if t.Key() != "error" || !isFull(w.place, fmt.Errorf("%v", t.Value())) {
			continue
		}
		select {
		case w.full <- struct{}{}:
		default:
		}
	}
}
