package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// Faults is the dial. All of it is ours (A): it makes ConnectFi behave as any
// service does on a bad day. Probabilities are 0 to 1; zero is off.
type Faults struct {
	DropCallbacks      float64 `json:"drop_callbacks"`      // the callback is never sent
	DuplicateCallbacks float64 `json:"duplicate_callbacks"` // the callback is sent twice
	StaleCallbacks     float64 `json:"stale_callbacks"`     // it reports what was true before the change
	ForeignCallbacks   float64 `json:"foreign_callbacks"`   // it reports another application
	ErrorBefore        float64 `json:"error_before"`        // nothing is done; a 500 page, or the connection is cut
	ErrorAfter         float64 `json:"error_after"`         // the work is done and the answer lost, likewise
	ExtAkepa           float64 `json:"ext_akepa"`           // the documented back-office failure (C); nothing is done
	RateLimit          float64 `json:"rate_limit"`          // 429 with Retry-After: 1; nothing is done
	ExpireTokens       float64 `json:"expire_tokens"`       // the call's token is no longer good

	NullLists float64 `json:"null_lists"` // a list without entries is null, or is left out (A)
	LateLists float64 `json:"late_lists"` // a list does not have yet what there is (A)
	// a list refuses 50 records and more, no dates, and more than 31 days, with the documented codes (C; the limits A)
	NarrowLists float64 `json:"narrow_lists"`
	// identification refuses a reference that it knows, as documented for all modules (C; that this is one A)
	ReferenceExists float64 `json:"reference_exists"`

	DelayCallbacks Duration `json:"delay_callbacks"` // every callback leaves that much later
	Slow           Duration `json:"slow"`            // every call waits that long before anything else
}

// Duration is a time.Duration written as Go writes it: "1m30s".
type Duration time.Duration

// MarshalText writes it as Go does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it as Go does.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// Validate reports a value that is out of its range.
func (f Faults) Validate() error {
	for name, p := range map[string]float64{
		"drop_callbacks": f.DropCallbacks, "duplicate_callbacks": f.DuplicateCallbacks,
		"stale_callbacks": f.StaleCallbacks, "foreign_callbacks": f.ForeignCallbacks,
		"error_before": f.ErrorBefore, "error_after": f.ErrorAfter, "ext_akepa": f.ExtAkepa,
		"rate_limit": f.RateLimit, "expire_tokens": f.ExpireTokens,
		"null_lists": f.NullLists, "late_lists": f.LateLists, "narrow_lists": f.NarrowLists,
		"reference_exists": f.ReferenceExists,
	} {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("%s must be a probability, 0 to 1", name)
		}
	}
	if f.DelayCallbacks < 0 || f.Slow < 0 {
		return errors.New("durations must not be negative")
	}
	return nil
}

// faultInjector is the setting and the dice.
type faultInjector struct {
	mu   sync.Mutex
	set  Faults
	dice *rand.Rand
}

func newDial(seed uint64) faultInjector {
	if seed == 0 {
		seed = rand.Uint64()
	}
	return faultInjector{dice: rand.New(rand.NewPCG(seed, seed))}
}

// roll throws the dice for one fault. A fault that is off throws none, so it
// does not disturb the others' sequence.
func (d *faultInjector) roll(probability func(Faults) float64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := probability(d.set)
	return p > 0 && d.dice.Float64() < p
}

func (d *faultInjector) pick(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dice.IntN(n)
}

func (d *faultInjector) read() Faults {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.set
}

// injectBefore applies the faults that come before any work and reports whether
// the call has been answered, or cut off, by one.
func (s *Sandbox) injectBefore(w http.ResponseWriter, r *http.Request) bool {
	if slow := s.dial.read().Slow; slow > 0 && !s.pause(r.Context(), time.Duration(slow)) {
		return true
	}
	if s.dial.roll(func(f Faults) float64 { return f.RateLimit }) {
		w.Header().Set("Retry-After", "1")
		s.answer(w, nil, &refusal{http.StatusTooManyRequests, "tooManyRequests", nil, "Too many requests."})
		return true
	}
	if s.dial.roll(func(f Faults) float64 { return f.ErrorBefore }) {
		s.loseAnswer(w)
		return true
	}
	return false
}

// pause reports false if the caller or the stand-in ended first.
func (s *Sandbox) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.later.ctx.Done():
	}
	return false
}

// loseAnswer gives no usable answer: a proxy's 500 page, or the connection is
// cut, as often one as the other.
func (s *Sandbox) loseAnswer(w http.ResponseWriter) {
	if s.dial.pick(2) == 0 && cut(w) {
		return
	}
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write([]byte("<html><body><h1>500 Internal Server Error</h1></body></html>\n"))
}

func cut(w http.ResponseWriter) bool {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false // not a plain HTTP/1 connection
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // reset, no orderly end
	}
	_ = connection.Close()
	return true
}

// setFaults replaces the whole dial: what is not named is off. An unknown name
// is refused.
func (s *Sandbox) setFaults(r *http.Request) (any, error) {
	faults, err := decodeControl[Faults](r)
	if err != nil {
		return nil, err
	}
	if err := faults.Validate(); err != nil {
		return nil, badControl(err.Error())
	}
	s.dial.mu.Lock()
	defer s.dial.mu.Unlock()
	s.dial.set = faults
	return faults, nil
}

func (s *Sandbox) showFaults(*http.Request) (any, error) { return s.dial.read(), nil }
