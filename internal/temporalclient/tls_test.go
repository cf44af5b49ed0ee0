package temporalclient_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
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
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"durablekyc.example/internal/renewal"
	"durablekyc.example/internal/temporalclient"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	a := authority{}
	a.certificate, a.key = a.sign(t, name, time.Hour, true)
	return a
}

// sign makes a certificate that ends after some time; the zero authority signs itself.
func (a authority) sign(t *testing.T, name string, lasts time.Duration, isCA bool) (*x509.Certificate,
	*ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lasts),
		IsCA: isCA, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return certificate, key
}

// write puts a certificate, its key and its authority into a new folder, and
// makes link point to it in one step, as Kubernetes does.
func (a authority) write(t *testing.T, link, name string, lasts time.Duration) {
	t.Helper()
	certificate, key := a.sign(t, name, lasts, false)
	folder := t.TempDir()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for file, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: certificate.Raw}, "tls.key": {Type: "PRIVATE KEY", Bytes: pkcs8},
		"ca.crt": {Type: "CERTIFICATE", Bytes: a.certificate.Raw},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, file), pem.EncodeToMemory(block), 0o600))
	}
	require.NoError(t, os.Symlink(folder, link+".new"))
	require.NoError(t, os.Rename(link+".new", link))
}

func (a authority) pair(t *testing.T, name string) tls.Certificate {
	t.Helper()
	certificate, key := a.sign(t, name, time.Hour, false)
	return tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}
}

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

func (s *secured) set(own tls.Certificate, trusted authority) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own, s.trusts = own, x509.NewCertPool()
	s.trusts.AddCert(trusted.certificate)
}

// serve also returns a function that breaks every connection.
func (s *secured) serve(t *testing.T) (address string, breakAll func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	broken := &breakable{Listener: ln}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{GetConfigForClient: s.config})))
	healthy := health.NewServer()
	healthy.SetServingStatus("temporal.api.workflowservice.v1.WorkflowService", healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(server, healthy)
	workflowservice.RegisterWorkflowServiceServer(server, s)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(broken) }()
	t.Cleanup(func() { server.Stop(); require.NoError(t, <-ended) })
	return ln.Addr().String(), broken.breakAll
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
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	temporal, link := &secured{}, filepath.Join(t.TempDir(), "data")
	temporal.set(first.pair(t, "temporal"), first)
	address, breakAll := temporal.serve(t)
	first.write(t, link, "client one", time.Hour)
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

	first.write(t, link, "client two", 2*time.Hour)
	again("client two")
	require.WithinDuration(t, time.Now().Add(2*time.Hour), ends["temporal_client"](), time.Minute)

	require.NoError(t, os.WriteFile(filepath.Join(link, "tls.crt"), []byte("half"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(link, "ca.crt"), nil, 0o600))
	read := time.Now()
	require.Eventually(t, func() bool { again("client two"); return time.Since(read) > 2*renewal.Every }, 10*time.Second,
		100*time.Millisecond)

	temporal.set(second.pair(t, "temporal"), second)
	second.write(t, link, "client three", 3*time.Hour)
	again("client three")
	require.WithinDuration(t, second.certificate.NotAfter, ends["temporal_ca"](), time.Minute)
}

// A server whose certificate the authorities on disk do not vouch for, or that
// is for another name, is refused as it is without renewal.
func TestAnotherAuthorityIsRefused(t *testing.T) {
	known, other := newAuthority(t, "known"), newAuthority(t, "other")
	for name, test := range map[string]struct {
		signs authority
		as    string
	}{"another authority": {other, ""}, "another name": {known, "temporal.example"}} {
		t.Run(name, func(t *testing.T) {
			temporal, link := &secured{}, filepath.Join(t.TempDir(), "data")
			temporal.set(test.signs.pair(t, "temporal"), known)
			address, _ := temporal.serve(t)
			known.write(t, link, "client", time.Hour)
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
	a := newAuthority(t, "a")
	temporal, link := &secured{}, filepath.Join(t.TempDir(), "data")
	temporal.set(a.pair(t, "temporal"), a)
	address, _ := temporal.serve(t)
	with := func(lasts time.Duration) map[string]string {
		a.write(t, link, "client", lasts)
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
