package encryption_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/proto"

	"durablekyc.example/internal/encryption"
)

// ours is a keyset that golden histories are sealed with.
func ours(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../workflows/testdata/histories/keyset.json")
	require.NoError(t, err)
	return string(text)
}

// FuzzParseKeyset: a keyset that is taken seals and opens, also after another
// key was added; one that is not is not repeated.
func FuzzParseKeyset(f *testing.F) {
	text := ours(f)
	rotated, err := encryption.RotateKeyset(text)
	require.NoError(f, err)
	for _, seed := range []string{text, rotated, strings.Replace(rotated, "ENABLED", "DISABLED", 1),
		strings.Replace(rotated, "ENABLED", "DESTROYED", 1),
		strings.Replace(text, "TINK", "RAW", 1), "{}", "null", `{"encryptedKeyset":"AAAA"}`, text + text} {
		f.Add(seed)
	}
	payload := &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(`"a"`)}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := encryption.ParseKeyset(text)
		if err != nil {
			require.Regexp(t, `^(not a cleartext Tink JSON keyset|the keyset has no `+
				`enabled primary key|the keyset has keys that are not AES-256-GCM)$`, err.Error())
			return
		}
		sealed := sealPayload(t, of(k, "kyc-A1"), payload)
		more, err := encryption.RotateKeyset(text)
		require.NoError(t, err)
		next, err := encryption.ParseKeyset(more)
		require.NoError(t, err)
		for _, each := range []encryption.Keyset{k, next} {
			opened, err := openPayload(of(each, "kyc-A1"), sealed)
			require.NoError(t, err)
			require.True(t, proto.Equal(payload, opened))
			require.Regexp(t, `^a keyset of \d+, not shown$`, each.String())
		}
	})
}

// FuzzOpen: nothing that was not sealed opens, and whatever was sealed with the
// right key, by whichever program, is a payload or an error.
func FuzzOpen(f *testing.F) {
	k, err := encryption.ParseKeyset(ours(f))
	require.NoError(f, err)
	sealed := sealPayload(f, of(k, "kyc-A1"),
		&commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")},
			Data: []byte(`{"reference":"A1"}` + strings.Repeat(" ", 100))})
	key := keyID(sealed)
	associated := []byte("durablekyc payload v1\x00" + key + "\x00" + "kyc-A1")
	plain, err := k.AEAD().Decrypt(sealed.Data, associated)
	require.NoError(f, err)
	f.Add("binary/encrypted", key, "kyc-A1", plain)
	f.Add("json/plain", key, "", []byte("\x00\n\x16\n\x08encoding\x12\njson/plain\x12\x01a"))
	f.Add("binary/encrypted", "0", "kyc-A1", []byte("\x01"))
	f.Add("", "x", "", []byte{2})
	f.Add("", "", "", []byte{})
	f.Fuzz(func(t *testing.T, encoding, keyID, workflow string, plain []byte) {
		outsider := &commonpb.Payload{Data: plain, Metadata: map[string][]byte{"encoding": []byte(encoding),
			"encryption-key-id": []byte(keyID), "workflow-id": []byte(workflow)}}
		for _, codec := range []func() (*commonpb.Payload, error){
			func() (*commonpb.Payload, error) { return openPayload(k.Codec(), outsider) },
			func() (*commonpb.Payload, error) { return openPayload(of(k, "kyc-A1"), outsider) },
		} {
			_, err := codec()
			require.ErrorIs(t, err, encryption.ErrSealed)
		}
		data, err := k.AEAD().Encrypt(plain, associated)
		require.NoError(t, err)
		whole := &commonpb.Payload{Metadata: sealed.Metadata, Data: data}
		opened, err := openPayload(of(k, "kyc-A1"), whole)
		if err != nil {
			require.ErrorIs(t, err, encryption.ErrSealed)
			require.NotErrorIs(t, err, encryption.ErrClear)
			return
		}
		require.True(t, len(plain) > 0 && plain[0] <= 2)
		again, err := openPayload(of(k, "kyc-A1"), sealPayload(t, of(k, "kyc-A1"), opened))
		require.NoError(t, err)
		require.True(t, proto.Equal(opened, again))
		_, err = openPayload(of(k, "kyc-A2"), whole)
		require.ErrorIs(t, err, encryption.ErrSealed)
		require.True(t, bytes.Equal(whole.Data, data), "what came in is left as it was")
	})
}
