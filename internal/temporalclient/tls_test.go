package temporalclient_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"durablekyc.example/internal/certtest"
	"durablekyc.example/internal/frontendtest"
	"durablekyc.example/internal/renewal"
	"durablekyc.example/internal/temporalclient"
)

// secured is a frontend behind TLS that asks for client certificates, and knows
// who shook hands with it.
type secured struct {
	frontend
	mu     sync.Mutex
	own    tls.Certificate
	trusts *x509.CertPool
	seenAs []string
}

func (s *secured) GetSystemInfo(ctx context.Context,
	r *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return s.frontend.GetSystemInfo(ctx, r)
}

func (s *secured) config(*tls.ClientHelloInfo) (*tls.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &tls.Config{Certificates: []tls.Certificate{s.own}, ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs: s.trusts, NextProtos: []string{"h2"},
		VerifyConnection: func(state tls.ConnectionState) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.seenAs = append(s.seenAs, state.PeerCertificates[0].Subject.CommonName)
			return nil
		}}, nil
}

func (s *secured) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seenAs) == 0 {
		return ""
	}
	return s.seenAs[len(s.seenAs)-1]
}

func (s *secured) set(own tls.Certificate, trusted certtest.Pair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own, s.trusts = own, x509.NewCertPool()
	s.trusts.AddCert(trusted.Certificate)
}

// serve also returns a function that breaks every connection.
func (s *secured) serve(t *testing.T) (address string, breakAll func()) {
	t.Helper()
	broken := &breakable{Listener: frontendtest.Listen(t)}
	server := frontendtest.ServeOn(t, broken, s,
		grpc.Creds(credentials.NewTLS(&tls.Config{GetConfigForClient: s.config})))
	return server.Address, broken.breakAll
}

// breakable is a listener whose connections can be broken.
type breakable struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (b *breakable) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.conns = append(b.conns, conn)
	}
	return conn, err
}

func (b *breakable) breakAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, conn := range b.conns {
		_ = conn.Close()
	}
	b.conns = nil
}

func mutual(address, link string) map[string]string {
	return map[string]string{"TEMPORAL_ADDRESS": address, "TEMPORAL_TLS_CLIENT_CERT_PATH": filepath.Join(link, "tls.crt"),
		"TEMPORAL_TLS_CLIENT_KEY_PATH": filepath.Join(link, "tls.key"), "TEMPORAL_TLS_SERVER_CA_CERT_PATH": filepath.Join(
			link, "ca.crt")}
}

// A client certificate and an authority that are renewed on disk are taken at
// the next handshake, and a half-written file leaves the old ones in force.
func TestRenewedCertificatesAreTaken(t *testing.T) {
	first, second := certtest.Authority(t, "first"), certtest.Authority(t, "second")
	temporal, link := &secured{}, filepath.Join(t.TempDir(), "data")
	temporal.set(first.Issue(t, "temporal", time.Hour).TLS(), first)
	address, breakAll := temporal.serve(t)
	certtest.Mount(t, link, first.Issue(t, "client one", time.Hour), first, nil)
	o := options(mutual(address, link))
	ends := map[string]func() time.Time{}
	o.Certificate = func(name string, end func() time.Time) { ends[name] = end }
	c, err := temporalclient.Dial(t.Context(), o)
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, "client one", temporal.last())
	again := func(says string) {
		t.Helper()
		require.Eventually(t, func() bool {
			breakAll()
			_, err := c.CheckHealth(t.Context(), &client.CheckHealthRequest{})
			return err == nil && temporal.last() == says
		}, 10*time.Second, 100*time.Millisecond)
	}

	certtest.Mount(t, link, first.Issue(t, "client two", 2*time.Hour), first, nil)
	again("client two")
	require.WithinDuration(t, time.Now().Add(2*time.Hour), ends["temporal_client"](), time.Minute)

	require.NoError(t, os.WriteFile(filepath.Join(link, "tls.crt"), []byte("half"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(link, "ca.crt"), nil, 0o600))
	read := time.Now()
	require.Eventually(t, func() bool { again("client two"); return time.Since(read) > 2*renewal.Every }, 10*time.Second,
		100*time.Millisecond)

	temporal.set(second.Issue(t, "temporal", time.Hour).TLS(), second)
	certtest.Mount(t, link, second.Issue(t, "client three", 3*time.Hour), second, nil)
	again("client three")
	require.WithinDuration(t, second.Certificate.NotAfter, ends["temporal_ca"](), time.Minute)
}

// A server whose certificate the authorities on disk do not vouch for, or that
// is for another name, is refused as it is without renewal.
func TestAnotherAuthorityIsRefused(t *testing.T) {
	known, other := certtest.Authority(t, "known"), certtest.Authority(t, "other")
	for name, test := range map[string]struct {
		signs certtest.Pair
		as    string
	}{"another authority": {other, ""}, "another name": {known, "temporal.example"}} {
		t.Run(name, func(t *testing.T) {
			temporal, link := &secured{}, filepath.Join(t.TempDir(), "data")
			temporal.set(test.signs.Issue(t, "temporal", time.Hour).TLS(), known)
			address, _ := temporal.serve(t)
			certtest.Mount(t, link, known.Issue(t, "client", time.Hour), known, nil)
			variables := mutual(address, link)
			if test.as != "" {
				variables["TEMPORAL_TLS_SERVER_NAME"] = test.as
			}
			_, err := temporalclient.Dial(t.Context(), options(variables))
			require.ErrorContains(t, err, "cannot connect to Temporal at 127.0.0.1:")
		})
	}
}

// What a client certificate is refused for is told as that.
func TestARefusedClientCertificateIsToldAsThat(t *testing.T) {
	a := certtest.Authority(t, "a")
	temporal, link := &secured{}, filepath.Join(t.TempDir(), "data")
	temporal.set(a.Issue(t, "temporal", time.Hour).TLS(), a)
	address, _ := temporal.serve(t)
	with := func(lasts time.Duration) map[string]string {
		certtest.Mount(t, link, a.Issue(t, "client", lasts), a, nil)
		return mutual(address, link)
	}
	none := with(time.Hour)
	delete(none, "TEMPORAL_TLS_CLIENT_CERT_PATH")
	delete(none, "TEMPORAL_TLS_CLIENT_KEY_PATH")
	for name, test := range map[string]struct {
		variables map[string]string
		says      string
	}{
		"expired":   {with(-time.Minute), "expired certificate"},
		"none":      {none, "certificate required"},
		"plaintext": {map[string]string{"TEMPORAL_ADDRESS": address}, "TEMPORAL_TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := temporalclient.Dial(t.Context(), options(test.variables))
			t.Log(err, "|", errors.Unwrap(err))
			require.ErrorContains(t, err, "cannot connect to Temporal at 127.0.0.1:")
			require.ErrorContains(t, err, test.says)
		})
	}
}
