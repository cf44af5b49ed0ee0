package simulator

import (
	"context"
	"sync"
	"time"
)

// schedule runs functions later, without a goroutine for each that waits, and
// can end them all.
type schedule struct {
	ctx    context.Context // ends with the stand-in
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	waiting map[*time.Timer]struct{}
	running sync.WaitGroup
}

func newSchedule() *schedule {
	ctx, cancel := context.WithCancel(context.Background())
	return &schedule{ctx: ctx, cancel: cancel, waiting: map[*time.Timer]struct{}{}}
}

// after runs do in d, unless the schedule is closed before.
func (s *schedule) after(d time.Duration, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.running.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		defer s.running.Done()
		s.mu.Lock()
		delete(s.waiting, timer)
		s.mu.Unlock()
		do()
	})
	s.waiting[timer] = struct{}{}
}

// close forgets what waits and returns when nothing runs any more.
func (s *schedule) close() {
	s.cancel()
	s.mu.Lock()
	s.closed = true
	for timer := range s.waiting {
		if timer.Stop() {
			s.running.Done()
		}
	}
	clear(s.waiting)
	s.mu.Unlock()
	s.running.Wait()
}
