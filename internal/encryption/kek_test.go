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
		"nothing":                  {refused: "not a cleartext Tink JSON keyset"},
		"encrypted, but no key":    {text: wrapped, refused: "no key to decrypt it"},
		"in clear, and a key":      {text: clear, kek: ours, refused: "not an encrypted Tink JSON keyset"},
		"another key":              {text: wrapped, kek: kek("x"), refused: "cannot decrypt the keyset"},
		"no URL":                   {text: wrapped, kek: "hunter2-hunter2", refused: "must be a URL"},
		"a cloud without a driver": {text: wrapped, kek: "nokms://hunter2", refused: "nokms:// is not supported"},
		"a key that is none":       {text: wrapped, kek: "base64key://hunter2", refused: "is not usable"},
		"an empty key":             {text: wrapped, kek: "base64key://", refused: "has no key"},
		"a key with a parameter":   {text: wrapped, kek: ours + "?hunter2=1", refused: "is not usable"},
		"a URL that is none":       {text: wrapped, kek: "base64key://hunter2%zz", refused: "is not usable"},
		"a KMS that refuses":       {text: wrapped, kek: "awaykms://key", refused: "not for this role"},
		"cut":                      {text: wrapped[:len(wrapped)-1], kek: ours, refused: "not an encrypted Tink JSON keyset"},
		"changed": {text: strings.Replace(wrapped, `"encryptedKeyset":"`, `"encryptedKeyset":"AAAA`, 1),
			kek: ours, refused: "cannot decrypt the keyset"},
		"a password": {text: "hunter2-hunter2-hunter2-hunter2", kek: ours, refused: "not an encrypted Tink JSON keyset"},
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
	require.ErrorContains(t, err, "cannot encrypt the keyset: ")
	require.ErrorContains(t, err, "not for this role")
	_, err = encryption.WrapKeyset(t.Context(), wrapped, ours)
	require.ErrorContains(t, err, "not a cleartext Tink JSON keyset")
}
