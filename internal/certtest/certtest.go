// Package certtest issues certificates for 127.0.0.1 to tests.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Pair is a certificate and its key, for servers and clients alike.
type Pair struct {
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
}

// Authority makes an authority with a common name. It lasts for an hour, as does everything below without a time.
func Authority(t testing.TB, name string) Pair {
	t.Helper()
	return SelfSigned(t, name, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

// SelfSigned makes a certificate that signs itself.
func SelfSigned(t testing.TB, name string, from, until time.Time) Pair {
	t.Helper()
	return issue(t, nil, name, from, until)
}

// Issue makes a certificate that this authority signs and that ends after some time.
func (p Pair) Issue(t testing.TB, name string, lasts time.Duration) Pair {
	t.Helper()
	return issue(t, &p, name, time.Now().Add(-time.Hour), time.Now().Add(lasts))
}

func issue(t testing.TB, by *Pair, name string, from, until time.Time) Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: from,
		NotAfter: until, IsCA: by == nil, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	if by == nil {
		by = &Pair{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.Key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return Pair{certificate, key}
}

// TLS is the pair as crypto/tls takes it.
func (p Pair) TLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.Certificate.Raw}, PrivateKey: p.Key}
}

// PEM returns the certificate and its key as PEM.
func (p Pair) PEM(t testing.TB) (certificate, key string) {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(p.Key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate.Raw})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// Mount writes tls.crt and tls.key of a pair, ca.crt of its authority and more files into a new folder, and makes link
// lead to it in one step, as Kubernetes renews a mounted secret.
func Mount(t testing.TB, link string, pair, authority Pair, more map[string]string) {
	t.Helper()
	folder := t.TempDir()
	certificate, key := pair.PEM(t)
	ca, _ := authority.PEM(t)
	files := map[string]string{"tls.crt": certificate, "tls.key": key, "ca.crt": ca}
	maps.Copy(files, more)
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	require.NoError(t, os.Symlink(folder, link+".new"))
	require.NoError(t, os.Rename(link+".new", link))
}
