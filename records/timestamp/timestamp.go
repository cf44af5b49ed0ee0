// Package timestamp asks for time-stamps of RFC 3161 and checks them. A token says that an authority saw the SHA-256 of
// some bytes at a time of its own clock, and is checked without network.
package timestamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/digitorus/pkcs7"
	rfc3161 "github.com/digitorus/timestamp"
)

// MaxSize is the size in bytes beyond which nothing is read as an answer or a token. With a chain of certificates they
// have less than 10,000.
const MaxSize = 64 << 10

// Stamp is what a token says.
type Stamp struct {
	At        time.Time `json:"at"`        // what was stamped existed then: the authority's time and its accuracy
	Authority string    `json:"authority"` // the subject of the certificate that signed
	Trusted   bool      `json:"trusted"`   // that certificate was issued under one of the roots; false without roots
}

// Post sends a request to an authority and returns its answer, of MaxSize bytes at most.
type Post func(ctx context.Context, request []byte) ([]byte, error)

// Ask has data stamped and returns the token, as DER. It refuses an answer that Check refuses, or that has another
// nonce than the request.
func Ask(ctx context.Context, data []byte, post Post) ([]byte, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	request, err := rfc3161.CreateRequest(bytes.NewReader(data),
		&rfc3161.RequestOptions{Hash: crypto.SHA256, Certificates: true, Nonce: nonce})
	if err != nil {
		return nil, err
	}
	answer, err := post(ctx, request)
	if err != nil {
		return nil, err
	}
	if !isOneValue(answer) {
		return nil, errors.New("its answer is not one value in DER")
	}
	stamp, err := rfc3161.ParseResponse(answer)
	if err != nil {
		return nil, fmt.Errorf("its answer has no time-stamp: %.200s", err.Error()) // with a text of the authority's
	}
	if _, err := Check(stamp.RawToken, data, nil); err != nil {
		return nil, fmt.Errorf("its time-stamp is not accepted: %w", err)
	}
	if stamp.Nonce == nil || stamp.Nonce.Cmp(nonce) != 0 {
		return nil, errors.New("its time-stamp is not accepted: it has another nonce than the request")
	}
	return stamp.RawToken, nil
}

// Check checks that a token is of these bytes and that the certificate in it signed it. roots are the authorities under
// which the certificate must have been issued for time-stamps, at the time of the token; nil takes any certificate. The
// error is one sentence without a full stop and has nothing of the token in it.
func Check(token, data []byte, roots *x509.CertPool) (Stamp, error) {
	if len(token) > MaxSize {
		return Stamp{}, fmt.Errorf("it has more than %d bytes", MaxSize)
	}
	if !isOneValue(token) {
		return Stamp{}, errors.New("it is not one value in DER")
	}
	stamp, err := rfc3161.Parse(token) // verifies the signature if a certificate is there
	if err != nil {
		return Stamp{}, errors.New("it is not a token of RFC 3161 whose signature verifies")
	}
	signed, err := pkcs7.Parse(token)
	if err != nil {
		return Stamp{}, errors.New("it is not a token of RFC 3161 whose signature verifies")
	}
	signer := signed.GetOnlySigner()
	if signer == nil {
		return Stamp{}, errors.New("it does not have one signer and the certificate of it")
	}
	if err := checkSigner(signed, signer, stamp.Time); err != nil {
		return Stamp{}, err
	}
	sum := sha256.Sum256(data)
	if stamp.HashAlgorithm != crypto.SHA256 || !bytes.Equal(stamp.HashedMessage, sum[:]) {
		return Stamp{}, errors.New("it is a time-stamp of something else")
	}
	if roots != nil && signed.VerifyWithOpts(options(signed, roots, stamp.Time)) != nil {
		return Stamp{}, errors.New("the certificate of its authority was not issued for time-stamps under a trusted root")
	}
	return Stamp{At: stamp.Time.Add(stamp.Accuracy).UTC(), Authority: signer.Subject.String(), Trusted: roots != nil}, nil
}

// options are how the chain of a token's certificate is checked. Its validity is that at the time of the token: a token
// outlasts its certificate.
func options(signed *pkcs7.PKCS7, roots *x509.CertPool, at time.Time) x509.VerifyOptions {
	others := x509.NewCertPool()
	for _, c := range signed.Certificates {
		others.AddCert(c)
	}
	return x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}}
}

// typeTSTInfo is the type of what is signed in a token.
var typeTSTInfo = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}

// digests are what a token may be signed with.
var digests = []asn1.ObjectIdentifier{pkcs7.OIDDigestAlgorithmSHA256, pkcs7.OIDDigestAlgorithmSHA384,
	pkcs7.OIDDigestAlgorithmSHA512}

// checkSigner checks what RFC 3161 asks of the signature and the library does not look at: that a time-stamp was signed
// and nothing else, by a certificate for time-stamps that is the one which the signature names, and not with SHA-1.
func checkSigner(signed *pkcs7.PKCS7, signer *x509.Certificate, at time.Time) error {
	var content asn1.ObjectIdentifier
	if err := signed.UnmarshalSignedAttribute(pkcs7.OIDAttributeContentType, &content); err != nil ||
		!content.Equal(typeTSTInfo) {
		return errors.New("its signature is not one of a time-stamp")
	}
	how := signed.Signers[0]
	if !slices.ContainsFunc(digests, how.DigestAlgorithm.Algorithm.Equal) ||
		how.DigestEncryptionAlgorithm.Algorithm.Equal(pkcs7.OIDDigestAlgorithmECDSASHA1) {
		return errors.New("its signature is not made with SHA-256, SHA-384 or SHA-512")
	}
	if !namesCertificate(signed, signer) {
		return errors.New("its signature names another certificate")
	}
	if !isForTimestamps(signer) {
		return errors.New("the certificate of its authority is not one for time-stamps")
	}
	if at.Before(signer.NotBefore) || at.After(signer.NotAfter) {
		return errors.New("its time is outside of the validity of its certificate")
	}
	return nil
}
