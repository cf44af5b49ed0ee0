package gateway_test

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/webhook/gateway"
)

const (
	token    = "a-token-that-does-not-end"
	login    = "backend"
	password = "a:password" // a colon of its own
)

func TestParseCredentials(t *testing.T) {
	for name, test := range map[string]struct{ tokens, logins, says string }{
		"nothing":               {"", "", ""},
		"commas and lines":      {" one-token-of-length ,\r\n two-token-of-length\n", "a:b,c:d:e\n", ""},
		"a short token":         {"one-token-of-length,hunter2", "", "token 2 must have at least 16 visible"},
		"a token with a blank":  {"one token of length", "", "token 1"},
		"a token beyond ASCII":  {"ein-lönger-schlüssel", "", "token 1"},
		"a login by itself":     {"", "a:b,hunter2", "login 2 must be login:password"},
		"a login with a hyphen": {"", "hunter-2:b", "login 1 must be login:password"},
		"no password":           {"", "hunter2:", "login 1 must be login:password"},
		"a long password":       {"", "a:" + strings.Repeat("hunter2", 8), "login 1 must be login:password"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := gateway.ParseCredentials(test.tokens, test.logins)
			if test.says == "" {
				require.NoError(t, err)
				require.Equal(t, test.tokens == "", c.None())
				return
			}
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "hunter")
		})
	}
}

func TestCredentialsDoNotPrint(t *testing.T) {
	c, err := gateway.ParseCredentials(token, login+":"+password)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("here", "credentials", c)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", c, c, c, c),
		fmt.Sprintf("%+v", gateway.Config{Credentials: c}), log.String()} {
		require.Contains(t, text, "not shown")
		require.NotContains(t, text, token)
		require.NotContains(t, text, password)
	}
}

// Time cannot be tested reliably; that secrets are compared in constant time can
// be read.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	text, err := os.ReadFile("credentials.go")
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(text), "subtle.ConstantTimeCompare("), "a token; a login and its password")
	for _, other := range []string{"== token", "token ==", "bytes.Equal", "slices.Contains(", "== password",
		"password =="} {
		require.NotContains(t, string(text), other)
	}
}

// FuzzParseCredentials: no text that is refused is repeated, and none that is
// taken is shown.
func FuzzParseCredentials(f *testing.F) {
	f.Add(token, login+":"+password)
	f.Add(token+",\nanother-token-that-does-not-end", "a:b\r\nc:d")
	f.Add("short", "no colon")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, tokens, logins string) {
		c, err := gateway.ParseCredentials(tokens, logins)
		if err != nil {
			require.Regexp(t, `^(token \d+ must have at least 16 visible ASCII characters|login \d+ must be `+
				`login:password, `+
				`the login of 1 to 36 letters, digits or underscores, the password of 1 to 50 characters)$`, err.Error())
			require.True(t, c.None())
			return
		}
		require.Regexp(t, `^(no credentials|\d+ tokens and \d+ logins, not shown)$`, c.String())
	})
}
