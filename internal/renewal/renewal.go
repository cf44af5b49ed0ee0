// Package renewal keeps what is read from files up to date without a restart:
// certificates, tokens and logins that Kubernetes, cert-manager or Vault
// replace on disk.
package renewal

import (
	"log/slog"
	"sync"
	"time"
)

// Every is how old a value may be before it is read again when it is wanted.
// The files are small, so reading them costs less than watching them.
const Every = time.Second

// Value is what was read last that could be used. Get reads it again.
type Value[T any] struct {
	name string
	load func() (T, error)
	log  *slog.Logger
	now  func() time.Time

	mu      sync.Mutex
	current T
	readAt  time.Time
	problem string // of the latest read; empty if it could be used
}

// New reads a value for the first time: its error is load's. name says in the
// log what it is; log may be nil.
func New[T any](name string, load func() (T, error), log *slog.Logger) (*Value[T], error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	current, err := load()
	if err != nil {
		return nil, err
	}
	return &Value[T]{name: name, load: load, log: log, now: time.Now, current: current, readAt: time.Now()}, nil
}

// Get returns the newest value that can be used. A file that is half written,
// gone or wrong leaves the value before in force, and the log says so once.
func (v *Value[T]) Get() T {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.now().Sub(v.readAt) < Every {
		return v.current
	}
	v.readAt = v.now()
	next, err := v.load()
	if err != nil {
		if v.problem != err.Error() {
			v.problem = err.Error()
			v.log.Warn("cannot use a renewed value; the previous one stays in force", "value", v.name, "error", err)
		}
		return v.current
	}
	v.current, v.problem = next, ""
	return v.current
}
