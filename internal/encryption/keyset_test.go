package encryption_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"

	"durablekyc.example/internal/encryption"
)

// drawn is a new keyset and its text.
func drawn(t testing.TB) (encryption.Keyset, string) {
	t.Helper()
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	k, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	return k, text
}

// keysetOf is the text of a keyset with keys of other kinds.
func keysetOf(t *testing.T, templates ...*tinkpb.KeyTemplate) string {
	t.Helper()
	manager := keyset.NewManager()
	for _, template := range templates {
		id, err := manager.Add(template)
		require.NoError(t, err)
		require.NoError(t, manager.SetPrimary(id))
	}
	handle, err := manager.Handle()
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)))
	return text.String()
}

func TestParseKeyset(t *testing.T) {
	_, good := drawn(t)
	rotated, err := encryption.RotateKeyset(good)
	require.NoError(t, err)
	change := func(from, to string) string {
		changed := strings.Replace(good, from, to, 1)
		require.NotEqual(t, good, changed)
		return changed
	}
	for name, test := range map[string]struct{ text, refused string }{
		"drawn":                   {text: good},
		"rotated":                 {text: rotated},
		"a line end, as in files": {text: good + "\n"},
		"several lines":           {text: strings.ReplaceAll(good, ",", ",\n")},
		"made by Tink":            {text: keysetOf(t, aead.AES256GCMKeyTemplate())},
		"without prefix":          {text: keysetOf(t, aead.AES256GCMNoPrefixKeyTemplate())},

		"nothing": {text: "", refused: "not a cleartext Tink JSON keyset"},
		"a password": {text: "hunter2-hunter2-hunter2-hunter2-hunter2", refused: "not a cleartext Tink JSON " +
			"keyset"},
		"other JSON":           {text: `{"hunter2":"hunter2"}`, refused: "not a cleartext Tink JSON keyset"},
		"no keys":              {text: `{"primaryKeyId":1,"key":[]}`, refused: "not a cleartext Tink JSON keyset"},
		"two keysets":          {text: good + good, refused: "not a cleartext Tink JSON keyset"},
		"cut":                  {text: good[:len(good)-1], refused: "not a cleartext Tink JSON keyset"},
		"primary is no key":    {text: change(`"primaryKeyId":`, `"primaryKeyId":1`), refused: "no"},
		"primary is disabled":  {text: change("ENABLED", "DISABLED"), refused: "no"},
		"primary is destroyed": {text: change("ENABLED", "DESTROYED"), refused: "no"},
		"another kind":         {text: keysetOf(t, mac.HMACSHA256Tag128KeyTemplate()), refused: "AES-256-GCM"},
		"half as long":         {text: keysetOf(t, aead.AES128GCMKeyTemplate()), refused: "AES-256-GCM"},
		"one of them is another": {text: keysetOf(t, aead.XChaCha20Poly1305KeyTemplate(), aead.AES256GCMKeyTemplate()),
			refused: "AES-256-GCM"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := encryption.ParseKeyset(test.text)
			if test.refused == "" {
				require.NoError(t, err)
				require.Equal(t, "x", decrypt(t, k, "c", encrypt(t, k, "c", "x")))
				return
			}
			require.ErrorContains(t, err, test.refused)
			require.Equal(t, encryption.Keyset{}, k)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), value(t, good))
			_, err = encryption.RotateKeyset(test.text)
			require.ErrorContains(t, err, test.refused)
		})
	}
}

// value is the key inside the text of a keyset of one.
func value(t *testing.T, text string) string {
	t.Helper()
	var parsed struct {
		Key []struct {
			KeyData struct{ Value string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &parsed))
	require.NotEmpty(t, parsed.Key[0].KeyData.Value)
	return parsed.Key[0].KeyData.Value
}

func TestNewKeysetIsOneLineAndAnotherEachTime(t *testing.T) {
	_, first := drawn(t)
	_, second := drawn(t)
	require.NotEqual(t, value(t, first), value(t, second))
	require.NotContains(t, first, "\n")
	require.NotContains(t, first, " ")
}

func TestRotateKeyset(t *testing.T) {
	before, text := drawn(t)
	rotatedText, err := encryption.RotateKeyset(text)
	require.NoError(t, err)
	require.NotContains(t, rotatedText, "\n")
	rotated, err := encryption.ParseKeyset(rotatedText)
	require.NoError(t, err)
	require.Equal(t, "old", decrypt(t, rotated, "c", encrypt(t, before, "c", "old")), "an old key still opens")
	require.Equal(t, "new", decrypt(t, rotated, "c", encrypt(t, rotated, "c", "new")))
	_, err = opened(before, "c", encrypt(t, rotated, "c", "new"))
	require.ErrorIs(t, err, encryption.ErrSealed, "the new key encrypts")
}

func TestAKeysetNeverPrints(t *testing.T) {
	k, text := drawn(t)
	hidden := struct{ keys encryption.Keyset }{k}
	shown := struct{ Keys encryption.Keyset }{k}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb+" "+verb+"\n", k, &k, hidden, shown)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "keys", k, "shown", shown)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "keys", k, "shown", shown)
	encoded, err := json.Marshal(shown)
	require.NoError(t, err)
	out.Write(encoded)
	require.Contains(t, out.String(), "a keyset of 1, not shown")
	require.NotContains(t, out.String(), value(t, text))
	require.NotContains(t, out.String(), "AesGcm")
	require.Less(t, out.Len(), 4000, "no bytes of keys either")
	require.Equal(t, "no keyset", encryption.Keyset{}.String())
}
