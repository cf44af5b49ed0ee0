package gateway

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/edge"
)

// tokenLasts is how long a login's token is good for.
const tokenLasts = time.Hour

// getToken is POST /auth/get-token (C). The token is a ticket: any instance
// takes it, and none remembers it. It is opaque to callers, and not of the 66
// characters base62 that ConnectFi's was seen with (C).
func (a *API) getToken(c *gin.Context) (any, error) {
	asked, err := decodeUpTo[connectfi.TokenRequest](a, c, maxLogin)
	if err != nil {
		return nil, err
	}
	if !a.config.Credentials.matchLogin(asked.User) {
		// Only wrong passwords count, and by address as well: nobody keeps the
		// login's owner out. The token of a caller who has to wait has still been compared, so a
		// guesser gets as many tries as the address has requests, 50 a second;
		// passwords of logins have 12 characters at least (config.CheckStrength).
		if wait := a.logins.Wait(a.edge.Address(c) + " " + asked.User.Login); wait > 0 {
			return nil, edge.TooFastError{Wait: wait}
		}
		name := asked.User.Login
		if !a.config.Credentials.hasLogin(name) {
			name = "unknown" // it may be a password in the wrong place
		}
		a.edge.LogSample("login rejected", "login", name, "from", a.edge.Address(c))
		return nil, unauthorized()
	}
	edge.SetCaller(c, "login "+asked.User.Login)
	until := time.Now().Add(tokenLasts).Truncate(time.Second)
	ticket := linktoken.Ticket{Subject: asked.User.Login, Expires: until, Nonce: rand.Text()}
	return connectfi.Token{
		Token:     a.edge.Keys.Issue(linktoken.API, ticket),
		ExpiresAt: until.UTC().Format("2006-01-02T15:04:05.000Z"),
	}, nil
}

// authenticate lets a call pass that carries a token of ours, of either kind, and not
// too often. A stranger is counted by address, a program by what it was given:
// any number of them may call from behind one address.
func (a *API) authenticate(c *gin.Context) {
	caller, ok := a.caller(c.GetHeader(connectfi.TokenHeader))
	var wait time.Duration
	if ok {
		wait = a.calls.Wait(caller)
	} else {
		wait = a.edge.AddressWait(c)
	}
	switch {
	case wait > 0:
		a.WriteError(c, edge.TooFastError{Wait: wait})
	case !ok:
		a.edge.LogSample("API call rejected: invalid token", "route", c.FullPath(), "from", a.edge.Address(c))
		a.WriteError(c, unauthorized())
	default:
		edge.SetCaller(c, caller)
		c.Next()
	}
}

// caller is whose token this is; false if it is nobody's. One of a login that is
// no longer configured is none.
func (a *API) caller(token string) (name string, ok bool) {
	if which, ok := a.config.Credentials.matchToken(token); ok {
		return fmt.Sprintf("token %d", which), true
	}
	t, err := a.edge.Keys.Redeem(linktoken.API, token, time.Now())
	return "login " + t.Subject, err == nil && a.config.Credentials.hasLogin(t.Subject)
}

// actor is who calls, as a case keeps it: by the number of a token, or the name of a
// login.
func actor(c *gin.Context) kyc.Actor {
	_, name, _ := strings.Cut(edge.Caller(c), " ")
	return kyc.APIClient(name)
}
