package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// issuer signs certificates for 127.0.0.1.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) issuer {
	t.Helper()
	return issuer{}.issue(t, time.Hour)
}

func (i issuer) issue(t *testing.T, lasts time.Duration) issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: serial.String()},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lasts),
		IsCA: i.certificate == nil, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	parent, signer := i.certificate, i.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return issuer{certificate, key}
}

func (i issuer) pair(t *testing.T) tls.Certificate {
	t.Helper()
	leaf := i.issue(t, time.Hour)
	return tls.Certificate{Certificate: [][]byte{leaf.certificate.Raw}, PrivateKey: leaf.key}
}

// renew makes link lead to a new folder with a pair, its authority and a token.
func (i issuer) renew(t *testing.T, link string, lasts time.Duration, token string) {
	t.Helper()
	leaf, folder := i.issue(t, lasts), t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(leaf.key)
	require.NoError(t, err)
	for name, content := range map[string][]byte{
		"tls.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.certificate.Raw}),
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"ca.crt":  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.certificate.Raw}),
		"token":   []byte(token + "\n"),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	require.NoError(t, os.Symlink(folder, link+".new"))
	require.NoError(t, os.Rename(link+".new", link))
}

// secureFront is Temporal behind TLS that asks for client certificates: what
// comes is passed on as it is.
type secureFront struct {
	address string
	mu      sync.Mutex
	own     tls.Certificate
	trusted *x509.CertPool
	conns   []net.Conn
	peers   []*x509.Certificate
}

func newSecureFront(t *testing.T, behind string, by issuer) *secureFront {
	t.Helper()
	f := &secureFront{}
	f.present(t, by)
	f.trust(by)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetConfigForClient: f.config})
	require.NoError(t, err)
	f.address = ln.Addr().String()
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, conn)
			f.mu.Unlock()
			open.Go(func() { forward(conn, behind) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); f.breakAll(); open.Wait() })
	return f
}

func forward(conn net.Conn, behind string) {
	defer conn.Close()
	next, err := net.Dial("tcp", behind)
	if err != nil {
		return
	}
	defer next.Close()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(next, conn); _ = next.Close() })
	both.Go(func() { _, _ = io.Copy(conn, next); _ = conn.Close() })
	both.Wait()
}

func (f *secureFront) config(*tls.ClientHelloInfo) (*tls.Config, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &tls.Config{Certificates: []tls.Certificate{f.own}, ClientCAs: f.trusted,
		ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2"},
		VerifyConnection: func(state tls.ConnectionState) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.peers = append(f.peers, state.PeerCertificates[0])
			return nil
		}}, nil
}

func (f *secureFront) present(t *testing.T, by issuer) {
	t.Helper()
	pair := by.pair(t)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.own = pair
}

func (f *secureFront) trust(issuers ...issuer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trusted = x509.NewCertPool()
	for _, i := range issuers {
		f.trusted.AddCert(i.certificate)
	}
}

// seen counts the handshakes of clients that this issuer vouches for.
func (f *secureFront) seen(by issuer) (count int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, peer := range f.peers {
		if peer.CheckSignatureFrom(by.certificate) == nil {
			count++
		}
	}
	return count
}

func (f *secureFront) breakAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range f.conns {
		_ = conn.Close()
	}
	f.conns = nil
}
