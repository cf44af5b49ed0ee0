package serve

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"time"
)

// Certificate makes what SecureListener needs of a certificate, with those that
// vouch for it behind it, and its key, both PEM. Nil if neither is given. The
// error is one sentence, and nothing of the key is in it.
func Certificate(certificate, key string) (*tls.Config, error) {
	switch {
	case certificate == "" && key == "":
		return nil, nil
	case certificate == "" || key == "":
		return nil, errors.New("a certificate and its key come together: set both or neither")
	}
	leaf, err := first(certificate)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode([]byte(key)); block == nil {
		return nil, errors.New("the key is no PEM: it begins with -----BEGIN PRIVATE KEY-----")
	}
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	switch now := time.Now(); {
	case err != nil: // its own words are left out: they are many, and of the key
		return nil, errors.New("the certificate and the key do not fit together, or the key is of a kind that cannot be used")
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("the certificate ended on %s: renew it", leaf.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("the certificate begins on %s: until then nobody accepts it", leaf.NotBefore.UTC().Format(time.DateOnly))
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12, // and 1.3 with whoever can, which is Go's own choice, as are the ciphers
		NextProtos:   []string{"h2", "http/1.1"},
	}, nil
}

// first is the service's own certificate of a chain.
func first(chain string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(chain))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("the certificate is no PEM: it begins with -----BEGIN CERTIFICATE-----")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errors.New("the certificate is broken: its PEM holds something else")
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
