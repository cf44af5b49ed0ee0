package encryption_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/encryption"
)

type hexed []byte

func (h *hexed) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type vector struct {
	ID                         int `json:"tcId"`
	Comment, Result            string
	Key, IV, AAD, Msg, CT, Tag hexed
}

func vectors(t *testing.T, file string, atLeast int) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	var all struct{ Tests []vector }
	require.NoError(t, json.Unmarshal(text, &all))
	require.GreaterOrEqual(t, len(all.Tests), atLeast)
	return all.Tests
}

// keysetWith is a keyset of one given key, as Tink writes it.
func keysetWith(t *testing.T, key []byte, id uint32, prefix string) encryption.Keyset {
	t.Helper()
	message := append([]byte{0x1a, byte(len(key))}, key...) // google.crypto.tink.AesGcmKey: field 3, key_value
	k, err := encryption.ParseKeyset(
		fmt.Sprintf(`{"primaryKeyId":%d,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmKey",`+
			`"value":%q,"keyMaterialType":"SYMMETRIC"},"status":"ENABLED","keyId":%d,"outputPrefixType":%q}]}`,
			id, base64.StdEncoding.EncodeToString(message), id, prefix))
	require.NoError(t, err)
	return k
}

func TestAESGCMAgreesWithWycheproof(t *testing.T) {
	const id = 0x01020304
	named := binary.BigEndian.AppendUint32([]byte{1}, id) // how Tink names the key in front
	for _, v := range vectors(t, "aes_gcm.json", 60) {
		for kind, front := range map[string][]byte{"RAW": nil, "TINK": named} {
			what := fmt.Sprintf("%s %d %s", kind, v.ID, v.Comment)
			k := keysetWith(t, v.Key, id, kind)
			plain, err := k.AEAD().Decrypt(bytes.Join([][]byte{front, v.IV, v.CT, v.Tag}, nil), v.AAD)
			if v.Result != "valid" {
				require.Error(t, err, what)
				continue
			}
			require.NoError(t, err, what)
			require.True(t, bytes.Equal(v.Msg, plain), what)

			// We cannot choose the IV, but what we seal is what anybody's GCM opens.
			sealed, err := k.AEAD().Encrypt(v.Msg, v.AAD)
			require.NoError(t, err, what)
			rest, ok := bytes.CutPrefix(sealed, front)
			require.True(t, ok, what)
			block, err := aes.NewCipher(v.Key)
			require.NoError(t, err)
			gcm, err := cipher.NewGCM(block)
			require.NoError(t, err)
			plain, err = gcm.Open(nil, rest[:12], rest[12:], v.AAD)
			require.NoError(t, err, what)
			require.True(t, bytes.Equal(v.Msg, plain), what)
		}
	}
}
