package simulator

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"

	"durablekyc.example/connectfi"
)

// tokens remembers which are good until when.
type tokens struct {
	mu    sync.Mutex
	valid map[string]time.Time
}

func (t *tokens) issue(now, until time.Time) string {
	token := newToken()
	t.mu.Lock()
	defer t.mu.Unlock()
	for old, end := range t.valid {
		if !now.Before(end) {
			delete(t.valid, old)
		}
	}
	t.valid[token] = until
	return token
}

func (t *tokens) isValid(token string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	end, known := t.valid[token]
	return known && now.Before(end)
}

func (t *tokens) revoke(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.valid, token)
}

// newToken has the printed form: 66 characters of base62 (C).
func newToken() string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	token := make([]byte, 0, 66)
	for random := make([]byte, 96); len(token) < 66; {
		_, _ = rand.Read(random) // never fails
		for _, b := range random {
			if b < 248 && len(token) < 66 { // 4 × 62: no digit is likelier than another
				token = append(token, digits[b%62])
			}
		}
	}
	return string(token)
}

// getToken is POST /auth/get-token (C). What a wrong password answers is
// assumed to be what a wrong token answers (A).
func (s *Sandbox) getToken(r *http.Request) (any, error) {
	asked, err := decode[connectfi.TokenRequest](r)
	if err != nil {
		return nil, err
	}
	if s.config.Login != "" {
		login := subtle.ConstantTimeCompare([]byte(asked.User.Login), []byte(s.config.Login))
		password := subtle.ConstantTimeCompare([]byte(asked.User.Password), []byte(s.config.Password))
		if login&password != 1 {
			return nil, unauthorized()
		}
	}
	now := s.config.Clock()
	until := now.Add(s.config.TokenLifetime)
	return connectfi.Token{
		Token:     s.tokens.issue(now, until),
		ExpiresAt: until.UTC().Format("2006-01-02T15:04:05.000Z"),
	}, nil
}
