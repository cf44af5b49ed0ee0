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

// slowListener makes connections that know whether a client took too long. net/http
// does not answer such a client: it closes the connection.
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
	phase atomic.Int32
	late  atomic.Bool // the last read ended with its deadline
	told  atomic.Bool // the answer was written; nothing more is
	tell  func()      // writes it; set before phase leaves inRequest
}

// Phases of a connection. After an answer the server sets two deadlines: one for the
// first bytes of the next request and, once they have come, one for its headers.
const (
	inRequest    int32 = iota // the first request, or any whose headers have come
	afterAnswer               // no deadline was set since
	betweenTwo                // nothing of the next request is wanted yet
	laterHeaders              // a request after the first has begun
)

func (c *slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.late.Store(errors.Is(err, os.ErrDeadlineExceeded))
	if c.late.Load() && c.phase.Load() == laterHeaders {
		c.tell()
	}
	return n, err
}

func (c *slowConn) SetReadDeadline(t time.Time) error {
	if !c.phase.CompareAndSwap(afterAnswer, betweenTwo) {
		c.phase.CompareAndSwap(betweenTwo, laterHeaders)
	}
	return c.Conn.SetReadDeadline(t)
}

func (c *slowConn) Write(b []byte) (int, error) {
	if c.told.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

// tellSlow is part of http.Server.ConnState. A connection is active once a request's
// headers have been read or could not be, which the last read shows; between
// two requests the server ends reads of its own accord. Where the server had all
// that came of a later request in its buffer before it read the headers, it calls
// nobody, and closes or answers 400 by where the headers broke off: such a client is
// known when the read ends, in Read.
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
		c.tell = func() { c.tellOnce(conn, body) }
		c.phase.Store(afterAnswer)
	case state == http.StateActive:
		c.phase.Store(inRequest)
		if c.late.Load() {
			c.tellOnce(conn, body)
		}
	}
}

// tellOnce answers 408 on conn, which is c or TLS over it.
func (c *slowConn) tellOnce(conn net.Conn, body string) {
	if c.told.Load() {
		return
	}
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	fmt.Fprintf(conn, "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json; charset=utf-8\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
	c.told.Store(true)
}
