package temporalclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
)

// alertWithin is how long probe waits for what a server has against a client's
// certificate: in TLS 1.3 it says so after the client's own handshake.
const alertWithin = time.Second

// errTLS marks a cause that is about TLS and certificates.
var errTLS = errors.New("TLS")

// probe connects by hand to find out why gRPC could not. gRPC reports one of
// several causes, whichever came last: "broken pipe" for a refused certificate,
// "EOF" for plaintext at a port that wants TLS.
func probe(ctx context.Context, options client.Options) error {
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(options.HostPort, "dns:///"))
	if err != nil {
		return err
	}
	defer conn.Close()
	config := options.ConnectionOptions.TLS
	if config == nil {
		// Nothing secret is sent: it is only seen whether TLS is spoken there.
		blind := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // as the line above says
		if tls.Client(conn, blind).HandshakeContext(ctx) == nil {
			return fmt.Errorf("%w: the server uses TLS, but TEMPORAL_TLS is not set", errTLS)
		}
		return nil
	}
	config = config.Clone()
	config.ServerName, config.NextProtos = serverName(config.ServerName, options.HostPort), []string{"h2"}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("%w: %w", errTLS, err)
	}
	_ = secure.SetReadDeadline(time.Now().Add(alertWithin))
	_, err = secure.Read(make([]byte, 1))
	if _, isAlert := errors.AsType[tls.AlertError](err); isAlert || err != nil && strings.Contains(err.Error(), "tls:") {
		return fmt.Errorf("%w: %s", errTLS, Reason(err))
	}
	return nil
}
