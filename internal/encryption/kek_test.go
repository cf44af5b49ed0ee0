package encryption_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/gcerrors"
	"gocloud.dev/secrets"

	"durablekyc.example/internal/encryption"
)

// kek is the URL of a key on the spot.
func kek(fill string) string {
	return "base64key://" + base64.URLEncoding.EncodeToString([]byte(strings.Repeat(fill, 32)))
}

// away is a KMS that cannot be reached, behind a URL like any other.
type away struct{}

func (away) OpenKeeperURL(context.Context, *url.URL) (*secrets.Keeper, error) {
	return secrets.NewKeeper(away{}), nil
}
func (away) Encrypt(context.Context, []byte) ([]byte, error) {
	return nil, errAway
}
func (away) Decrypt(context.Context, []byte) ([]byte, error) {
	return nil, errAway
}
func (away) Close() error                       { return nil }
func (away) ErrorAs(error, any) bool            { return false }
func (away) ErrorCode(error) gcerrors.ErrorCode { return gcerrors.PermissionDenied }

var errAway = errors.New("not for this role")

func init() { secrets.DefaultURLMux().RegisterKeeper("awaykms", away{}) }

func TestOpenKeyset(t *testing.T) {
	k, clear := drawn(t)
	ours := kek("o")
	wrapped, err := encryption.WrapKeyset(t.Context(), clear, ours)
	require.NoError(t, err)
	require.NotContains(t, wrapped, value(t, clear))
	require.NotContains(t, wrapped, "\n")
	rotated, err := encryption.RotateKeyset(clear)
	require.NoError(t, err)
	rotated, err = encryption.WrapKeyset(t.Context(), rotated, ours)
	require.NoError(t, err)
	for name, test := range map[string]struct{ text, kek, refused string }{
		"in clear":                 {text: clear},
		"encrypted":                {text: wrapped, kek: ours},
		"encrypted, on a line":     {text: wrapped + "\n", kek: ours},
		"encrypted, with two keys": {text: rotated, kek: ours},
		"nothing":                  {refused: "it is no keyset"},
		"encrypted, and no key":    {text: wrapped, refused: "no key is named"},
		"in clear, and a key":      {text: clear, kek: ours, refused: "no encrypted keyset"},
		"another key":              {text: wrapped, kek: kek("x"), refused: "does not open the keyset"},
		"no URL":                   {text: wrapped, kek: "hunter2-hunter2", refused: "named by a URL"},
		"a cloud without a driver": {text: wrapped, kek: "nokms://hunter2", refused: "no key can be named by nokms://"},
		"a key that is none":       {text: wrapped, kek: "base64key://hunter2", refused: "cannot be used"},
		"an empty key":             {text: wrapped, kek: "base64key://", refused: "names no key"},
		"a key with a parameter":   {text: wrapped, kek: ours + "?hunter2=1", refused: "cannot be used"},
		"a URL that is none":       {text: wrapped, kek: "base64key://hunter2%zz", refused: "cannot be used"},
		"a KMS that refuses":       {text: wrapped, kek: "awaykms://key", refused: "not for this role"},
		"cut":                      {text: wrapped[:len(wrapped)-1], kek: ours, refused: "no encrypted keyset"},
		"changed": {text: strings.Replace(wrapped, `"encryptedKeyset":"`, `"encryptedKeyset":"AAAA`, 1),
			kek: ours, refused: "does not open the keyset"},
		"a password": {text: "hunter2-hunter2-hunter2-hunter2", kek: ours, refused: "no encrypted keyset"},
	} {
		t.Run(name, func(t *testing.T) {
			opened, err := encryption.OpenKeyset(t.Context(), test.text, test.kek)
			if test.refused == "" {
				require.NoError(t, err)
				require.Equal(t, "x", decrypt(t, opened, "c", encrypt(t, k, "c", "x")))
				return
			}
			require.ErrorContains(t, err, test.refused)
			require.Equal(t, encryption.Keyset{}, opened)
			for _, secret := range []string{"hunter2", value(t, clear), strings.TrimPrefix(ours, "base64key://"),
				strings.TrimPrefix(kek("x"), "base64key://")} {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
	_, err = encryption.WrapKeyset(t.Context(), clear, "awaykms://key")
	require.ErrorContains(t, err, "does not encrypt the keyset: ")
	require.ErrorContains(t, err, "not for this role")
	_, err = encryption.WrapKeyset(t.Context(), wrapped, ours)
	require.ErrorContains(t, err, "it is no keyset")
}
