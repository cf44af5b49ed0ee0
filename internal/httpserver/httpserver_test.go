package httpserver

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var quiet = slog.New(slog.DiscardHandler)

// running starts h and answers with its address, a stop, and what HTTP returned.
func running(t *testing.T, h http.Handler, grace time.Duration) (addr string, stop func(), ended <-chan error) {
	t.Helper()
	ln, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	result := make(chan error, 1)
	go func() { result <- Timeouts{Grace: grace}.HTTP(ctx, ln, h, quiet) }()
	return ln.Addr().String(), stop, result
}

func get(t *testing.T, url string) (*http.Response, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return client.Do(request)
}

func TestRequestsUnderWayAreFinished(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	addr, stop, ended := running(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-release
		if r.Context().Err() == nil {
			_, _ = io.WriteString(w, "done")
		}
	}), Grace)
	said := make(chan string, 1)
	go func() {
		defer close(said)
		if response, err := get(t, "http://"+addr); err == nil {
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			said <- string(body)
		}
	}()
	<-begun
	stop()
	require.Eventually(t, func() bool { // the listener closes at once …
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond)
	select {
	case err := <-ended:
		require.Fail(t, "it did not wait", "%v", err)
	default:
	}
	close(release) // … and the request is answered all the same
	require.Equal(t, "done", <-said)
	require.NoError(t, <-ended)
}

// Where a request ends is said in one way only, or it is no request: whoever
// stands in front must not take two requests for one.
func TestWhereARequestEnds(t *testing.T) {
	bodies := make(chan string, 2)
	addr, _, _ := running(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
	}), Grace)
	const chunked = "Transfer-Encoding: chunked\r\n"
	for name, test := range map[string]struct{ headers, body, status, read string }{
		"a length":                   {"Content-Length: 3\r\n", "abc", "200", "abc"},
		"chunks":                     {chunked, "3\r\nabc\r\n0\r\n\r\n", "200", "abc"},
		"both: chunks count":         {chunked + "Content-Length: 1\r\n", "3\r\nabc\r\n0\r\n\r\n", "200", "abc"},
		"two lengths":                {"Content-Length: 3\r\nContent-Length: 4\r\n", "abcd", "400", ""},
		"a list of lengths":          {"Content-Length: 3, 4\r\n", "abcd", "400", ""},
		"a length with a sign":       {"Content-Length: +3\r\n", "abc", "400", ""},
		"another encoding":           {"Transfer-Encoding: identity\r\n", "abc", "501", ""},
		"two encodings":              {"Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n", "501", ""},
		"encodings twice":            {chunked + chunked, "0\r\n\r\n", "501", ""},
		"a blank before the colon":   {"Transfer-Encoding : chunked\r\n", "0\r\n\r\n", "400", ""},
		"a line end inside a header": {"X: a\rContent-Length: 3\r\n", "abc", "400", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer c.Close()
			require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
			_, err = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+test.headers+"\r\n"+test.body)
			require.NoError(t, err)
			answer, _ := io.ReadAll(c)
			require.GreaterOrEqual(t, len(answer), 12)
			require.Equal(t, "HTTP/1.1 "+test.status, string(answer[:12]), "%s", answer)
			if test.status == "200" {
				require.Equal(t, test.read, <-bodies)
			}
			require.Empty(t, bodies)
		})
	}
}

func TestGraceEnds(t *testing.T) {
	begun := make(chan struct{})
	addr, stop, ended := running(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done() // a well-behaved handler notices that it is cut off
	}), 10*time.Millisecond)
	failed := make(chan error, 1)
	go func() {
		response, err := get(t, "http://"+addr)
		if err == nil {
			response.Body.Close()
		}
		failed <- err
	}()
	<-begun
	stop()
	require.ErrorContains(t, <-ended, "took longer than 10ms")
	require.Error(t, <-failed)
}

func TestALostListenerIsAnError(t *testing.T) {
	ln, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	require.ErrorContains(t, HTTP(t.Context(), ln, http.NotFoundHandler(), quiet), ln.Addr().String())
}

func TestListenRefuses(t *testing.T) {
	taken, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for name, test := range map[string]struct{ addr, says string }{
		"taken":   {addr: taken.Addr().String(), says: "in use by another program"},
		"no port": {addr: "127.0.0.1", says: "missing port"},
		"no such": {addr: "127.0.0.1:99999", says: "invalid port"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Listen(test.addr)
			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, test.addr)
			require.NotContains(t, err.Error(), "listen tcp")
		})
	}
}

func TestAdmin(t *testing.T) {
	var trouble error
	admin := httptest.NewServer(Admin(func(context.Context) error { return trouble },
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "kyc_x 1") })))
	defer admin.Close()
	for name, test := range map[string]struct {
		path    string
		trouble error
		status  int
		says    string
	}{
		"alive":          {path: "/healthz", status: 200, says: "alive"},
		"alive, unready": {path: "/healthz", trouble: errors.New("x"), status: 200, says: "alive"},
		"ready":          {path: "/readyz", status: 200, says: "ready"},
		"unready": {path: "/readyz", trouble: errors.New("Temporal does not answer"), status: 503,
			says: "Temporal does not answer"},
		"metrics": {path: "/metrics", status: 200, says: "kyc_x 1"},
		"else":    {path: "/", status: 404, says: "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			trouble = test.trouble
			response, err := get(t, admin.URL+test.path)
			require.NoError(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, test.status, response.StatusCode)
			require.Contains(t, string(body), test.says)

			err = Check(t.Context(), admin.URL+test.path)
			if test.status == 200 {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestCheckOfNobody(t *testing.T) {
	ln, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	url := LocalURL(ln.Addr().String(), "/readyz")
	require.NoError(t, ln.Close())
	require.ErrorContains(t, Check(t.Context(), url), url+" does not answer")
	require.ErrorContains(t, Check(t.Context(), LocalURL("nonsense", "/readyz")), "http://nonsense/readyz")
}

func TestLocalURL(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:8081": "http://127.0.0.1:8081/readyz", ":8081": "http://127.0.0.1:8081/readyz",
		"[::]:8081": "http://127.0.0.1:8081/readyz", "127.0.0.1:9": "http://127.0.0.1:9/readyz",
		"[::1]:9": "http://[::1]:9/readyz", "db:9": "http://db:9/readyz",
	} {
		require.Equal(t, want, LocalURL(addr, "/readyz"), addr)
	}
}

func TestArguments(t *testing.T) {
	require.Equal(t, []string{"--check", "--check", "-h", "-", "--", "--a=-b", "x"},
		NormalizeFlags([]string{"-check", "--check", "-h", "-", "--", "-a=-b", "x"}))
}

func TestMissing(t *testing.T) {
	require.NoError(t, Missing(Variable{"A", "x"}))
	require.EqualError(t, Missing(Variable{"A", "x"}, Variable{"B", ""}, Variable{"C", ""}),
		"B, C must be set (or a file in B_FILE); see -help")
}
