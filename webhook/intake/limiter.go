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

// maxKeys bounds the memory of a limiter. Whoever has been quiet for long
// enough to have a full burst again is forgotten first.
const maxKeys = 10_000

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
		l.evict()
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

func (l *limiter) evict() {
	if len(l.all) < maxKeys {
		return
	}
	for who, one := range l.all {
		if one.Tokens() >= float64(l.burst) {
			delete(l.all, who)
		}
	}
	if len(l.all) > maxKeys-maxKeys/10 {
		clear(l.all) // nearly everybody is busy: better too lenient than out of memory, or busy with counting
	}
}

// concurrencyPerKey counts who is at something just now, so that nobody takes up all the room.
type concurrencyPerKey struct {
	most int

	mu  sync.Mutex
	all map[string]int
}

// enter lets somebody in who is not in too often; leave must be called then.
func (c *concurrencyPerKey) enter(who string) (leave func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all[who] >= c.most {
		return nil, false
	}
	c.all[who]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.all[who]--; c.all[who] == 0 {
			delete(c.all, who)
		}
	}, true
}
