package delivery

import (
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

// FuzzParseSecrets: every secret that is taken signs so that its receiver can
// verify it, and none that is not is repeated.
func FuzzParseSecrets(f *testing.F) {
	f.Add(printed)
	f.Add(printed + ",\n" + "whsec_" + strings.Repeat("QUJD", 8) + "\r\n")
	f.Add("whsec_c2hvcnQ=")
	f.Add("whsec_" + strings.Repeat("*", 32))
	f.Add(" ,\n")
	f.Fuzz(func(t *testing.T, text string) {
		var fields []string
		for _, field := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",\r\n", r) }) {
			if field = strings.TrimSpace(field); field != "" {
				fields = append(fields, field)
			}
		}
		s, err := ParseSecrets(text)
		if err != nil {
			require.Regexp(t, `^(no secret is given|secret \d+ (must be whsec_ followed by the base64 of 24 to `+
				`64 bytes|is invalid))$`, err.Error())
			return
		}
		require.NotEmpty(t, fields)
		header, body := http.Header{}, []byte(`{"a":1}`)
		require.NoError(t, s.sign(header, "evt_1", time.Now(), body))
		require.Len(t, strings.Fields(header.Get(standardwebhooks.HeaderWebhookSignature)), len(fields))
		for _, field := range fields {
			verifier, err := standardwebhooks.NewWebhook(field)
			require.NoError(t, err)
			require.NoError(t, verifier.Verify(body, header))
			require.NotContains(t, s.String(), field)
		}
	})
}

// FuzzRetryAfter: a number of seconds or an HTTP date (RFC 9110, 10.2.3), never
// a time in the past, and nothing else is a wish.
func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "120", "-5", "soon", "99999999999999", "Sun, 01 Mar 2026 09:30:00 GMT",
		"Sunday, 01-Mar-26 09:30:00 GMT", "Sun Mar  1 09:30:00 2026"} {
		f.Add(value)
	}
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		wait := retryAfter(value, now)
		require.GreaterOrEqual(t, wait, time.Duration(0))
		if wait == 0 {
			return
		}
		if at, err := http.ParseTime(value); err == nil {
			require.True(t, at.After(now))
			return
		}
		require.Regexp(t, `^[0-9]+$`, value)
		require.Zero(t, wait%time.Second)
	})
}
