// Package httpserver is what our services do alike around their own work: an HTTP
// server that limits everything a client may take its time with and ends
// gracefully, an admin listener, a health check, and the command line.
package httpserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
)

// Grace is how long requests under way may take once the service has to stop.
const Grace = 20 * time.Second

// Timeouts are how long a client may take with each part of a request. A field
// that is zero is as in HTTP.
type Timeouts struct {
	Header time.Duration // until the request's headers have come; 5 s
	Read   time.Duration // until its body has; 30 s
	Write  time.Duration // until it has taken the answer; 60 s
	Idle   time.Duration // until it asks again; 2 min
	Grace  time.Duration // once the service has to stop

	// Slow is the JSON that a client is told with status 408 whose headers do not
	// come in time, as the path is not known then; empty is a problem (RFC 9457).
	Slow func() string
}

func (t Timeouts) slow() string {
	if t.Slow == nil {
		return `{"type":"about:blank","title":"Request Timeout","status":408,"detail":"Timed out reading the headers."}`
	}
	return t.Slow()
}

// maxHeaderBytes is how many bytes of headers a request may have. Go adds 4 KB of
// its own accord before it answers 431.
const maxHeaderBytes = 16 << 10

// http2Limits bounds what a connection of HTTP/2 may keep here. Go's own bounds, 250
// requests, 1 MB of bodies and another of a frame, would make any number of
// connections a number of gigabytes. A page of ours is five requests.
var http2Limits = http.HTTP2Config{
	MaxConcurrentStreams:          8,
	MaxReadFrameSize:              16 << 10, // the least there is, as is the next
	MaxReceiveBufferPerConnection: 64 << 10, // 64 KB on the way: 20 MB in 5 min would come through even a second away
	MaxReceiveBufferPerStream:     64 << 10,
}

// HTTP serves h on ln until ctx ends, then lets the requests under way finish
// within Grace. It takes the listener over and returns when all it started has
// ended: nil after a clean stop. A handler that needs other times than these
// sets them by http.ResponseController.
func HTTP(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	return Timeouts{}.HTTP(ctx, ln, h, log)
}

// HTTP is the function of that name with times of one's own. It has 64
// connections at once, and a few of them when the process has no file descriptor left.
func (t Timeouts) HTTP(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	ln = slowListener{netutil.LimitListener(newSpareListener(ln), descriptors(maxAdmin))}
	return t.serve(ctx, ln, h, log, func(server *http.Server) {
		server.ConnState = func(conn net.Conn, state http.ConnState) { tellSlow(conn, state, t.slow()) }
	})
}

func (t Timeouts) serve(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger,
	change func(*http.Server)) error {
	grace := cmp.Or(t.Grace, Grace)
	// Requests outlive ctx for a while; they end with this one at the latest.
	requests, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: cmp.Or(t.Header, 5*time.Second),
		ReadTimeout:       cmp.Or(t.Read, 30*time.Second),
		WriteTimeout:      cmp.Or(t.Write, 60*time.Second),
		IdleTimeout:       cmp.Or(t.Idle, 2*time.Minute),
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http2Limits,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	change(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(requests, grace)
	defer cancel()
	err := server.Shutdown(deadline)
	if err != nil {
		_ = server.Close() // before the handlers hear of it: none may answer as if all were well
		abandon()
		err = fmt.Errorf("aborted requests on %s that took longer than %s", ln.Addr(), grace)
	}
	<-served //nolint:errcheck // always http.ErrServerClosed now
	return err
}

// Listen takes an address such as 127.0.0.1:8080, port 0 for any free one. The
// error is one sentence that names the address.
func Listen(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("the address %s is in use by another program: stop it or choose another address", addr)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this user may not listen on %s: choose a port above 1023", addr)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", addr, cause(err))
	}
	return ln, nil
}

// cause drops what a net.OpError adds around the reason; the address was said.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
