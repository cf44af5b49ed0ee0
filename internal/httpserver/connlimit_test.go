package httpserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
)

// crowded serves so many connections at once and answers with its address.
func crowded(t *testing.T, most int, h http.Handler, times Timeouts, config *tls.Config) (addr string) {
	t.Helper()
	ln, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- times.ServeLimited(ctx, ln, most, config, h, quiet) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	return ln.Addr().String()
}

// calling is a connection on which / was asked for.
func calling(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	asking(t, c)
	return c, bufio.NewReader(c)
}

func asking(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
}

// answered reads an answer and tells whether the connection stays.
func answered(t *testing.T, r *bufio.Reader) (stays bool) {
	t.Helper()
	response, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	return !response.Close
}

// holding is a handler that says who came and lets one go for each word.
func holding() (h http.Handler, came, goes chan struct{}) {
	came, goes = make(chan struct{}, 16), make(chan struct{})
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came <- struct{}{}; <-goes }), came, goes
}

func TestMoreConnectionsWaitUntilOneHasEnded(t *testing.T) {
	h, came, goes := holding()
	addr := crowded(t, 4, h, Timeouts{}, nil)
	var all []*bufio.Reader
	for range 4 {
		_, r := calling(t, addr)
		all = append(all, r)
		<-came
	}
	_, fifth := calling(t, addr)
	select {
	case <-came:
		require.Fail(t, "a fifth was let in")
	case <-time.After(100 * time.Millisecond):
	}
	goes <- struct{}{}
	<-came // the fifth, in the place of whoever was answered
	close(goes)
	for _, r := range append(all, fifth) {
		answered(t, r)
	}
}

// Whoever may ask again makes room for whoever asks.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	h, came, goes := holding()
	addr := crowded(t, 8, h, Timeouts{}, nil)
	one, idle := calling(t, addr)
	for range 2 {
		<-came
		goes <- struct{}{}
		require.True(t, answered(t, idle), "there is room: it may ask again")
		asking(t, one)
	}
	<-came
	goes <- struct{}{}
	require.True(t, answered(t, idle))

	var busy []*bufio.Reader
	for range 5 {
		_, r := calling(t, addr)
		busy = append(busy, r)
		<-came
	}
	_, err := idle.ReadByte()
	require.ErrorIs(t, err, io.EOF, "three quarters are taken: it is closed")
	close(goes)
	closed := 0
	for _, r := range busy {
		if !answered(t, r) {
			closed++
		}
	}
	require.NotZero(t, closed, "nor is one kept that was under way, until half of the places are free")
	require.Eventually(t, func() bool {
		c, r := calling(t, addr)
		defer c.Close()
		return answered(t, r)
	}, 5*time.Second, 5*time.Millisecond, "and then they are kept again")
}

// Whoever says nothing holds a place for as long as headers may take.
func TestSilentConnectionsGiveTheirPlacesBack(t *testing.T) {
	h, came, goes := holding()
	close(goes)
	addr := crowded(t, 4, h, Timeouts{Header: 50 * time.Millisecond}, nil)
	for range 8 {
		c, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer c.Close()
	}
	_, r := calling(t, addr)
	<-came
	answered(t, r)
}

// A connection of HTTP/2 must not be worth hundreds.
func TestWhatAConnectionOfHTTP2MayKeepHere(t *testing.T) {
	certificate, key := pair(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	config, err := Certificate(certificate, key)
	require.NoError(t, err)
	addr := crowded(t, 4, http.NotFoundHandler(), Timeouts{}, config)
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = io.WriteString(c, http2.ClientPreface)
	require.NoError(t, err)
	framer := http2.NewFramer(c, c)
	require.NoError(t, framer.WriteSettings())
	require.NoError(t, framer.WritePing(false, [8]byte{1}))
	said, window := map[http2.SettingID]uint32{}, uint32(65535) // a connection's first, by RFC 9113
	for answered := false; !answered; {
		frame, err := framer.ReadFrame()
		require.NoError(t, err)
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			_ = frame.ForeachSetting(func(s http2.Setting) error { said[s.ID] = s.Val; return nil })
		case *http2.WindowUpdateFrame:
			window += frame.Increment
		case *http2.PingFrame:
			answered = true
		}
	}
	require.EqualValues(t, 8, said[http2.SettingMaxConcurrentStreams])
	require.EqualValues(t, 16<<10, said[http2.SettingMaxFrameSize])
	require.EqualValues(t, 64<<10, said[http2.SettingInitialWindowSize])
	require.LessOrEqual(t, window, uint32(64<<10))
	require.LessOrEqual(t, said[http2.SettingMaxHeaderListSize], uint32(maxHeaderBytes+4<<10))
}
