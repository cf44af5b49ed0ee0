package edge

import (
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Of each kind of refusal the log has so many lines at once, and then one every
// so often that says how many were left out. All of them are in the metrics.
const (
	sampleBurst = 10
	sampleEvery = 10 * time.Second
)

// sampler bounds what refused requests write to the log: a client that is refused
// could otherwise fill a disk. Its kinds are routes, statuses and texts of ours,
// so there are few.
type sampler struct {
	mu    sync.Mutex
	kinds map[string]*sampled
}

type sampled struct {
	rate    *rate.Limiter
	leftOut int
}

// take reports whether a line of this kind may be written, and how many were
// left out since the last one.
func (s *sampler) take(kind string) (leftOut int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, known := s.kinds[kind]
	if !known {
		one = &sampled{rate: rate.NewLimiter(rate.Every(sampleEvery), sampleBurst)}
		s.kinds[kind] = one
	}
	if !one.rate.Allow() {
		one.leftOut++
		return 0, false
	}
	leftOut, one.leftOut = one.leftOut, 0
	return leftOut, true
}

// logRequest writes the line of a request: of each that was served, and of a
// sample of those that were refused.
func (e *Edge) logRequest(route string, status int, line []any) {
	if status >= 400 {
		leftOut, ok := e.samples.take(route + " " + strconv.Itoa(status))
		if !ok {
			return
		}
		if leftOut > 0 {
			line = append(line, "left_out", leftOut)
		}
	}
	e.Logger.Info("request", line...)
}

// LogSample writes a warning about a refused request, or leaves it out where
// there were many such.
func (e *Edge) LogSample(text string, about ...any) {
	leftOut, ok := e.samples.take(text)
	if !ok {
		return
	}
	if leftOut > 0 {
		about = append(about, "left_out", leftOut)
	}
	e.Logger.Warn(text, about...)
}
