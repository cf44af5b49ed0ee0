package connectfi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// tokens keeps the one token of a client. A crowd that finds it stale shares
// one request for the next.
type tokens struct {
	turn  chan struct{} // full while somebody asks for a token
	state struct {
		token string
		until time.Time
	}
}

// What is unknown of tokens (A): how long one lives if its expiry cannot be
// read, and how long before its expiry it is better renewed.
const (
	assumedLifetime = 5 * time.Minute
	renewBefore     = 30 * time.Second
)

// get returns a token that is not the stale one, asking for it if need be:
// POST /auth/get-token (C). Waiting for another's request ends with ctx.
func (t *tokens) get(ctx context.Context, c *Client, stale string) (string, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", &Error{Op: opToken, cause: ctx.Err()}
	}
	if t.state.token != "" && t.state.token != stale && time.Now().Before(t.state.until) {
		return t.state.token, nil
	}
	body, err := json.Marshal(TokenRequest{User: Login{Login: c.config.Login, Password: c.config.Password}})
	if err != nil {
		return "", err
	}
	answer, err := send[Token](ctx, c, opToken, opToken, "application/json", "", body)
	if err != nil {
		return "", err
	}
	if answer.Token == "" {
		return "", &Error{Op: opToken, HTTPStatus: http.StatusOK, cause: errors.New("no token in it")}
	}
	t.state.token, t.state.until = answer.Token, lifetime(answer.ExpiresAt, time.Now())
	return answer.Token, nil
}

const opToken = "/auth/get-token"

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
