package server_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/webhook/server"
)

const (
	asProblem  = "application/problem+json"
	asEnvelope = "application/json; charset=utf-8"
	asPage     = "text/html; charset=utf-8"
)

// bound is what a route takes of whoever may use it.
type bound struct {
	most  int    // bytes of a body that are read; none: it is not looked at
	shape string // of refusals
	free  bool   // addresses are not counted
}

// Bodies of a call, and of what holds images where one has 4 KB at most.
const (
	ofCall  = 64 << 10
	ofLogin = 4 << 10
	ofImage = 4 << 10
	ofParts = 16 * 16 << 10 // of a form, besides its images
)

// bounds has a row for everything that can be reached: see TestEveryRouteHasItsBounds.
var bounds = map[string]bound{
	"POST /connectfi/callbacks/:reference/:token": {most: ofCall, shape: asProblem, free: true}, // ConnectFi calls once
	"GET /verify/link/:ticket":                    {shape: asPage},
	"POST /verify/link/:ticket":                   {shape: asPage}, // a button: its form is empty
	"GET /verify/case":                            {shape: asPage},
	"POST /verify/case":                           {most: 2*ofImage + ofParts, shape: asPage},
	"GET /verify/state":                           {shape: asPage},
	"GET /verify/case/:session":                   {shape: asPage},
	"POST /verify/case/:session":                  {most: 2*ofImage + ofParts, shape: asPage},
	"GET /verify/state/:session":                  {shape: asPage},
	"GET /verify/limits":                          {shape: asPage},
	"GET /verify/accessibility":                   {shape: asPage},
	"GET /verify/assets/:name":                    {shape: asPage},
	"POST /auth/get-token":                        {most: ofLogin, shape: asEnvelope},
	"POST /akepa/identification":                  {most: ofCall, shape: asEnvelope},
	"POST /akepa/status":                          {most: ofCall, shape: asEnvelope},
	"POST /akepa/list":                            {most: ofCall, shape: asEnvelope},
	"POST /akepa/document/generate":               {most: ofCall, shape: asEnvelope},
	"POST /akepa/document/upload/:documentId":     {most: ofImage + ofParts, shape: asEnvelope},
	"POST /akepa/update":                          {most: ofCall, shape: asEnvelope},
	"GET /openapi.yaml":                           {shape: asProblem},
	"HEAD /verify/link/:ticket":                   {shape: asPage},
	"HEAD /verify/case":                           {shape: asPage},
	"HEAD /verify/state":                          {shape: asPage},
	"HEAD /verify/case/:session":                  {shape: asPage},
	"HEAD /verify/state/:session":                 {shape: asPage},
	"HEAD /verify/limits":                         {shape: asPage},
	"HEAD /verify/accessibility":                  {shape: asPage},
	"HEAD /verify/assets/:name":                   {shape: asPage},
	"HEAD /openapi.yaml":                          {shape: asProblem},
}

// routesOf lists everything that its public handler has.
func routesOf(e testServer) gin.RoutesInfo {
	return e.Public().(interface{ Routes() gin.RoutesInfo }).Routes()
}

// adminBounds are those of the operator's listener: no body is looked at.
var adminBounds = map[string]bound{"GET /healthz": {}, "GET /readyz": {}, "GET /metrics": {}}

func TestEveryRouteHasItsBounds(t *testing.T) {
	var there []string
	for _, route := range routesOf(newBackend(t).testServer) {
		there = append(there, route.Method+" "+route.Path)
	}
	require.ElementsMatch(t, keysOf(bounds), there)

	// The admin listener's mux does not tell its patterns: its source does.
	source, err := os.ReadFile("../../internal/httpserver/admin.go")
	require.NoError(t, err)
	there = nil
	for _, pattern := range regexp.MustCompile(`mux\.Handle\w*\("([^"]*)"`).FindAllSubmatch(source, -1) {
		there = append(there, string(pattern[1]))
	}
	require.ElementsMatch(t, keysOf(adminBounds), there)
	require.Equal(t, len(there), strings.Count(string(source), "mux.Handle"))
}

func keysOf(all map[string]bound) (keys []string) {
	for key := range all {
		keys = append(keys, key)
	}
	return keys
}

// everything is a webhook with all of its routes, an applicant's case, small
// images and little patience.
func everything(t *testing.T, change ...func(*server.Config)) *backend {
	return newBackend(t, append([]func(*server.Config){func(c *server.Config) {
		display(c, waiting(person))
		c.Limits = imagecheck.DefaultLimits()
		c.Limits.MaxBytes = ofImage
		c.BodyTimeout, c.UploadTimeout = 100*time.Millisecond, 100*time.Millisecond
		c.Times = httpserver.Timeouts{Header: 250 * time.Millisecond, Read: 250 * time.Millisecond}
	}}, change...)...)
}

// asked is a request to a route as its rightful user would send it, but for the body.
func (b *backend) asked(route string, body io.Reader) *http.Request {
	method, pattern, _ := strings.Cut(route, " ")
	ticket := linktoken.Ticket{Subject: "A1", Nonce: "S1", Expires: time.Now().Add(time.Hour)}
	path := strings.NewReplacer(":reference", reference, ":session", ticket.Nonce, ":token",
		b.keys.Mint(linktoken.Callback, reference),
		":ticket", b.keys.Issue(linktoken.Link, ticket), ":name", "none.js", ":documentId", "doc_1").Replace(pattern)
	request := httptest.NewRequest(method, path, body)
	request.Header.Set("Content-Type", "application/json")
	switch {
	case strings.HasPrefix(path, "/verify/"):
		request.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		request.AddCookie(&http.Cookie{Name: "kyc_session_" + ticket.Nonce, Value: b.keys.Issue(linktoken.Session, ticket)})
	case strings.HasPrefix(path, "/akepa/document/upload/"):
		request.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		fallthrough
	case strings.HasPrefix(path, "/akepa/"):
		request.Header.Set(connectfi.TokenHeader, apiToken)
	}
	return request
}

// begun is how a body begins that goes on for long.
func (b *backend) begun(route string) string {
	ticket := linktoken.Ticket{Subject: "A1", Nonce: "S1", Expires: time.Now().Add(time.Hour).Truncate(time.Second)}
	switch route {
	case "POST /verify/case", "POST /verify/case/:session":
		return "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + b.keys.Issue(linktoken.Form, ticket) +
			"\r\n--b\r\nContent-Disposition: form-data; name=\"front\"; filename=\"x\"\r\n\r\n"
	case "POST /akepa/document/upload/:documentId":
		return "--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n"
	}
	return `{"code":"`
}

type flood struct{ read int }

func (e *flood) Read(p []byte) (int, error) {
	e.read += len(p)
	return copy(p, bytes.Repeat([]byte("x"), len(p))), nil
}

// However long a body is, so much of it is read and no more, whether it says its
// length or not.
func TestABodyBeyondItsLimit(t *testing.T) {
	b := everything(t)
	for route, bound := range bounds {
		for name, length := range map[string]int64{"": 1 << 40, ", chunked": -1} {
			t.Run(route+name, func(t *testing.T) {
				rest := &flood{}
				request := b.asked(route, io.MultiReader(strings.NewReader(b.begun(route)), rest))
				request.ContentLength = length
				answer := httptest.NewRecorder()
				b.Public().ServeHTTP(answer, request)
				if bound.most == 0 {
					require.Zero(t, rest.read, "it is not looked at")
					require.Less(t, answer.Code, 500)
					return
				}
				require.Equal(t, http.StatusRequestEntityTooLarge, answer.Code, answer.Body.String())
				require.Equal(t, bound.shape, answer.Header().Get("Content-Type"))
				require.LessOrEqual(t, rest.read, bound.most+1, "one more, to know that there is more")
				conforms(t, request, answer)
			})
		}
	}
}

// wire is a connection to a listener, and what is sent over it.
func wire(t *testing.T, addr string, request *http.Request, more ...string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\n", request.Method, request.URL)
	for name := range request.Header {
		text += name + ": " + request.Header.Get(name) + "\r\n"
	}
	_, err = io.WriteString(c, text+strings.Join(more, ""))
	require.NoError(t, err)
	return c
}

// over wants a connection to have been closed from the other side.
func over(t *testing.T, c net.Conn, rest io.Reader) {
	t.Helper()
	if _, err := io.Copy(io.Discard, rest); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		require.NoError(t, err, "%s is still open", c.RemoteAddr())
	}
}

// eachRoute begins something on every route of both listeners, real ones, and
// then looks at what came of it: so all of them are waited for at once.
func eachRoute(t *testing.T, begin func(b *backend, addr, route string) net.Conn, check func(t *testing.T, c net.Conn,
	bound bound),
	change ...func(*server.Config)) {
	b := everything(t, change...)
	public, admin, stop := serving(t, b.testServer)
	began := time.Now()
	checks := map[string]func(*testing.T){}
	for addr, all := range map[string]map[string]bound{public: bounds, admin: adminBounds} {
		for route, bound := range all {
			c := begin(b, addr, route)
			checks[route] = func(t *testing.T) { check(t, c, bound) }
		}
	}
	for route, check := range checks {
		t.Run(route, check)
	}
	require.Less(t, time.Since(began), 3*time.Second)
	require.NoError(t, stop())
}

// A body that comes a byte at a time is given up: the time for all of it counts.
func TestABodyThatDribbles(t *testing.T) {
	var dripping sync.WaitGroup
	defer dripping.Wait()
	eachRoute(t, func(b *backend, addr, route string) net.Conn {
		c := wire(t, addr, b.asked(route, nil), "Content-Length: 4000\r\n\r\n", b.begun(route))
		dripping.Go(func() {
			drip := time.NewTicker(5 * time.Millisecond)
			defer drip.Stop()
			for range drip.C {
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
			}
		})
		return c
	}, func(t *testing.T, c net.Conn, bound bound) {
		reader := bufio.NewReader(c)
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		switch {
		case bound.free:
			require.Equal(t, http.StatusNotFound, response.StatusCode, "a hint to a case that is not there")
		case bound.most > 0:
			require.Equal(t, http.StatusRequestTimeout, response.StatusCode)
			require.Equal(t, bound.shape, response.Header.Get("Content-Type"))
		}
		_, _ = io.Copy(io.Discard, response.Body)
		over(t, c, reader)
		require.NoError(t, c.Close())
	})
}

func TestHeadersBeyondTheirLimit(t *testing.T) {
	eachRoute(t, func(b *backend, addr, route string) net.Conn {
		return wire(t, addr, b.asked(route, nil), "X-Long: "+strings.Repeat("x", 24<<10)+"\r\n\r\n")
	}, func(t *testing.T, c net.Conn, _ bound) {
		reader := bufio.NewReader(c)
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode)
		over(t, c, reader)
	})
}

func TestHeadersWithoutAnEnd(t *testing.T) {
	eachRoute(t, func(b *backend, addr, route string) net.Conn {
		return wire(t, addr, b.asked(route, nil), "X-Half: ")
	}, func(t *testing.T, c net.Conn, _ bound) { over(t, c, c) },
		func(c *server.Config) { c.Times.Read = time.Minute })
}
