package httpserver

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"durablekyc.example/internal/renewal"
)

// Certificate makes what SecureListener needs of a certificate, with those that
// vouch for it behind it, and its key, both PEM. Nil if neither is given. The
// error is one sentence, and nothing of the key is in it.
func Certificate(certificate, key string) (*tls.Config, error) {
	switch {
	case certificate == "" && key == "":
		return nil, nil
	case certificate == "" || key == "":
		return nil, errors.New("a certificate and its key must be set together")
	}
	leaf, err := first(certificate)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode([]byte(key)); block == nil {
		return nil, errors.New("the key is not PEM (expected -----BEGIN PRIVATE KEY-----)")
	}
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	switch now := time.Now(); {
	case err != nil: // its own words are left out: they are many, and of the key
		return nil, errors.New("the certificate and the key do not match, or the type of the key is not supported")
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("the certificate expired on %s: renew it", leaf.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("the certificate is not valid before %s",
			leaf.NotBefore.UTC().Format(time.DateOnly))
	}
	config := secure()
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// secure is what listeners offer: TLS 1.2, and 1.3 with clients that can, which is
// Go's own choice, as are the ciphers.
func secure() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
}

// errNoCertificate is a pair that is not there: at first that means no TLS.
var errNoCertificate = errors.New("the certificate and its key are no longer there")

// RenewedCertificate is Certificate of what load returns, which is called again
// at handshakes: a pair that is renewed on disk is taken without a restart, and
// one that cannot be used leaves the one before in force. ends says when the
// newest one ends. Nil if load returns neither at first.
func RenewedCertificate(load func() (certificate, key string, err error), log *slog.Logger) (config *tls.Config,
	ends func() time.Time, err error) {
	pair, err := renewal.New("the certificate of KYC_LISTEN", func() (*tls.Certificate, error) {
		certificate, key, err := load()
		if err != nil {
			return nil, err
		}
		switch made, err := Certificate(certificate, key); {
		case err != nil:
			return nil, err
		case made == nil:
			return nil, errNoCertificate
		default:
			return &made.Certificates[0], nil
		}
	}, log)
	switch {
	case errors.Is(err, errNoCertificate):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	}
	config = secure()
	config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.Get(), nil }
	return config, func() time.Time { return pair.Get().Leaf.NotAfter }, nil
}

// first is the service's own certificate of a chain.
func first(chain string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(chain))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("the certificate is not PEM (expected -----BEGIN CERTIFICATE-----)")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errors.New("the certificate is damaged: its PEM contains something else")
	}
	return leaf, nil
}

// SecureListener speaks TLS on ln; a nil config leaves it as it is.
func SecureListener(ln net.Listener, config *tls.Config) net.Listener {
	if config == nil {
		return ln
	}
	return tls.NewListener(ln, config)
}
