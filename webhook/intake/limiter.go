package intake

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter slows down whoever sends too much: each of them gets a burst, and
// then one more every so often.
type limiter struct {
	every time.Duration
	burst int

	mu  sync.Mutex
	all map[string]*rate.Limiter
}

// mostLimited bounds the memory of a limiter. Whoever has been quiet for long
// enough to have a full burst again is forgotten first.
const mostLimited = 10_000

func newLimiter(every time.Duration, burst int) *limiter {
	return &limiter{every: every, burst: burst, all: map[string]*rate.Limiter{}}
}

// wait is how long somebody must wait before the next one is taken; zero takes
// this one.
func (l *limiter) wait(who string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, known := l.all[who]
	if !known {
		l.makeRoom()
		one = rate.NewLimiter(rate.Every(l.every), l.burst)
		l.all[who] = one
	}
	r := one.Reserve()
	if wait := r.Delay(); wait > 0 {
		r.Cancel()
		return wait
	}
	return 0
}

func (l *limiter) makeRoom() {
	if len(l.all) < mostLimited {
		return
	}
	for who, one := range l.all {
		if one.Tokens() >= float64(l.burst) {
			delete(l.all, who)
		}
	}
	if len(l.all) >= mostLimited {
		clear(l.all) // everybody is busy: better too lenient than out of memory
	}
}
