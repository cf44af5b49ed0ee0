package linktoken_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"durablekyc.example/internal/linktoken"
)

const (
	older = "an-older-secret-of-more-than-32-characters"
	newer = "a-newer-secret-of-more-than-32-characters"
)

func keys(t testing.TB, text string) linktoken.Keys {
	t.Helper()
	k, err := linktoken.ParseKeys(text)
	require.NoError(t, err)
	return k
}

func TestParseKeys(t *testing.T) {
	for name, test := range map[string]struct{ text, refused string }{
		"one":                   {text: newer},
		"two by comma":          {text: newer + "," + older},
		"two by line":           {text: newer + "\n" + older + "\r\n"},
		"blanks around":         {text: "  " + newer + "  ,\n\n"},
		"exactly 32":            {text: strings.Repeat("k", 32)},
		"drawn":                 {text: linktoken.NewKey()},
		"nothing":               {text: "", refused: "no keys"},
		"only separators":       {text: " ,\n, ", refused: "no keys"},
		"31":                    {text: strings.Repeat("k", 31), refused: "key 1 has 31 characters"},
		"31 and a blank":        {text: strings.Repeat("k", 31) + " ", refused: "key 1 has 31 characters"},
		"a weak one in the row": {text: newer + ",hunter2", refused: "key 2 has 7 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := linktoken.ParseKeys(test.text)
			if test.refused == "" {
				require.NoError(t, err)
				require.True(t, k.Valid(linktoken.Callback, "A1", k.Mint(linktoken.Callback, "A1")))
				return
			}
			require.ErrorContains(t, err, test.refused)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "kkkk")
			require.False(t, k.Valid(linktoken.Callback, "A1", k.Mint(linktoken.Callback, "A1")))
		})
	}
}

// Capabilities live in URLs that ConnectFi keeps for months: whoever changes
// how one is made has to raise the version and go on accepting this.
func TestTheFormIsPinned(t *testing.T) {
	token := keys(t, newer).Mint(linktoken.Callback, "extRefApp100")
	require.Equal(t, "v1-X6uoqTdY7Xxw0QqF4itmbeuKcRK-glfqQkl5xb4RkYE", token)
	require.Regexp(t, `^[0-9A-Za-z_-]{40,60}$`, token)
}

func TestRotation(t *testing.T) {
	before, both, after := keys(t, older), keys(t, newer+","+older), keys(t, newer)
	minted := before.Mint(linktoken.Callback, "A1")
	require.True(t, both.Valid(linktoken.Callback, "A1", minted), "an old key is still accepted")
	require.False(t, after.Valid(linktoken.Callback, "A1", minted), "a key taken away is not")
	require.Equal(t, after.Mint(linktoken.Callback, "A1"), both.Mint(linktoken.Callback, "A1"), "the newest mints")
}

func TestZeroKeysRefuseEverything(t *testing.T) {
	var none linktoken.Keys
	require.Empty(t, none.Mint(linktoken.Callback, "A1"))
	for _, token := range []string{"", "v1-", keys(t, newer).Mint(linktoken.Callback, "A1")} {
		require.False(t, none.Valid(linktoken.Callback, "A1", token))
	}
	require.False(t, keys(t, newer).Valid(linktoken.Callback, "A1", ""))
}

func TestOnlyTheVeryTokenIsValid(t *testing.T) {
	k := keys(t, newer+","+older)
	rapid.Check(t, func(t *rapid.T) {
		purpose := rapid.StringN(1, 20, -1).Draw(t, "purpose")
		subject := rapid.String().Draw(t, "subject")
		token := k.Mint(purpose, subject)
		require.True(t, k.Valid(purpose, subject, token))

		flipped := []byte(token)
		flipped[rapid.IntRange(0, len(token)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		require.False(t, k.Valid(purpose, subject, string(flipped)))

		cut := rapid.IntRange(0, len(token)-1).Draw(t, "cut")
		require.False(t, k.Valid(purpose, subject, token[:cut]))
		require.False(t, k.Valid(purpose, subject, token+"A"))

		otherPurpose := rapid.String().Filter(func(s string) bool { return s != purpose }).Draw(t, "other purpose")
		otherSubject := rapid.String().Filter(func(s string) bool { return s != subject }).Draw(t, "other subject")
		require.False(t, k.Valid(otherPurpose, subject, token))
		require.False(t, k.Valid(purpose, otherSubject, token))
		if subject != "" {
			require.False(t, k.Valid(purpose+subject, "", token), "what is purpose and what is subject is told apart")
		}
	})
}

func TestKeysNeverPrint(t *testing.T) {
	k := keys(t, newer+","+older)
	hidden := struct{ keys linktoken.Keys }{k}
	shown := struct{ Keys linktoken.Keys }{k}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb+" "+verb+"\n", k, &k, hidden, shown)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "keys", k, "shown", shown)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "keys", k, "shown", shown)
	encoded, err := json.Marshal(shown)
	require.NoError(t, err)
	out.Write(encoded)
	printed := out.String()
	require.Contains(t, printed, "2 keys, not shown")
	for _, secret := range []string{newer, older} {
		require.NotContains(t, printed, secret)
		require.NotContains(t, printed, fmt.Sprintf("%x", secret))
		require.NotContains(t, printed, fmt.Sprintf("%d", secret[0])+" "+fmt.Sprintf("%d", secret[1]))
	}
	require.Less(t, len(printed), 4000, "no bytes of roots either")
}

func TestNewKeysDiffer(t *testing.T) {
	one, other := linktoken.NewKey(), linktoken.NewKey()
	require.NotEqual(t, one, other)
	require.GreaterOrEqual(t, len(linktoken.NewKey()), 32)
}

func ExampleKeys() {
	k, err := linktoken.ParseKeys("the-newest-secret-of-this-deployment, the-one-used-until-last-month-000")
	if err != nil {
		fmt.Println(err)
		return
	}
	token := k.Mint(linktoken.Callback, "extRefApp100")
	fmt.Println(k.Valid(linktoken.Callback, "extRefApp100", token), k.Valid(linktoken.Callback, "extRefApp101", token), k)
	// Output: true false 2 keys, not shown
}
