// Package linktoken mints and checks the tokens in callback URLs and applicants'
// links: short texts which prove that we issued the URL to its holder.
//
// A capability is an HMAC over its subject, with a key of its own for every
// purpose, so that what opens one door opens no other. It holds no secret, no
// data and no time: it says "the subject is yours", nothing else.
package linktoken

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"

	"durablekyc.example/internal/config"
)

// Callback is the purpose of the URLs that ConnectFi calls back on.
const Callback = "callback"

// version begins every capability, so that another construction can follow
// this one without the two ever being taken for each other.
const version = "v1-"

// shortest is the fewest characters a secret may have. 32 characters of
// hexadecimal have 128 bits; anything shorter was typed, not drawn at random.
const shortest = 32

// Keys are the secrets behind capabilities, newest first: the first one mints,
// all of them are accepted. The zero Keys mints nothing and refuses everything.
// Keys never print what they hold.
type Keys struct {
	// A pointer, because fmt does not ask a value hidden inside another struct
	// how it wants to be printed: it prints an address then, and no secret.
	roots *[][]byte
}

// ParseKeys reads secrets separated by commas or line ends, newest first. Each
// needs at least 32 characters, blanks around it not counted; the error says
// which one is too short and does not repeat it.
func ParseKeys(text string) (Keys, error) {
	var roots [][]byte
	for _, secret := range config.Fields(text) {
		if len(secret) < shortest {
			return Keys{}, fmt.Errorf("key %d has %d characters and needs at least %d", len(roots)+1, len(secret), shortest)
		}
		root, err := hkdf.Extract(sha256.New, []byte(secret), nil)
		if err != nil {
			return Keys{}, fmt.Errorf("invalid key: %w", err)
		}
		roots = append(roots, root)
	}
	if len(roots) == 0 {
		return Keys{}, errors.New("no keys")
	}
	return Keys{&roots}, nil
}

// NewKey draws a secret of 256 bits, ready for ParseKeys.
func NewKey() string {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: the runtime ends the program first
	return base64.RawURLEncoding.EncodeToString(secret)
}

// Mint makes the capability of a subject for a purpose: letters, digits, - and
// _ only. The zero Keys mints the empty text, which is never valid.
func (k Keys) Mint(purpose, subject string) string {
	if k.roots == nil {
		return ""
	}
	return mint((*k.roots)[0], purpose, subject)
}

// Valid reports whether the token was minted by one of the keys for exactly
// this purpose and subject. It takes as long for a wrong token as for a right
// one, and tries every key.
func (k Keys) Valid(purpose, subject, token string) bool {
	if k.roots == nil || token == "" {
		return false
	}
	valid := 0
	for _, root := range *k.roots {
		// The texts are compared, not the bytes they decode to: base64 has
		// several spellings of one value, and only ours is a capability.
		valid |= subtle.ConstantTimeCompare([]byte(mint(root, purpose, subject)), []byte(token))
	}
	return valid == 1
}

func mint(root []byte, purpose, subject string) string {
	key, err := hkdf.Expand(sha256.New, root, "durablekyc capability "+version+purpose, sha256.Size)
	if err != nil {
		return "" // not possible with this length; and the empty token is refused
	}
	return version + base64.RawURLEncoding.EncodeToString(authenticate(key, []byte(subject)))
}

func authenticate(key, message []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(message)
	return mac.Sum(nil)
}

// String says how many keys there are, and nothing about them.
func (k Keys) String() string {
	if k.roots == nil {
		return "no keys"
	}
	return fmt.Sprintf("%d keys, not shown", len(*k.roots))
}

// Format prints String whatever the verb.
func (k Keys) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue logs String.
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }
