package httpserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A client whose headers do not come in time is told 408 and nothing else, over
// plain HTTP and TLS, for its first request and for a later one; one that sends nothing at all is told nothing, and
// requests that come in time are answered, however many are sent at once.
func TestSlowHeadersAreTold(t *testing.T) {
	certificate, key := pair(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	config, err := Certificate(certificate, key)
	require.NoError(t, err)
	for name, secure := range map[string]*tls.Config{"plain": nil, "TLS": config} {
		t.Run(name, func(t *testing.T) {
			ln, err := Listen("127.0.0.1:0")
			require.NoError(t, err)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan error, 1)
			times := Timeouts{Header: time.Second, Idle: 2 * time.Second, Slow: func() string { return `{"code":"slow"}` }}
			go func() {
				ended <- times.ServeLimited(ctx, ln, 10, secure, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_,
						_ = io.WriteString(w, "fine")
				}), quiet)
			}()
			const whole = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
			for what, send := range map[string]struct {
				first, text string // text is sent once first has been answered
				answers     []int
			}{
				"half a header":       {text: "GET / HTTP/1.1\r\nHost: a\r\nX-A", answers: []int{408}},
				"half a request line": {text: "GET / HT", answers: []int{408}},
				"two at once": {text: whole + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
					answers: []int{200, 200}},
				"nothing":                    {},
				"later, half a header":       {first: whole, text: "GET / HTTP/1.1\r\nHost: a\r\nX-A", answers: []int{408}},
				"later, whole lines":         {first: whole, text: "GET / HTTP/1.1\r\nHost: a\r\n", answers: []int{408}},
				"later, half a request line": {first: whole, text: "GET / HT", answers: []int{408}},
				"one and a half at once":     {text: whole + "GET / HTTP/1.1\r\nHost: a\r\nX-A", answers: []int{200, 408}},
				"later, one and a half":      {first: whole, text: whole + "GET / HTTP/1.1\r\nHos", answers: []int{200, 408}},
				"later, nothing":             {first: whole},
				"later, not HTTP":            {first: whole, text: "GET / HTTP/1.1\r\nno header\r\n\r\n", answers: []int{400}},
			} {
				var conn net.Conn
				if conn, err = net.Dial("tcp", ln.Addr().String()); secure != nil {
					conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
				}
				require.NoError(t, err)
				require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
				answers := bufio.NewReader(conn)
				sends := func(text string, wants ...int) {
					_, err := io.WriteString(conn, text)
					require.NoError(t, err)
					for _, want := range wants {
						response, err := http.ReadResponse(answers, nil)
						require.NoError(t, err, what)
						body, err := io.ReadAll(response.Body)
						require.NoError(t, err, what)
						require.Equal(t, want, response.StatusCode, "%s: %s", what, body)
						require.Equal(t, map[int]string{200: "fine", 400: "400 Bad Request", 408: `{"code":"slow"}`}[want], string(body),
							what)
					}
				}
				if send.first != "" {
					sends(send.first, http.StatusOK)
				}
				sends(send.text, send.answers...)
				rest, err := io.ReadAll(answers)
				require.True(t, err == nil || !errors.Is(err, os.ErrDeadlineExceeded), what)
				require.Empty(t, rest, what)
				_ = conn.Close()
			}
			stop()
			require.NoError(t, <-ended)
		})
	}
}

// With no file descriptor left, a few connections are still taken: the operator
// is told that the process lives.
func TestAListenerHasDescriptorsToSpare(t *testing.T) {
	plain, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	ln := newSpareListener(plain)
	defer ln.Close()
	for range spares + 1 { // they wait in the kernel's queue
		client, err := net.Dial("tcp", plain.Addr().String())
		require.NoError(t, err)
		defer client.Close()
	}
	use(t)
	var taken []net.Conn
	for range spares {
		conn, err := ln.Accept()
		require.NoError(t, err)
		taken = append(taken, conn)
	}
	_, err = ln.Accept()
	require.ErrorIs(t, err, syscall.EMFILE)
	require.NoError(t, taken[0].Close())
	conn, err := ln.Accept()
	require.NoError(t, err, "it is taken back for the next one")
	for _, c := range append(taken[1:], conn) {
		require.NoError(t, c.Close())
	}
	require.Len(t, ln.held, spares)
}

// use takes every file descriptor that the process may have, until the test ends.
func use(t *testing.T) {
	t.Helper()
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 256, Max: before.Max}))
	var files []*os.File
	t.Cleanup(func() {
		for _, file := range files {
			_ = file.Close()
		}
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before))
	})
	require.Equal(t, 128, descriptors(1000), "half of them")
	require.Equal(t, 10, descriptors(10))
	for {
		file, err := os.Open(os.DevNull)
		if err != nil {
			return
		}
		files = append(files, file)
	}
}
