package httpserver

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"golang.org/x/net/netutil"
)

// ServeLimited is HTTP for a listener that strangers reach: over TLS unless config is
// nil, and with so many connections at once, or half as many as the process may
// have file descriptors. More of them wait in the kernel's
// queue, not in our memory, until one has ended. So that nobody waits for
// a client that only might ask again, a connection is not kept for that while
// three quarters of the places are taken.
func (t Timeouts) ServeLimited(ctx context.Context, ln net.Listener, most int, config *tls.Config, h http.Handler,
	log *slog.Logger) error {
	// The bound is below TLS: a connection in its handshake counts, and Go's server
	// must see a TLS connection to speak HTTP/2 over it.
	most = descriptors(most)
	ln = SecureListener(slowListener{netutil.LimitListener(ln, most)}, config)
	return t.serve(ctx, ln, h, log, func(server *http.Server) {
		clients := &connLimiter{server: server, most: most, log: log}
		server.ConnState = func(conn net.Conn, state http.ConnState) {
			clients.note(conn, state)
			tellSlow(conn, state, t.slow())
		}
	})
}

// connLimiter counts a server's connections.
type connLimiter struct {
	server *http.Server
	most   int
	log    *slog.Logger

	mu         sync.Mutex
	open       int
	overloaded bool // three quarters were reached, and a half was not since
}

// note is http.Server.ConnState.
func (c *connLimiter) note(_ net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open++
	case http.StateClosed, http.StateHijacked:
		c.open--
	}
	switch {
	case !c.overloaded && c.open >= c.most*3/4:
		c.overloaded = true
		c.log.Warn("connection limit nearly reached; disabling keep-alive", "open", c.open, "most", c.most)
		// those that are idle now are closed as well; of HTTP/2, once they were asked again
		c.server.SetKeepAlivesEnabled(false)
	case c.overloaded && c.open <= c.most/2:
		c.overloaded = false
		c.server.SetKeepAlivesEnabled(true)
	}
}
