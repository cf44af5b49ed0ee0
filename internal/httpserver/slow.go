package httpserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// slowListener makes connections that know whether a client took too long, which
// net/http tells nobody: it closes a connection whose headers do not come in time
// without a word.
type slowListener struct{ net.Listener }

func (l slowListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &slowConn{Conn: conn}, nil
}

type slowConn struct {
	net.Conn
	late atomic.Bool // the last read ended with its deadline
	told atomic.Bool // the client was told so, and is told nothing more
}

func (c *slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.late.Store(errors.Is(err, os.ErrDeadlineExceeded))
	return n, err
}

func (c *slowConn) Write(b []byte) (int, error) {
	if c.told.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

// tellSlow is part of http.Server.ConnState. A connection is active once a
// request's headers have been read or could not be, and the last read tells which;
// between two requests the server ends reads of its own accord. Where all that
// came of a later request lay in the server's buffer already, it calls nobody, and
// answers 400 itself.
func tellSlow(conn net.Conn, state http.ConnState, body string) {
	raw := conn
	if secured, ok := conn.(*tls.Conn); ok {
		if secured.ConnectionState().NegotiatedProtocol == "h2" {
			return // which has its own words
		}
		raw = secured.NetConn()
	}
	c, ours := raw.(*slowConn)
	switch {
	case !ours:
	case state == http.StateIdle:
		c.late.Store(false)
	case state == http.StateActive && c.late.Load():
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		fmt.Fprintf(conn, "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
			len(body), body)
		c.told.Store(true)
	}
}
