// Package delivery posts signed messages to addresses that callers chose:
// signed as Standard Webhooks says (www.standardwebhooks.com), and never to
// where only this machine could go.
package delivery

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"durablekyc.example/internal/config"
)

// prefix begins every symmetric secret of Standard Webhooks.
const prefix = "whsec_"

// The bytes that Standard Webhooks wants of a secret.
const shortest, longest = 24, 64

// Secrets sign messages: all of them, so that a receiver may check against an
// old or a new one while they are rotated. The zero Secrets sign nothing.
type Secrets struct {
	// A pointer, so that fmt prints an address and no secret: see linktoken.Keys.
	signers *[]*standardwebhooks.Webhook
}

// ParseSecrets reads secrets separated by commas or line ends, newest first.
// The error says which one is wrong and does not repeat it.
func ParseSecrets(text string) (Secrets, error) {
	var signers []*standardwebhooks.Webhook
	for _, secret := range config.Fields(text) {
		encoded, found := strings.CutPrefix(secret, prefix)
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if !found || err != nil || len(raw) < shortest || len(raw) > longest {
			return Secrets{}, fmt.Errorf("secret %d must be %s followed by the base64 of %d to %d bytes", len(signers)+1, prefix,
				shortest, longest)
		}
		signer, err := standardwebhooks.NewWebhookRaw(raw)
		if err != nil {
			return Secrets{}, fmt.Errorf("secret %d is invalid", len(signers)+1)
		}
		signers = append(signers, signer)
	}
	if len(signers) == 0 {
		return Secrets{}, errors.New("no secret is given")
	}
	return Secrets{&signers}, nil
}

// NewSecret draws a secret of 256 bits, ready for ParseSecrets and for the
// receiver's library.
func NewSecret() string {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: the runtime ends the program first
	return prefix + base64.StdEncoding.EncodeToString(secret)
}

// sign sets the three headers of Standard Webhooks. The time is that of this
// attempt: a receiver refuses what is minutes old, as a replay.
func (s Secrets) sign(header http.Header, id string, at time.Time, body []byte) error {
	if s.signers == nil {
		return errors.New("no secret to sign with")
	}
	var signatures []string
	for _, signer := range *s.signers {
		signature, err := signer.Sign(id, at, body)
		if err != nil {
			return fmt.Errorf("sign: %w", err)
		}
		signatures = append(signatures, signature)
	}
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}

// String says how many secrets there are, and nothing about them.
func (s Secrets) String() string {
	if s.signers == nil {
		return "no secrets"
	}
	return fmt.Sprintf("%d secrets, not shown", len(*s.signers))
}

// Format prints String whatever the verb.
func (s Secrets) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue logs String.
func (s Secrets) LogValue() slog.Value { return slog.StringValue(s.String()) }
