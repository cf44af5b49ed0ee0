package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/certtest"
)

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

func newSecureFront(t *testing.T, behind string, by certtest.Pair) *secureFront {
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

func (f *secureFront) present(t *testing.T, by certtest.Pair) {
	t.Helper()
	pair := by.Issue(t, "temporal", time.Hour).TLS()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.own = pair
}

func (f *secureFront) trust(issuers ...certtest.Pair) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trusted = x509.NewCertPool()
	for _, i := range issuers {
		f.trusted.AddCert(i.Certificate)
	}
}

// seen counts the handshakes of clients that this issuer vouches for.
func (f *secureFront) seen(by certtest.Pair) (count int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, peer := range f.peers {
		if peer.CheckSignatureFrom(by.Certificate) == nil {
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
