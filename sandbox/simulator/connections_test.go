package simulator_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/sandbox/simulator"
)

// A worker keeps 64 idle connections to ConnectFi. Another worker, the starter and whoever asks for /healthz are
// answered nevertheless.
func TestConnectionsKeptByAWorkerLeaveRoom(t *testing.T) {
	sandbox, err := simulator.New(simulator.Config{})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- sandbox.Serve(ctx, listener) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-served) })

	for range 65 {
		kept, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = kept.Close() })
		require.NoError(t, kept.SetDeadline(time.Now().Add(5*time.Second)))
		_, err = io.WriteString(kept, "GET /healthz HTTP/1.1\r\nHost: sandbox\r\n\r\n")
		require.NoError(t, err)
		answer, err := http.ReadResponse(bufio.NewReader(kept), nil)
		require.NoError(t, err, "every connection is served while the others are kept")
		require.Equal(t, http.StatusOK, answer.StatusCode)
	}
}
