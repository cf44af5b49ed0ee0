package portal

import "sync"

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
