// Package tsatest is a time-stamp authority (RFC 3161) for tests.
package tsatest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"
	rfc3161 "github.com/digitorus/timestamp"
	"github.com/stretchr/testify/require"
)

// Authority answers requests at its URL until the test ends. Its certificate was issued by an authority between it and
// the root, as those of real ones are. It is valid from two years ago, and those two from one year ago.
type Authority struct {
	URL  string
	Root string // PEM

	// Now is the time in its tokens; time.Now if it is nil.
	Now func() time.Time
	// Change changes a token before it is signed; nil changes none.
	Change func(*rfc3161.Timestamp)
	// Answer answers instead of it, if it is not nil.
	Answer func(w http.ResponseWriter, request []byte)

	asked   atomic.Int64
	signer  pair
	between pair
}

// Asked is how many requests there were.
func (a *Authority) Asked() int { return int(a.asked.Load()) }

type pair struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// New starts an authority whose certificate has this common name, and signing time-stamps as its only purpose. If
// others are given it has these, and not in a critical extension.
func New(t testing.TB, name string, usages ...x509.ExtKeyUsage) *Authority {
	t.Helper()
	critical := len(usages) == 0
	if critical {
		usages = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
	}
	root := issue(t, nil, name+" Root", false)
	a := &Authority{Root: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.certificate.Raw}))}
	a.between = issue(t, &root, name+" CA", false)
	a.signer = issue(t, &a.between, name, critical, usages...)
	server := httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(server.Close)
	a.URL = server.URL
	return a
}

// issue makes a certificate: of an authority, or for these purposes. critical makes it one for time-stamps as RFC 3161
// has it.
func issue(t testing.TB, by *pair, name string, critical bool, usages ...x509.ExtKeyUsage) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: serial, BasicConstraintsValid: true, ExtKeyUsage: usages,
		Subject:   pkix.Name{CommonName: name, Organization: []string{"Example"}},
		NotBefore: time.Now().AddDate(-2, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature}
	if len(usages) == 0 {
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
		template.NotBefore = time.Now().AddDate(-1, 0, 0)
	}
	if critical {
		purposes, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
		require.NoError(t, err)
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true,
			Value: purposes}}
	}
	if by == nil {
		by = &pair{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return pair{certificate, key}
}

func (a *Authority) serve(w http.ResponseWriter, r *http.Request) {
	a.asked.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "not a request for a time-stamp", http.StatusBadRequest)
		return
	}
	if a.Answer != nil {
		a.Answer(w, body)
		return
	}
	answer, err := a.Sign(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = w.Write(answer)
}

// Sign answers a request.
func (a *Authority) Sign(request []byte) ([]byte, error) {
	asked, err := rfc3161.ParseRequest(request)
	if err != nil {
		return nil, err
	}
	now := time.Now
	if a.Now != nil {
		now = a.Now
	}
	stamp := &rfc3161.Timestamp{HashAlgorithm: asked.HashAlgorithm, HashedMessage: asked.HashedMessage,
		Nonce: asked.Nonce, Time: now().UTC().Truncate(time.Second), Accuracy: time.Second,
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, AddTSACertificate: asked.Certificates,
		Certificates: []*x509.Certificate{a.between.certificate}}
	if a.Change != nil {
		a.Change(stamp)
	}
	return stamp.CreateResponseWithOpts(a.signer.certificate, a.signer.key, crypto.SHA256)
}

// Resign signs what is in a token again, as content of this type, with this digest and these signed attributes. A nil
// digest signs without any attribute.
func (a *Authority) Resign(t testing.TB, token []byte, content, digest asn1.ObjectIdentifier,
	attributes ...pkcs7.Attribute) []byte {
	t.Helper()
	before, err := pkcs7.Parse(token)
	require.NoError(t, err)
	signed, err := pkcs7.NewSignedData(before.Content)
	require.NoError(t, err)
	signed.SetContentType(content)
	if digest == nil {
		signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
		err = signed.SignWithoutAttr(a.signer.certificate, a.signer.key, pkcs7.SignerInfoConfig{})
	} else {
		signed.SetDigestAlgorithm(digest)
		err = signed.AddSigner(a.signer.certificate, a.signer.key,
			pkcs7.SignerInfoConfig{ExtraSignedAttributes: attributes})
	}
	require.NoError(t, err)
	again, err := signed.Finish()
	require.NoError(t, err)
	return again
}

// Certificate is the one that signs.
func (a *Authority) Certificate() *x509.Certificate { return a.signer.certificate }
