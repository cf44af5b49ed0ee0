package temporalclient

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"go.temporal.io/sdk/contrib/envconfig"

	"durablekyc.example/internal/renewal"
)

// renewTLS makes a connection read the client certificate and the authorities
// again at each handshake, where the configuration names files: who renews
// them (cert-manager, Vault, an operator) need not restart anything. A file
// that cannot be used leaves the one before in force. It returns when each
// certificate ends, by the names that the metric has.
func renewTLS(config *tls.Config, files *envconfig.ClientConfigTLS, address string,
	log *slog.Logger) (map[string]func() time.Time, error) {
	ends := map[string]func() time.Time{}
	if config == nil || files == nil {
		return ends, nil
	}
	if files.ClientCertPath != "" {
		pair, err := renewal.New("the client certificate for Temporal", func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(files.ClientCertPath, files.ClientKeyPath)
			return &pair, err
		}, log)
		if err != nil {
			return nil, fmt.Errorf("invalid client certificate for Temporal: %w", err)
		}
		config.Certificates = nil
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair.Get(), nil }
		ends["temporal_client"] = func() time.Time { return pair.Get().Leaf.NotAfter }
	}
	if files.ServerCACertPath != "" && !config.InsecureSkipVerify {
		known, err := renewal.New("the certificate authorities of Temporal", func() (*authorities, error) {
			return readAuthorities(files.ServerCACertPath)
		}, log)
		if err != nil {
			return nil, fmt.Errorf("invalid certificate authorities for Temporal: %w", err)
		}
		name := serverName(config.ServerName, address)
		config.ServerName, config.RootCAs = name, nil
		// Go reads RootCAs once. VerifyConnection checks the same against what the
		// file holds now; crypto/tls calls it at every handshake, resumed ones too.
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) error { return known.Get().verify(state, name) }
		ends["temporal_ca"] = func() time.Time { return known.Get().ends }
	}
	return ends, nil
}

// serverName is the name that Temporal's certificate has to be for.
func serverName(configured, address string) string {
	if configured != "" {
		return configured
	}
	host, _, _ := net.SplitHostPort(strings.TrimPrefix(address, "dns:///")) // checked by profile
	return host
}

// authorities are those that may vouch for Temporal's certificate.
type authorities struct {
	pool *x509.CertPool
	ends time.Time // when the last of them ends: old ones stay in a bundle for a while
}

func readAuthorities(path string) (*authorities, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	read := &authorities{pool: x509.NewCertPool()}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			continue // as AppendCertsFromPEM does
		}
		read.pool.AddCert(certificate)
		if certificate.NotAfter.After(read.ends) {
			read.ends = certificate.NotAfter
		}
	}
	if read.ends.IsZero() {
		return nil, errors.New("the file contains no PEM certificate")
	}
	return read, nil
}

func (a *authorities) verify(state tls.ConnectionState, name string) error {
	intermediates := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: name, Roots: a.pool,
		Intermediates: intermediates})
	return err
}
