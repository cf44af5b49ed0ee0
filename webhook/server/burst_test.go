package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/webhook/server"
)

// slowly begins a callback whose body has not ended; finish ends it and
// answers with the status.
func (e testServer) slowly(t *testing.T) (finish func() int) {
	t.Helper()
	body, w := io.Pipe()
	begun, status := make(chan struct{}), make(chan int, 1)
	go func() {
		answer := httptest.NewRecorder()
		e.Public().ServeHTTP(answer, httptest.NewRequest(http.MethodPost, e.path(reference),
			io.MultiReader(&telltale{begun: begun}, body)))
		status <- answer.Code
	}()
	<-begun
	return func() int {
		_, err := io.WriteString(w, printed)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return <-status
	}
}

func TestBeyondThePlacesNoBodyIsRead(t *testing.T) {
	d := &desk{cases: map[string]error{reference: nil}}
	e := newServer(t, d, func(c *server.Config) { c.MaxCallbacks, c.BodyTimeout = 2, time.Minute })
	first, second := e.slowly(t), e.slowly(t)

	body := &counting{Reader: strings.NewReader(printed)}
	answer := e.send(http.MethodPost, e.path(reference), body)
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.Equal(t, "5", answer.Header().Get("Retry-After"))
	requireProblem(t, answer)
	require.Zero(t, body.read, "not a byte of the body is read")
	require.True(t, e.counted(t, "shed"))
	outsider := "/connectfi/callbacks/" + reference + "/" + e.keys.Mint(linktoken.Callback, "another")
	require.Equal(t, http.StatusNotFound, e.post(outsider, printed).Code, "a stranger learns nothing of it")
	require.Empty(t, d.taken())

	require.Equal(t, http.StatusAccepted, first())
	require.Equal(t, http.StatusAccepted, e.post(e.path(reference), printed).Code, "there is a place again")
	require.Equal(t, http.StatusAccepted, second())
	require.Len(t, d.taken(), 3)
}

// A body on its way takes no slot of a signal, and a signal on its way no place
// of a body.
func TestBodiesAndSignalsAreCountedApart(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	d := &desk{cases: map[string]error{reference: nil},
		wait: func(context.Context) error { begun <- struct{}{}; <-release; return nil }}
	e := newServer(t, d, func(c *server.Config) { c.MaxCallbacks, c.MaxSignals, c.BodyTimeout = 2, 1, time.Minute })
	slow := e.slowly(t)
	status := make(chan int)
	go func() { status <- e.post(e.path(reference), printed).Code }()
	<-begun // it has the only slot, beside the slow body

	another := e.slowly(t) // in the place of the one that became a signal
	require.Equal(t, http.StatusServiceUnavailable, another(), "whole, but there is no slot")
	close(release)
	require.Equal(t, http.StatusAccepted, <-status)
	go func() { <-begun }()
	require.Equal(t, http.StatusAccepted, slow())
}

// brittle is a body whose reader throws something.
type brittle struct{}

func (brittle) Read([]byte) (int, error) { panic("a reader that broke") }

// However a callback ends, whoever comes after it is taken: more often than
// there are places of any kind.
func TestAPlaceIsGivenBack(t *testing.T) {
	for name, test := range map[string]struct {
		body   io.Reader
		length int64 // -1: it is not said
		status int
		breaks bool // Temporal's client does
	}{
		"accepted":       {body: strings.NewReader(printed), length: -1, status: 202},
		"not understood": {body: strings.NewReader("<html>"), length: -1, status: 202},
		"broken off": {body: io.MultiReader(strings.NewReader("{"), faulty{io.ErrUnexpectedEOF}), length: -1,
			status: 202},
		"too large, as it says": {body: strings.NewReader("x"), length: 1 << 20, status: 413},
		"too large":             {body: &flood{}, length: -1, status: 413},
		"a reader that breaks":  {body: brittle{}, length: -1, status: 500},
		"a client that breaks":  {body: strings.NewReader(printed), length: -1, status: 500, breaks: true},
	} {
		t.Run(name, func(t *testing.T) {
			breaks := test.breaks
			d := &desk{cases: map[string]error{reference: nil}, wait: func(context.Context) error {
				if breaks {
					panic("a client that broke")
				}
				return nil
			}}
			e := newServer(t, d, func(c *server.Config) { c.MaxCallbacks, c.MaxSignals = 1, 1 })
			for range 6 {
				if again, ok := test.body.(*strings.Reader); ok {
					_, _ = again.Seek(0, io.SeekStart)
				}
				request := httptest.NewRequest(http.MethodPost, e.path(reference), test.body)
				request.ContentLength = test.length
				require.Equal(t, test.status, ask(t, e.Public(), request).Code)
			}
			breaks = false
			require.Equal(t, http.StatusAccepted, e.post(e.path(reference), printed).Code)
		})
	}
}

type faulty struct{ err error }

func (f faulty) Read([]byte) (int, error) { return 0, f.err }

// served is a webhook on real listeners with one place for callbacks.
func served(t *testing.T, change func(*server.Config)) (e testServer, public, admin string) {
	t.Helper()
	e = newServer(t, &desk{cases: map[string]error{reference: nil}}, func(c *server.Config) { c.MaxCallbacks = 1 }, change)
	public, admin, stop := serving(t, e)
	t.Cleanup(func() { require.NoError(t, stop()) })
	return e, public, admin
}

// half is a callback that has sent half of its body.
func (e testServer) half(t *testing.T, public string, headers ...string) net.Conn {
	t.Helper()
	return wire(t, public, httptest.NewRequest(http.MethodPost, e.path(reference), nil),
		strings.Join(headers, "")+"Content-Length: 1000\r\n\r\n", printed)
}

// holds is half a callback that has got its place: the server bids it go on when
// its body is read.
func (e testServer) holds(t *testing.T, public string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c := e.half(t, public, "Expect: 100-continue\r\n")
	reader := bufio.NewReader(c)
	line, err := reader.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
	_, err = reader.ReadString('\n')
	require.NoError(t, err)
	return c, reader
}

// takes waits until a whole callback is answered so. A new connection each time.
func (e testServer) takes(t *testing.T, public string, status int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	require.Eventually(t, func() bool {
		response, err := client.Post("http://"+public+e.path(reference), "application/json", strings.NewReader(printed))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode == status
	}, 5*time.Second, 5*time.Millisecond)
}

// Over the wire: whoever is turned away hears so before its body has come, and
// does not keep its connection for the rest of it.
func TestAClientThatIsTurnedAwayIsToldAtOnce(t *testing.T) {
	e, public, _ := served(t, func(c *server.Config) {
		c.BodyTimeout, c.Times = time.Minute, httpserver.Timeouts{Read: time.Minute}
	})
	holder, _ := e.holds(t, public)
	began := time.Now()
	turned := e.half(t, public)
	reader := bufio.NewReader(turned)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Less(t, time.Since(began), time.Second, "which its body has before it is cut off")
	require.Equal(t, "5", response.Header.Get("Retry-After"))
	require.True(t, response.Close)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	over(t, turned, reader)

	require.NoError(t, holder.Close()) // it hangs up
	e.takes(t, public, http.StatusAccepted)
}

func TestASlowBodyGivesItsPlaceBack(t *testing.T) {
	e, public, _ := served(t, func(c *server.Config) { c.BodyTimeout = 300 * time.Millisecond })
	_, slow := e.holds(t, public)
	response, err := http.ReadResponse(slow, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	e.takes(t, public, http.StatusAccepted)
}

// With every connection of the public listener taken, the operator is answered,
// and a callback waits instead of being lost.
func TestAFullListenerLeavesTheOperatorsAlone(t *testing.T) {
	e, public, admin := served(t, func(c *server.Config) {
		c.MaxConnections, c.Times = 4, httpserver.Timeouts{Header: 300 * time.Millisecond}
	})
	var silent []net.Conn
	for range 4 {
		c, err := net.Dial("tcp", public)
		require.NoError(t, err)
		defer c.Close()
		silent = append(silent, c)
	}
	began := time.Now()
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		require.NoError(t, httpserver.Check(t.Context(), "http://"+admin+path))
	}
	e.takes(t, public, http.StatusAccepted)
	require.GreaterOrEqual(t, time.Since(began), 100*time.Millisecond, "it waited for a place")
	for _, c := range silent {
		over(t, c, c)
	}
}

// What is wrong with a body is told up to a point: the answer must not be worth
// a hundred bodies.
func TestThousandsOfProblemsAreNotTold(t *testing.T) {
	b := newBackend(t)
	body := `{"a":1`
	for len(body) < 60<<10 {
		body += `,"` + strconv.Itoa(len(body)) + `":1`
	}
	answer := b.answer(b.asked("POST /akepa/list", strings.NewReader(body+"}")))
	require.Equal(t, http.StatusBadRequest, answer.Code)
	var said struct{ Context []connectfi.Problem }
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &said))
	require.Len(t, said.Context, 100)
}
