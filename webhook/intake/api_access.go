package intake

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/renewal"
)

// tokenLasts is how long a login's token is good for.
const tokenLasts = time.Hour

// minToken is the fewest characters of a token that does not end.
const minToken = 16

// Credentials are who may call the API: tokens that do not end, and logins that
// are exchanged for one that does. The zero Credentials let nobody in. They
// never print what they hold.
type Credentials struct {
	current func() *credentials // nil for none
}

// credentials are kept as hashes, so that comparing takes as long whatever the
// length of what is held.
type credentials struct {
	tokens [][sha256.Size]byte
	logins []login
}

type login struct {
	name           string
	user, password [sha256.Size]byte
}

// ParseCredentials reads tokens, and logins written login:password, each
// separated by commas or line ends. No error repeats any of them.
func ParseCredentials(tokens, logins string) (Credentials, error) {
	var held credentials
	for i, token := range fields(tokens) {
		if len(token) < minToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return Credentials{}, fmt.Errorf("token %d needs at least %d characters, and only such as a header takes", i+1, minToken)
		}
		held.tokens = append(held.tokens, sha256.Sum256([]byte(token)))
	}
	for i, pair := range fields(logins) {
		name, password, ok := strings.Cut(pair, ":")
		asked := connectfi.TokenRequest{User: connectfi.Login{Login: name, Password: password}}
		if !ok || len(asked.Validate()) > 0 {
			return Credentials{}, fmt.Errorf("login %d must be login:password, the login of 1 to 36 letters, digits or underscores, "+
				"the password of 1 to 50 characters", i+1)
		}
		held.logins = append(held.logins, login{name, sha256.Sum256([]byte(name)), sha256.Sum256([]byte(password))})
	}
	if len(held.tokens)+len(held.logins) == 0 {
		return Credentials{}, nil
	}
	return Credentials{func() *credentials { return &held }}, nil
}

// RenewCredentials returns what load does, which is called again when a call
// comes: credentials that are renewed on disk are taken without a restart, and
// what cannot be used leaves those before in force. That nobody may call is
// settled by the first ones alone.
func RenewCredentials(load func() (Credentials, error), log *slog.Logger) (Credentials, error) {
	first, err := load()
	if err != nil || first.None() {
		return Credentials{}, err
	}
	held, err := renewal.New("the tokens and logins of the API", func() (*credentials, error) {
		next, err := load()
		if err == nil && next.None() {
			err = errors.New("there are none any more")
		}
		if err != nil {
			return nil, err
		}
		return next.current(), nil
	}, log)
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{held.Get}, nil
}

func fields(text string) (all []string) {
	for field := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if field = strings.TrimSpace(field); field != "" {
			all = append(all, field)
		}
	}
	return all
}

// None reports whether nobody may call.
func (c Credentials) None() bool { return c.current == nil }

// String says how many there are, and nothing about them.
func (c Credentials) String() string {
	if c.None() {
		return "no credentials"
	}
	held := c.current()
	return fmt.Sprintf("%d tokens and %d logins, not shown", len(held.tokens), len(held.logins))
}

// Format prints String whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue logs String.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// matchToken reports whether the token is one of them, and which. It tries every one.
func (c Credentials) matchToken(token string) (which int, found bool) {
	sum := sha256.Sum256([]byte(token))
	for i, one := range c.current().tokens {
		if subtle.ConstantTimeCompare(one[:], sum[:]) == 1 {
			which, found = i+1, true
		}
	}
	return which, found
}

// matchLogin reports whether this login has this password. It tries every one.
func (c Credentials) matchLogin(asked connectfi.Login) bool {
	user, password := sha256.Sum256([]byte(asked.Login)), sha256.Sum256([]byte(asked.Password))
	found := 0
	for _, one := range c.current().logins {
		found |= subtle.ConstantTimeCompare(one.user[:], user[:]) & subtle.ConstantTimeCompare(one.password[:], password[:])
	}
	return found == 1
}

// hasLogin reports whether there is such a login still.
func (c Credentials) hasLogin(name string) bool {
	for _, one := range c.current().logins {
		if one.name == name {
			return true
		}
	}
	return false
}

// getToken is POST /auth/get-token (C). The token is a ticket: any instance
// takes it, and none remembers it. It is opaque to callers, and not of the 66
// characters base62 that ConnectFi's was seen with (C).
func (a *api) getToken(c *gin.Context) (any, error) {
	asked, err := decodeUpTo[connectfi.TokenRequest](a, c, maxLogin)
	if err != nil {
		return nil, err
	}
	if !a.Credentials.matchLogin(asked.User) {
		// Only wrong passwords count, and by address as well: nobody keeps the
		// login's owner out. Whoever is told to wait has still been compared, so a
		// guesser gets as many tries as the address has requests, 50 a second;
		// passwords of logins have 12 characters at least (seal.Strong).
		if wait := a.logins.wait(a.address(c) + " " + asked.User.Login); wait > 0 {
			return nil, tooFast{wait}
		}
		name := asked.User.Login
		if !a.Credentials.hasLogin(name) {
			name = "unknown" // it may be a password in the wrong place
		}
		a.logSample("a login was refused", "login", name, "from", a.address(c))
		return nil, unauthorized()
	}
	c.Set(callerKey, "login "+asked.User.Login)
	until := time.Now().Add(tokenLasts).Truncate(time.Second)
	return connectfi.Token{
		Token:     a.config.Keys.Issue(linktoken.API, linktoken.Ticket{Subject: asked.User.Login, Expires: until, Nonce: rand.Text()}),
		ExpiresAt: until.UTC().Format("2006-01-02T15:04:05.000Z"),
	}, nil
}

// authenticate lets a call pass that carries a token of ours, of either kind, and not
// too often. A stranger is counted by address, a program by what it was given:
// any number of them may call from behind one address.
func (a *api) authenticate(c *gin.Context) {
	caller, ok := a.caller(c.GetHeader(connectfi.TokenHeader))
	counted, l := caller, a.calls
	if !ok {
		counted, l = a.address(c), a.addresses
	}
	switch wait := l.wait(counted); {
	case wait > 0:
		a.refuse(c, tooFast{wait})
	case !ok:
		a.logSample("a call without a token of ours was refused", "route", c.FullPath(), "from", a.address(c))
		a.refuse(c, unauthorized())
	default:
		c.Set(callerKey, caller)
		c.Next()
	}
}

// caller is whose token this is; false if it is nobody's. One of a login that is
// no longer configured is none.
func (a *api) caller(token string) (name string, ok bool) {
	if which, ok := a.Credentials.matchToken(token); ok {
		return fmt.Sprintf("token %d", which), true
	}
	t, err := a.config.Keys.Redeem(linktoken.API, token, time.Now())
	return "login " + t.Subject, err == nil && a.Credentials.hasLogin(t.Subject)
}
