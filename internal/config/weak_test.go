package config_test

import (
	"crypto/rand"
	"encoding/hex"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/linktoken"
)

func TestWeak(t *testing.T) {
	for name, test := range map[string]struct{ secret, says string }{
		"one character":                  {strings.Repeat("k", 32), "repeats one pattern"},
		"one character, a prefix":        {"whsec_" + strings.Repeat("A", 32), "repeats one pattern"},
		"two in turn":                    {strings.Repeat("ab", 16), "repeats one pattern"},
		"few":                            {"aabbccddeeaabbccddeebbddaacceebb", "repeats one pattern"},
		"the alphabet":                   {"abcdefghijklmnopqrstuvwxyz", "repeats one pattern"},
		"digits in a row":                {"12345678901234567890123456789012", "repeats one pattern"},
		"a word over and over":           {"trusttrusttrusttrust", "repeats one pattern"},
		"another alphabet":               {strings.Repeat("ü", 32), "repeats one pattern"},
		"Standard Webhooks' own vector":  {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "is a published example"},
		"of our tests":                   {"a-secret-of-more-than-32-characters-0", "is a published example"},
		"of our tests, in capitals":      {"A-Secret-Of-More-Than-32-Characters-0", "is a published example"},
		"of our tests, a token":          {"a-token-that-does-not-end", "is a published example"},
		"what people type":               {"changeme", "is a published example"},
		"a word with something around":   {"my-password-2026", "is a published example"},
		"short, and perhaps drawn":       {"aaaaaaaaaaa", ""},
		"one more, and not drawn":        {"aaaaaaaaaaaa", "repeats one pattern"},
		"six characters":                 {"abetzkaktbez", ""},
		"five":                           {"abetzaztbeza", "repeats one pattern"},
		"six steps":                      {"ABDGKPVWY\\`e", ""},
		"five steps":                     {"ABDGKPQSVZ_`", "repeats one pattern"},
		"one digit of the printed other": {"whsec_NfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if test.says == "" {
				require.Empty(t, config.Weak(test.secret))
				return
			}
			require.Contains(t, config.Weak(test.secret), test.says)
		})
	}
}

// No draw is refused, however it is written down. Of sixteen hexadecimal digits
// one draw in 28,000 has fewer than six different ones, so these have a seed.
func TestWhatIsDrawnIsStrong(t *testing.T) {
	digits := mathrand.NewChaCha8([32]byte{})
	for range 2000 {
		raw := make([]byte, 8)
		_, err := digits.Read(raw)
		require.NoError(t, err)
		for _, drawn := range []string{linktoken.NewKey(), rand.Text(), hex.EncodeToString(raw)} {
			require.Empty(t, config.Weak(drawn), drawn)
		}
	}
}

func TestStrong(t *testing.T) {
	drawn := linktoken.NewKey()
	for name, test := range map[string]struct{ list, says string }{
		"nothing": {"", ""},
		"drawn":   {drawn + "," + linktoken.NewKey() + "\n", ""},
		"the second": {drawn + ",\r\n" + strings.Repeat("k", 40),
			"KYC_X: secret 2 repeats one pattern: generate one with starter keys init"},
		"a published example": {"example",
			"KYC_X: secret 1 is a published example value: generate one with starter keys init"},
		"short": {drawn + ",hunter3",
			"KYC_X: secret 2 has 7 characters and needs at least 12: generate one with starter keys init"},
		"as short as may": {"qwfpgjluyarst"[:12], ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := config.CheckStrength("KYC_X", test.list, 12)
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.says)
		})
	}
}

func TestUnprinted(t *testing.T) {
	require.EqualError(t, config.CheckNotPublished("KYC_X", "Password"),
		"KYC_X is a published example value: generate one")
	require.Error(t, config.CheckNotPublished("KYC_X", `{"value": "GiA/8etcgVRjILhER070I8Wgar0Qo2hfyaLyhHhmNy4g5g=="}`))
	require.NoError(t, config.CheckNotPublished("KYC_X", "a-password"),
		"how good a provider's password is, is the provider's business")
	require.NoError(t, config.CheckNotPublished("KYC_X", ""))
}
