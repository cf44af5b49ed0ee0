package edge

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter slows down clients that send too much: each of them gets a burst, and
// then one more every so often.
type Limiter struct {
	rate Rate

	mu  sync.Mutex
	all map[string]*rate.Limiter
}

// maxKeys bounds the memory of a Limiter. Whoever has been quiet for long
// enough to have a full burst again is forgotten first.
const maxKeys = 10_000

// NewLimiter lets each key do as much as the rate says.
func NewLimiter(r Rate) *Limiter {
	return &Limiter{rate: r, all: map[string]*rate.Limiter{}}
}

// Wait is how long a client must wait before its next request is taken; zero takes
// this one.
func (l *Limiter) Wait(who string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, known := l.all[who]
	if !known {
		l.evict()
		one = rate.NewLimiter(rate.Every(l.rate.Every), l.rate.Burst)
		l.all[who] = one
	}
	r := one.Reserve()
	if wait := r.Delay(); wait > 0 {
		r.Cancel()
		return wait
	}
	return 0
}

func (l *Limiter) evict() {
	if len(l.all) < maxKeys {
		return
	}
	for who, one := range l.all {
		if one.Tokens() >= float64(l.rate.Burst) {
			delete(l.all, who)
		}
	}
	if len(l.all) > maxKeys-maxKeys/10 {
		clear(l.all) // nearly everybody is busy: better too lenient than out of memory, or busy with counting
	}
}
