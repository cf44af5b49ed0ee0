package timestamp

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 2634 names certificates by it; a second certificate with the same one is not known
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"

	"github.com/digitorus/pkcs7"
)

// The attributes by which a signature names its certificate: the first one of RFC 5035 and, of authorities that are
// older, that of RFC 2634.
var (
	attributeCertificateV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	attributeCertificate   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
)

// extensionPurposes is the extension of a certificate that says what it is for (extKeyUsage).
var extensionPurposes = asn1.ObjectIdentifier{2, 5, 29, 37}

// certificatesV2 and certificates are the values of these attributes. The first certificate is that of the signer.
type (
	certificatesV2 struct {
		Certificates []struct {
			Algorithm pkix.AlgorithmIdentifier `asn1:"optional"` // SHA-256 if it is not there
			Digest    []byte
			Issuer    asn1.RawValue `asn1:"optional"`
		}
		Policies asn1.RawValue `asn1:"optional"`
	}
	certificates struct {
		Certificates []struct {
			Digest []byte
			Issuer asn1.RawValue `asn1:"optional"`
		}
		Policies asn1.RawValue `asn1:"optional"`
	}
)

// namesCertificate reports whether the signature names this certificate as that of its signer.
func namesCertificate(signed *pkcs7.PKCS7, signer *x509.Certificate) bool {
	var named certificatesV2
	if signed.UnmarshalSignedAttribute(attributeCertificateV2, &named) == nil && len(named.Certificates) > 0 {
		first := named.Certificates[0]
		want := digestOf(first.Algorithm.Algorithm, signer.Raw)
		return want != nil && bytes.Equal(first.Digest, want)
	}
	var before certificates
	if signed.UnmarshalSignedAttribute(attributeCertificate, &before) == nil && len(before.Certificates) > 0 {
		sum := sha1.Sum(signer.Raw) //nolint:gosec // as above
		return bytes.Equal(before.Certificates[0].Digest, sum[:])
	}
	return false
}

// isForTimestamps reports whether a certificate has signing time-stamps as its only purpose, in a critical extension.
// RFC 3161 has it so, and OpenSSL refuses others.
func isForTimestamps(c *x509.Certificate) bool {
	only := slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}) && len(c.UnknownExtKeyUsage) == 0
	return only && slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool {
		return e.Id.Equal(extensionPurposes) && e.Critical
	})
}

// digestOf is the digest of data by an algorithm, and nil if it is another one than time-stamps are signed with.
func digestOf(algorithm asn1.ObjectIdentifier, data []byte) []byte {
	switch {
	case len(algorithm) == 0, algorithm.Equal(pkcs7.OIDDigestAlgorithmSHA256):
		sum := sha256.Sum256(data)
		return sum[:]
	case algorithm.Equal(pkcs7.OIDDigestAlgorithmSHA384):
		sum := sha512.Sum384(data)
		return sum[:]
	case algorithm.Equal(pkcs7.OIDDigestAlgorithmSHA512):
		sum := sha512.Sum512(data)
		return sum[:]
	}
	return nil
}
