package taskqueue

import (
	"context"
	"math/rand/v2"
	"time"
)

// everyWithJitter does something until ctx ends: soon at first, then at every
// interval, each time a little earlier or later than other workers.
func everyWithJitter(ctx context.Context, every time.Duration, do func()) {
	next := rand.N(every/60 + 1)
	for {
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		do()
		next = every - every/10 + rand.N(every/5+1)
	}
}
