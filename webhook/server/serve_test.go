package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/webhook/server"
)

// serving runs a webhook on real listeners.
func serving(t *testing.T, e testServer) (public, admin string, stop func() error) {
	t.Helper()
	one, err := httpserver.Listen("127.0.0.1:0")
	require.NoError(t, err)
	other, err := httpserver.Listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() { ended <- e.Serve(ctx, one, other) }()
	return one.Addr().String(), other.Addr().String(), func() error { cancel(); return <-ended }
}

func TestServe(t *testing.T) {
	trouble := make(chan error, 1)
	e := newServer(t, &desk{cases: map[string]error{reference: nil}}, func(c *server.Config) {
		c.Ready = func(context.Context) error {
			select {
			case err := <-trouble:
				return err
			default:
				return nil
			}
		}
	})
	public, admin, stop := serving(t, e)
	response, err := http.Post("http://"+public+e.path(reference), "text/anything", strings.NewReader(printed))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusAccepted, response.StatusCode)

	require.NoError(t, httpserver.Check(t.Context(), "http://"+admin+"/healthz"))
	require.NoError(t, httpserver.Check(t.Context(), "http://"+admin+"/readyz"))
	trouble <- errors.New("Temporal does not answer")
	require.ErrorContains(t, httpserver.Check(t.Context(), "http://"+admin+"/readyz"), "503: Temporal does not answer")
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		require.ErrorContains(t, httpserver.Check(t.Context(), "http://"+public+path), "404", "strangers see no "+path)
	}
	require.NoError(t, stop())
}

func TestALostListenerEndsTheOther(t *testing.T) {
	e := newServer(t, &desk{})
	one, err := httpserver.Listen("127.0.0.1:0")
	require.NoError(t, err)
	other, err := httpserver.Listen("127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, one.Close())
	require.ErrorContains(t, e.Serve(t.Context(), one, other), one.Addr().String())
}

// A body that does not come holds neither a slot nor a connection for long.
func TestASlowBodyIsCutOff(t *testing.T) {
	d := &desk{cases: map[string]error{reference: nil}}
	e := newServer(t, d, func(c *server.Config) { c.BodyTimeout, c.MaxSignals = 20*time.Millisecond, 1 })
	public, _, stop := serving(t, e)
	slow, err := net.Dial("tcp", public)
	require.NoError(t, err)
	defer slow.Close()
	fmt.Fprintf(slow, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", e.path(reference))

	response, err := http.ReadResponse(bufio.NewReader(slow), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusAccepted, response.StatusCode, "it is a hint all the same")
	_, err = io.Copy(io.Discard, slow)
	require.NoError(t, err, "and the connection is closed")
	require.Len(t, d.taken(), 1)
	require.NoError(t, stop())
}

// The URL has proven whose callback it is, and ConnectFi sends no other.
func TestABodyThatBreaksOffIsAHint(t *testing.T) {
	d := &desk{cases: map[string]error{reference: nil}}
	e := newServer(t, d)
	public, _, stop := serving(t, e)
	broken, err := net.Dial("tcp", public)
	require.NoError(t, err)
	fmt.Fprintf(broken, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n%s", e.path(reference), printed)
	require.NoError(t, broken.Close())
	require.Eventually(t, func() bool { return e.counted(t, "not_understood") }, 5*time.Second, time.Millisecond)
	require.NoError(t, stop())
	require.Len(t, d.taken(), 1)
}

func TestCallbacksUnderWayAreFinished(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	d := &desk{cases: map[string]error{reference: nil}, wait: func(ctx context.Context) error {
		close(begun)
		<-release
		return ctx.Err()
	}}
	e := newServer(t, d)
	public, _, stop := serving(t, e)
	status := make(chan int, 1)
	go func() {
		response, err := http.Post("http://"+public+e.path(reference), "application/json", strings.NewReader(printed))
		if err != nil {
			status <- 0
			return
		}
		defer response.Body.Close()
		status <- response.StatusCode
	}()
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", public)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond, "nobody new is let in")
	close(release)
	require.Equal(t, http.StatusAccepted, <-status)
	require.NoError(t, <-ended)
	require.Len(t, d.taken(), 1)
}

func ExampleServer_Public() {
	keys, _ := linktoken.ParseKeys("a-secret-of-more-than-32-characters-0")
	metrics, _ := telemetry.New("webhook")
	s, err := server.New(server.Config{
		Cases:     fakes{hintTaker: &desk{cases: map[string]error{"A1": nil}}}, // in production a cases.Client
		Documents: &docstore.Store{}, PublicURL: "https://kyc.example",
		Keys: keys, Telemetry: metrics, Logger: slog.New(slog.DiscardHandler),
		Ready: func(context.Context) error { return nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	url := "/connectfi/callbacks/A1/" + keys.Mint(linktoken.Callback, "A1")
	body := `{"code":"0","data":{"applicationId":"iapp_1","reference":"A1","status":"completed","outcome":"Approved"},` +
		`"requestId":"1"}`
	answer := httptest.NewRecorder()
	s.Public().ServeHTTP(answer, httptest.NewRequest(http.MethodPost, url, strings.NewReader(body)))
	fmt.Println(answer.Code)
	// Output: 202
}
