package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/config"
	"durablekyc.example/internal/renewal"
)

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
	for i, token := range config.Fields(tokens) {
		if len(token) < minToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return Credentials{}, fmt.Errorf("token %d must have at least %d visible ASCII characters",
				i+1, minToken)
		}
		held.tokens = append(held.tokens, sha256.Sum256([]byte(token)))
	}
	for i, pair := range config.Fields(logins) {
		name, password, ok := strings.Cut(pair, ":")
		asked := connectfi.TokenRequest{User: connectfi.Login{Login: name, Password: password}}
		if !ok || len(asked.Validate()) > 0 {
			return Credentials{}, fmt.Errorf("login %d must be login:password, the login of 1 to 36 letters, "+
				"digits or underscores, the password of 1 to 50 characters", i+1)
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
			err = errors.New("none are left")
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
