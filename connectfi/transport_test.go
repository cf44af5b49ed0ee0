package connectfi

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// through is the client's own transport over connections of a test, so that its clock may be false.
func through(far func(net.Conn)) *http.Transport {
	t := transport()
	t.Proxy = nil
	t.DialContext = func(context.Context, string, string) (net.Conn, error) {
		near, other := net.Pipe()
		go far(other)
		return near, nil
	}
	return t
}

// A far side that takes the connection and says nothing costs ten seconds, and not all of a request's.
func TestAHandshakeHasTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		client := http.Client{Transport: through(func(c net.Conn) {
			defer c.Close()
			for b := make([]byte, 512); ; {
				if _, err := c.Read(b); err != nil {
					return
				}
			}
		})}
		_, err := client.Get("https://connectfi.test")
		require.ErrorContains(t, err, "handshake timeout")
		require.Equal(t, 10*time.Second, time.Since(begun))
	})
}

// A connection is kept for a minute and a half, so that cases one after the other share it, and then closed.
func TestAnIdleConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan time.Time, 1)
		client := http.Client{Transport: through(func(c net.Conn) {
			b := make([]byte, 4096)
			_, _ = c.Read(b)
			_, _ = c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
			_, _ = c.Read(b)
			closed <- time.Now()
		})}
		response, err := client.Get("http://connectfi.test")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		begun := time.Now()
		require.Equal(t, 90*time.Second, (<-closed).Sub(begun))
	})
}
