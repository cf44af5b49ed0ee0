package connectfi

import (
	"context"
	"encoding/json"
	"regexp"
	"sync"
	"time"
)

// tokens keeps the one token of a client. A crowd that finds it stale shares
// one request for the next, and its failure.
type tokens struct {
	mu     sync.Mutex
	token  string
	until  time.Time
	flying *flight // nil while nobody asks
}

// flight is one request for a token. It is made by the first who wants one,
// under its own context; done is closed when the rest is set.
type flight struct {
	done      chan struct{}
	token     string
	err       error
	abandoned bool // by the one who made it: no failure of ConnectFi's
}

// What is unknown of tokens (A): how long one lives if its expiry cannot be
// read, and how long before its expiry it is better renewed.
const (
	assumedLifetime = 5 * time.Minute
	renewBefore     = 30 * time.Second
)

const opToken = "/auth/get-token"

// token returns one that is not the stale one, asking for it if need be.
// Waiting for another's request ends with ctx.
func (c *Client) token(ctx context.Context, stale string) (string, error) {
	t := &c.sessions
	for {
		t.mu.Lock()
		if t.token == stale { // refused: good for nobody any more
			t.token = ""
		}
		if t.token != "" && time.Now().Before(t.until) {
			defer t.mu.Unlock()
			return t.token, nil
		}
		f := t.flying
		if f == nil {
			f = &flight{done: make(chan struct{}), abandoned: true}
			t.flying = f
			t.mu.Unlock()
			c.fetchShared(ctx, f)
			return f.token, f.err
		}
		t.mu.Unlock()
		select {
		case <-ctx.Done():
			return "", &Error{Op: opToken, cause: ctx.Err()}
		case <-f.done:
		}
		if !f.abandoned {
			return f.token, f.err
		}
	}
}

// fetchShared makes the request and lands whatever comes of it.
func (c *Client) fetchShared(ctx context.Context, f *flight) {
	t := &c.sessions
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.flying = nil
		close(f.done)
	}()
	fresh, err := c.getToken(ctx)
	f.token, f.err, f.abandoned = fresh.Token, err, err != nil && ctx.Err() != nil
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.token, t.until = fresh.Token, lifetime(fresh.ExpiresAt, time.Now())
	}
}

// getToken is POST /auth/get-token (C).
func (c *Client) getToken(ctx context.Context) (Token, error) {
	body, err := json.Marshal(TokenRequest{User: c.login})
	if err != nil {
		return Token{}, err
	}
	a, err := c.send(ctx, opToken, "", "application/json", "", body)
	if err != nil {
		return Token{}, err
	}
	return read[Token](a)
}

// tokenPattern is wider than the 66 characters base62 that were seen (C): all
// that a header can contain.
var tokenPattern = regexp.MustCompile(`^[!-~]+$`)

func (t Token) missing() string {
	if !tokenPattern.MatchString(t.Token) {
		return "a token"
	}
	return ""
}

// lifetime is until when a token is used: a little less than it lives, and at
// the least a moment, so that a clock that is off costs requests, not service.
func lifetime(expiresAt string, now time.Time) time.Time {
	at, err := time.Parse(time.RFC3339, expiresAt)
	if err != nil {
		return now.Add(assumedLifetime)
	}
	left := at.Sub(now)
	return now.Add(max(left-min(renewBefore, left/2), time.Second))
}
