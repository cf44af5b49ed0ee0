package encryption_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"

	"durablekyc.example/internal/encryption"
)

const segment = 64 << 10 // of what is encrypted

func encrypt(t testing.TB, k encryption.Keyset, context, plain string) []byte {
	t.Helper()
	var sealed bytes.Buffer
	w, err := k.Encrypt(&sealed, context)
	require.NoError(t, err)
	_, err = io.WriteString(w, plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return sealed.Bytes()
}

// opened reads to the end, and once more to see that an error stays one.
func opened(k encryption.Keyset, context string, sealed []byte) (string, error) {
	r, err := k.Decrypt(bytes.NewReader(sealed), context)
	if err != nil {
		return "", err
	}
	plain, err := io.ReadAll(r)
	if n, again := r.Read(make([]byte, 1)); err != nil && (n != 0 || !errors.Is(again, err)) {
		return "", fmt.Errorf("after %v came %d bytes and %v", err, n, again)
	}
	return string(plain), err
}

func decrypt(t testing.TB, k encryption.Keyset, context string, sealed []byte) string {
	t.Helper()
	plain, err := opened(k, context, sealed)
	require.NoError(t, err)
	return plain
}

// noise is bytes that look like an image's.
func noise(size int) string {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return string(b)
}

func TestEncryptAndDecrypt(t *testing.T) {
	k, _ := drawn(t)
	for _, size := range []int{0, 1, 100, segment - 200, segment - 16, segment, segment + 1, 3*segment - 100, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			plain := noise(size)
			sealed := encrypt(t, k, "case A1", plain)
			require.Equal(t, plain, decrypt(t, k, "case A1", sealed))
			require.NotEqual(t, sealed, encrypt(t, k, "case A1", plain), "another data key each time")
			slow, err := k.Decrypt(iotest.OneByteReader(bytes.NewReader(sealed)), "case A1")
			require.NoError(t, err)
			require.NoError(t, iotest.TestReader(slow, []byte(plain)))
		})
	}
}

func TestWhatIsSealedShowsNothing(t *testing.T) {
	k, _ := drawn(t)
	sealed := string(encrypt(t, k, "case Mustermann", strings.Repeat("passport.jpg ", 100)))
	require.NotContains(t, sealed, "passport")
	require.NotContains(t, sealed, "Mustermann")
}

func TestOnlyWhatWasSealedOpens(t *testing.T) {
	k, text := drawn(t)
	rotated, err := encryption.RotateKeyset(text)
	require.NoError(t, err)
	withOld, err := encryption.ParseKeyset(rotated)
	require.NoError(t, err)
	other, _ := drawn(t)

	plain := noise(3*segment + 100)
	sealed, second := encrypt(t, k, "A1", plain), encrypt(t, k, "A1", plain)
	headerSize := len(encrypt(t, k, "A1", "")) - 16
	var none encryption.Keyset
	for name, test := range map[string]struct {
		k       encryption.Keyset
		context string
		sealed  []byte
	}{
		"other keys":                  {other, "A1", sealed},
		"no keys":                     {none, "A1", sealed},
		"another context":             {k, "A2", sealed},
		"no context":                  {k, "", sealed},
		"a longer context":            {k, "A1\x00", sealed},
		"a byte more":                 {k, "A1", append(bytes.Clone(sealed), 0)},
		"a segment more":              {k, "A1", append(bytes.Clone(sealed), sealed[len(sealed)-segment:]...)},
		"the same twice":              {k, "A1", append(bytes.Clone(sealed), sealed...)},
		"the header of another":       {k, "A1", append(bytes.Clone(second[:headerSize]), sealed[headerSize:]...)},
		"its wrapped key of another":  {k, "A1", append(bytes.Clone(second[:71]), sealed[71:]...)},
		"nothing":                     {k, "A1", nil},
		"not encrypted at all":        {k, "A1", []byte(plain)},
		"an image, not encrypted":     {k, "A1", []byte("\x89PNG\r\n\x1a\n the rest of a scan")},
		"a wrapped key without end":   {k, "A1", []byte("KYC\x01\xff\xff" + strings.Repeat("x", 100))},
		"no wrapped key":              {k, "A1", []byte("KYC\x01\x00\x00" + strings.Repeat("x", 100))},
		"segments changed places":     {k, "A1", swapped(sealed, headerSize)},
		"rotated keys, other context": {withOld, "A2", sealed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := opened(test.k, test.context, test.sealed)
			require.ErrorIs(t, err, encryption.ErrSealed)
		})
	}
	require.Equal(t, plain, decrypt(t, withOld, "A1", sealed))
	_, err = none.Encrypt(io.Discard, "A1")
	require.Error(t, err)
}

// Another form may follow this one, and a KMS makes longer wrapped keys than ours: what begins otherwise is refused
// although its key and its bytes are good, and a wrapped key has 1,024 bytes at the most.
func TestTheHeaderIsRefusedAtOnce(t *testing.T) {
	k, _ := drawn(t)
	const overhead = 5 + 12 + 16 // of a wrapped key: its key's id, nonce and tag
	for name, test := range map[string]struct {
		magic   string
		wrapped int
		opens   bool
	}{
		"ours":                       {"KYC\x01", overhead + 32, true},
		"another form":               {"KYC\x02", overhead + 32, false},
		"another program's":          {"KYD\x01", overhead + 32, false},
		"the longest wrapped key":    {"KYC\x01", 1024, true},
		"a wrapped key of one more":  {"KYC\x01", 1025, false},
		"a wrapped key twice as big": {"KYC\x01", 2048, false},
	} {
		t.Run(name, func(t *testing.T) {
			key := []byte(noise(test.wrapped - overhead))
			wrapped, err := k.AEAD().Encrypt(key, []byte("KYC\x01A1"))
			require.NoError(t, err)
			require.Len(t, wrapped, test.wrapped)
			header := append(binary.BigEndian.AppendUint16([]byte(test.magic), uint16(len(wrapped))), wrapped...)
			cipher, err := subtle.NewAESGCMHKDF(key, "SHA256", 32, segment, 0)
			require.NoError(t, err)
			var sealed bytes.Buffer
			sealed.Write(header)
			w, err := cipher.NewEncryptingWriter(&sealed, append(header, "A1"...))
			require.NoError(t, err)
			_, err = io.WriteString(w, "a scan")
			require.NoError(t, err)
			require.NoError(t, w.Close())
			if test.opens {
				require.Equal(t, "a scan", decrypt(t, k, "A1", sealed.Bytes()))
				return
			}
			_, err = k.Decrypt(bytes.NewReader(sealed.Bytes()), "A1")
			require.ErrorIs(t, err, encryption.ErrSealed)
		})
	}
}

// swapped exchanges the second segment and the third.
func swapped(sealed []byte, headerSize int) []byte {
	second := headerSize - 40 + segment // Tink's own header of 40 bytes counts as of the first segment
	third, fourth := second+segment, second+2*segment
	return slices.Concat(sealed[:second], sealed[third:fourth], sealed[second:third], sealed[fourth:])
}

// Wherever it is cut, most of all between two segments and at the place where
// the last one begins, somebody who reads to the end learns of it.
func TestEveryCutIsSeen(t *testing.T) {
	k, _ := drawn(t)
	short, long := encrypt(t, k, "A1", noise(100)), encrypt(t, k, "A1", noise(2*segment+100))
	for cut := range short {
		_, err := opened(k, "A1", short[:cut])
		require.ErrorIs(t, err, encryption.ErrSealed, "cut at %d of %d", cut, len(short))
	}
	second := len(encrypt(t, k, "A1", "")) - 16 - 40 + segment
	for _, near := range []int{segment, second, second + segment, len(long) - 100, len(long) - 16, len(long) - 2} {
		for cut := near - 2; cut <= near+1; cut++ {
			_, err := opened(k, "A1", long[:cut])
			require.ErrorIs(t, err, encryption.ErrSealed, "cut at %d of %d", cut, len(long))
		}
	}
}

func TestEveryFlippedByteIsSeen(t *testing.T) {
	k, _ := drawn(t)
	for _, size := range []int{100, segment + 100} {
		sealed := encrypt(t, k, "A1", noise(size))
		for at := 0; at < len(sealed); at += 1 + at/200*50 { // every one of the headers
			for _, bits := range []byte{1, 0x80, 0xff} {
				changed := bytes.Clone(sealed)
				changed[at] ^= bits
				_, err := opened(k, "A1", changed)
				require.ErrorIs(t, err, encryption.ErrSealed, "byte %d of %d", at, len(sealed))
			}
		}
	}
}

// Images lie in buckets while programs are replaced: whoever changes the form
// has to give it another number and go on opening this.
func TestTheFormOfObjectsIsPinned(t *testing.T) {
	k, err := encryption.ParseKeyset(
		`{"primaryKeyId":2779413873,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmKey",` +
			`"value":"GiA/8etcgVRjILhER070I8Wgar0Qo2hfyaLyhHhmNy4g5g==","keyMaterialType":"SYMMETRIC"},"status":"ENABLED",` +
			`"keyId":2779413873,"outputPrefixType":"TINK"}]}`)
	require.NoError(t, err)
	sealed, err := base64.StdEncoding.DecodeString(
		"S1lDAQBBAaWqfXHo98ZI7/Jq36abp2mSORm4Xcu0t+8Zyb5PusjZGDtCtBy3iLpv71MZ/p75HBdSnAHA26PqwR2" +
			"+1EEjId0ogor4EMSoOBRCFH2NKPppIDAysYd+0++eFIRVHDQFC4Yi5P511hcxty587bJl7qcr3Fr1qNoHhTG0KEl/W0pY")
	require.NoError(t, err)
	require.Equal(t, "an image", decrypt(t, k, "A1", sealed))
}

// A bucket that cannot be reached any more is not a wrong key.
func TestAnErrorOfTheReadersOwnIsPassedOn(t *testing.T) {
	k, _ := drawn(t)
	sealed := encrypt(t, k, "A1", noise(2*segment))
	for _, broken := range []error{errors.New("the line went dead"), io.ErrUnexpectedEOF} {
		for _, after := range []int{0, 3, 10, 80, 200, segment + 200, len(sealed)} {
			r, err := k.Decrypt(io.MultiReader(bytes.NewReader(sealed[:after]), iotest.ErrReader(broken)), "A1")
			if err == nil {
				_, err = io.ReadAll(r)
			}
			require.ErrorIs(t, err, broken, "after %d", after)
			require.NotErrorIs(t, err, encryption.ErrSealed)
		}
	}
	_, err := k.Encrypt(failing{}, "A1")
	require.ErrorIs(t, err, io.ErrShortWrite)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestMemoryDoesNotGrowWithTheStream(t *testing.T) {
	const size = 64 << 20
	k, _ := drawn(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read, write := io.Pipe()
	go func() {
		w, err := k.Encrypt(write, "A1")
		if err == nil {
			_, err = io.Copy(w, io.LimitReader(rand.NewChaCha8([32]byte{1}), size))
		}
		if err == nil {
			err = w.Close()
		}
		write.CloseWithError(err)
	}()
	plain, err := k.Decrypt(read, "A1")
	require.NoError(t, err)
	got, want := sha256.New(), sha256.New()
	n, err := io.Copy(got, plain)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	_, err = io.Copy(want, io.LimitReader(rand.NewChaCha8([32]byte{1}), size))
	require.NoError(t, err)
	require.Equal(t, want.Sum(nil), got.Sum(nil))
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20), "all that was ever allocated, garbage too")
}

func FuzzDecrypt(f *testing.F) {
	text, err := encryption.NewKeyset()
	require.NoError(f, err)
	k, err := encryption.ParseKeyset(text)
	require.NoError(f, err)
	f.Add([]byte("KYC\x01\x00\x41"))
	f.Add(encrypt(f, k, "A2", "of another case"))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		_, err := opened(k, "A1", sealed)
		require.ErrorIs(t, err, encryption.ErrSealed)
	})
}
