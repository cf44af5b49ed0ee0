package timestamp_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"
	rfc3161 "github.com/digitorus/timestamp"
	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/tsatest"
	"durablekyc.example/records/timestamp"
)

var checkpoint = []byte("a checkpoint of the log\n")

// direct is an authority without the network between.
func direct(a *tsatest.Authority) timestamp.Post {
	return func(_ context.Context, request []byte) ([]byte, error) { return a.Sign(request) }
}

func pool(t testing.TB, pem string) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(pem)))
	return roots
}

func TestATokenIsAskedForAndChecked(t *testing.T) {
	a, other := tsatest.New(t, "Time"), tsatest.New(t, "Other")
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	a.Now = func() time.Time { return at }
	token, err := timestamp.Ask(t.Context(), checkpoint, direct(a))
	require.NoError(t, err)
	stamp, err := timestamp.Check(token, checkpoint, nil)
	require.NoError(t, err)
	want := timestamp.Stamp{At: at.Add(time.Second), Authority: "CN=Time,O=Example"} // with the accuracy
	require.Equal(t, want, stamp)
	stamp, err = timestamp.Check(token, checkpoint, pool(t, a.Root))
	require.NoError(t, err)
	want.Trusted = true
	require.Equal(t, want, stamp)

	_, err = timestamp.Check(token, checkpoint, pool(t, other.Root))
	require.ErrorContains(t, err, "was not issued for time-stamps under a trusted root")
	_, err = timestamp.Check(token, []byte("another checkpoint"), nil)
	require.ErrorContains(t, err, "it is a time-stamp of something else")
	_, err = timestamp.Check(append(bytes.Clone(token), 0), checkpoint, nil)
	require.ErrorContains(t, err, "it is not one value in DER")
	_, err = timestamp.Check(append(token, make([]byte, timestamp.MaxSize)...), checkpoint, nil)
	require.ErrorContains(t, err, "it has more than 65536 bytes")
	_, err = timestamp.Check(nil, checkpoint, nil)
	require.Error(t, err)
}

// Whatever an authority answers that is no time-stamp of what was asked for is refused with the reason.
func TestAnswersThatAreRefused(t *testing.T) {
	good := tsatest.New(t, "Time")
	sum := sha256.Sum256([]byte("another checkpoint"))
	for reason, a := range map[string]*tsatest.Authority{
		"it is a time-stamp of something else": changed(t, func(s *rfc3161.Timestamp) { s.HashedMessage = sum[:] }),
		"it has another nonce than the request": changed(t,
			func(s *rfc3161.Timestamp) { s.Nonce = new(big.Int).Add(s.Nonce, big.NewInt(1)) }),
		"it has another nonce than the request\x00": changed(t, func(s *rfc3161.Timestamp) { s.Nonce = nil }),
		"it does not have one signer and the certificate of it": changed(t,
			func(s *rfc3161.Timestamp) { s.AddTSACertificate = false }),
		"the certificate of its authority is not one for time-stamps": tsatest.New(t, "Web", x509.ExtKeyUsageServerAuth),
		"the certificate of its authority is not one for time-stamps\x00": tsatest.New(t, "Both",
			x509.ExtKeyUsageTimeStamping, x509.ExtKeyUsageServerAuth),
		"the certificate of its authority is not one for time-stamps\x00\x00": tsatest.New(t, "Uncritical",
			x509.ExtKeyUsageTimeStamping),
		"its time is outside of the validity of its certificate": changed(t,
			func(s *rfc3161.Timestamp) { s.Time = s.Time.AddDate(-3, 0, 0) }),
		"it is a time-stamp of something else\x00": changed(t, func(s *rfc3161.Timestamp) {
			long := crypto.SHA512.New()
			long.Write(checkpoint)
			s.HashAlgorithm, s.HashedMessage = crypto.SHA512, long.Sum(nil)
		}),
		"it is a time-stamp of something else\x00\x00": changed(t,
			func(s *rfc3161.Timestamp) { s.HashAlgorithm = crypto.SHA384 }),
	} {
		_, err := timestamp.Ask(t.Context(), checkpoint, direct(a))
		require.ErrorContains(t, err, strings.TrimRight(reason, "\x00"))
	}

	broken := errors.New("no route")
	rejected, err := rfc3161.CreateErrorResponse(rfc3161.Rejection, rfc3161.TimeNotAvailable)
	require.NoError(t, err)
	whole, err := good.Sign(request(t))
	require.NoError(t, err)
	for _, test := range []struct {
		answer []byte
		err    error
		says   string
	}{
		{nil, broken, "no route"},
		{nil, nil, "its answer is not one value in DER"},
		{[]byte("<html>"), nil, "its answer is not one value in DER"},
		{[]byte{0x30, 5, 0x30, 3, 2, 1, 0}, nil, "its answer has no time-stamp: "},
		{rejected, nil, "the TSA's time source is not available"},
		{whole[:len(whole)-1], nil, "its answer is not one value in DER"},
		{append(bytes.Clone(whole), 0), nil, "its answer is not one value in DER"},
		{whole, nil, "it has another nonce than the request"},
	} {
		_, err := timestamp.Ask(t.Context(), checkpoint,
			func(context.Context, []byte) ([]byte, error) { return test.answer, test.err })
		require.ErrorContains(t, err, test.says)
	}
}

func changed(t *testing.T, change func(*rfc3161.Timestamp)) *tsatest.Authority {
	a := tsatest.New(t, "Time")
	a.Change = change
	return a
}

// request is one of the checkpoint, with a nonce that is nobody's.
func request(t *testing.T) []byte {
	data, err := rfc3161.CreateRequest(bytes.NewReader(checkpoint),
		&rfc3161.RequestOptions{Certificates: true, Nonce: big.NewInt(7)})
	require.NoError(t, err)
	return data
}

// Tokens of OpenSSL, which name their certificate by one attribute or the other, verify; with another root they do not.
func TestTokensOfOpenSSL(t *testing.T) {
	root, err := os.ReadFile(filepath.Join("testdata", "root.pem"))
	require.NoError(t, err)
	other := tsatest.New(t, "Other")
	for _, name := range []string{"sha1.tst", "sha256.tst", "sha512.tst"} {
		token, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		stamp, err := timestamp.Check(token, checkpoint, pool(t, string(root)))
		require.NoError(t, err, name)
		require.Equal(t, "CN=Time Stamps,O=OpenSSL", stamp.Authority)
		require.Equal(t, 500*time.Millisecond, stamp.At.Sub(stamp.At.Truncate(time.Second)), "with the accuracy")
		_, err = timestamp.Check(token, checkpoint, pool(t, other.Root))
		require.Error(t, err, name)
	}
}

// What counts is whether the certificates were valid at the time in the token: it outlasts them, and they do not vouch
// for a time before.
func TestCertificatesAtTheTimeOfTheToken(t *testing.T) {
	root, err := os.ReadFile(filepath.Join("testdata", "ended.pem"))
	require.NoError(t, err)
	token, err := os.ReadFile(filepath.Join("testdata", "ended.tst"))
	require.NoError(t, err)
	stamp, err := timestamp.Check(token, checkpoint, pool(t, string(root)))
	require.NoError(t, err)
	require.Equal(t, "CN=Ended", stamp.Authority)

	a := tsatest.New(t, "Time")
	a.Now = func() time.Time { return time.Now().AddDate(-1, -6, 0) } // its root is not as old
	early, err := timestamp.Ask(t.Context(), checkpoint, direct(a))
	require.NoError(t, err)
	_, err = timestamp.Check(early, checkpoint, pool(t, a.Root))
	require.ErrorContains(t, err, "was not issued for time-stamps under a trusted root")
}

// No changed bit of what is signed, of the signature or of the certificate that made it passes.
func TestNoChangedBitOfWhatIsSigned(t *testing.T) {
	token, err := timestamp.Ask(t.Context(), checkpoint, direct(tsatest.New(t, "Time")))
	require.NoError(t, err)
	passed := 0
	for at := range token {
		changed := bytes.Clone(token)
		changed[at] ^= 1 << (at % 8)
		stamp, err := timestamp.Check(changed, checkpoint, nil)
		if err == nil { // such as a certificate between, a version: nothing that is reported is of it
			passed++
			require.Equal(t, "CN=Time,O=Example", stamp.Authority)
		}
	}
	t.Logf("of %d changed bytes %d are outside of the signature", len(token), passed)
	require.Less(t, passed, len(token)/4)
}

// What the library does not look at: which content was signed, by which certificate, and with which digest.
func TestSignaturesThatAreNotOfATimeStamp(t *testing.T) {
	a := tsatest.New(t, "Time")
	token, err := timestamp.Ask(t.Context(), checkpoint, direct(a))
	require.NoError(t, err)
	names := func(digest []byte) pkcs7.Attribute {
		type certificate struct{ Digest []byte }
		return pkcs7.Attribute{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47},
			Value: struct{ Certificates []certificate }{[]certificate{{digest}}}}
	}
	own, another := sha256.Sum256(a.Certificate().Raw), sha256.Sum256(nil)
	stamp, data := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}, pkcs7.OIDData
	for _, test := range []struct {
		content, digest asn1.ObjectIdentifier
		attributes      []pkcs7.Attribute
		says            string
	}{
		{stamp, pkcs7.OIDDigestAlgorithmSHA256, []pkcs7.Attribute{names(own[:])}, ""},
		{stamp, pkcs7.OIDDigestAlgorithmSHA512, []pkcs7.Attribute{names(own[:])}, ""},
		{data, pkcs7.OIDDigestAlgorithmSHA256, []pkcs7.Attribute{names(own[:])}, "its signature is not one of a time-stamp"},
		{stamp, nil, nil, "its signature is not one of a time-stamp"},
		{stamp, pkcs7.OIDDigestAlgorithmSHA1, []pkcs7.Attribute{names(own[:])}, "not made with SHA-256"},
		{stamp, pkcs7.OIDDigestAlgorithmSHA256, []pkcs7.Attribute{names(another[:])}, "names another certificate"},
		{stamp, pkcs7.OIDDigestAlgorithmSHA256, []pkcs7.Attribute{names(nil)}, "names another certificate"},
		{stamp, pkcs7.OIDDigestAlgorithmSHA256, nil, "names another certificate"},
	} {
		_, err := timestamp.Check(a.Resign(t, token, test.content, test.digest, test.attributes...), checkpoint, nil)
		if test.says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, test.says)
	}
}

// The library would read values whose lengths do not fit together for ever. A token of them is refused at once, and an
// answer, too.
func TestValuesThatOverlap(t *testing.T) {
	overlap := bytes.Repeat([]byte{0x30, 6, 0x30, 2}, 50)
	overlap = append(overlap, bytes.Repeat([]byte{5, 0}, 8)...) // what the last of them end in
	whole := append([]byte{0x30, 0x81, byte(len(overlap))}, overlap...)
	deep := []byte{5, 0}
	for range 100 {
		deep = append([]byte{0x30, 0x82, byte(len(deep) >> 8), byte(len(deep))}, deep...)
	}
	began := time.Now()
	for _, token := range [][]byte{whole, deep, append([]byte{0x30, 0x80}, overlap...)} {
		_, err := timestamp.Check(token, checkpoint, nil)
		require.EqualError(t, err, "it is not one value in DER")
		answer := append([]byte{0x30, 0x82, 0, byte(5 + len(token)), 0x30, 3, 2, 1, 0}, token...)
		answer[2], answer[3] = byte((5+len(token))>>8), byte(5+len(token))
		_, err = timestamp.Ask(t.Context(), checkpoint,
			func(context.Context, []byte) ([]byte, error) { return answer, nil })
		require.EqualError(t, err, "its answer is not one value in DER")
	}
	require.Less(t, time.Since(began), 10*time.Second)
}

func FuzzCheck(f *testing.F) {
	for _, name := range []string{"sha1.tst", "sha256.tst", "sha512.tst"} {
		token, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(f, err)
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token []byte) {
		if _, err := timestamp.Check(token, []byte("something that was never stamped"), nil); err == nil {
			t.Fatal("it is a token of what nobody stamped")
		}
	})
}
