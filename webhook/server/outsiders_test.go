package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/server"
	"durablekyc.example/workflows"
)

// inside is what an error of our own may say, and no stranger may hear.
const inside = "MARKER rpc error: dial tcp 10.1.2.3:7233: connect: connection refused"

// telling finds what only insiders know: of Go, its libraries and their errors,
// of addresses and of what stands behind.
var telling = regexp.MustCompile(
	`(?i)MARKER|goroutine|\.go\b|\bgo1\.|runtime|panic|nil pointer|invalid memory|\bgin\b|net/http|rpc error|` +
		`grpc|temporal|dial tcp|refused ` +
		`\(|deadline|timeout:|eof|\b10\.1\.2\.3|127\.0\.0\.1|localhost|:7233|stack|unmarshal|multipart:|` +
		regexp.QuoteMeta(telemetry.Version+"/"))

// saidHeaders are all headers that an answer may have: none of them says who wrote it.
var saidHeaders = []string{"Allow", "Cache-Control", "Connection", "Content-Length", "Content-Security-Policy",
	"Content-Type",
	"Cross-Origin-Opener-Policy", "Date", "Location", "Referrer-Policy", "Retry-After", "Set-Cookie",
	"Strict-Transport-Security",
	"X-Content-Type-Options", "X-Frame-Options"}

func requireDiscreet(t *testing.T, header http.Header, body string) {
	t.Helper()
	for name, values := range header {
		require.Contains(t, saidHeaders, name)
		require.NotRegexp(t, telling, strings.Join(values, " "), name)
	}
	require.NotRegexp(t, telling, body)
}

// bursting is a Temporal that breaks whoever asks it.
type bursting struct{}

func (bursting) Callback(context.Context, string, workflows.Callback) error       { panic(inside) }
func (bursting) Show(context.Context, string) (kyc.View, error)                   { panic(errors.New(inside)) }
func (bursting) Revision(context.Context, string) (string, error)                 { panic(http.ErrAbortHandler) }
func (bursting) SubmitAsync(context.Context, string, kyc.Submission) error        { panic(inside) }
func (bursting) Start(context.Context, cases.StartOptions) (kyc.View, error)      { panic(inside) }
func (bursting) Submit(context.Context, string, kyc.Submission) (kyc.View, error) { panic(inside) }
func (bursting) Expedite(context.Context, string) error                           { panic(inside) }
func (bursting) Refresh(context.Context, string, kyc.Actor) (kyc.View, error)     { panic(inside) }

// bodies that get past the schema, where there is one.
var bodies = map[string]string{
	"POST /connectfi/callbacks/:reference/:token": printed,
	"POST /auth/get-token":                        `{"user":{"login":"` + apiLogin + `","password":"wrong"}}`,
	"POST /akepa/identification":                  `{"customerId":"` + person + `","reference":"A1"}`,
	"POST /akepa/status":                          `{"customerId":"` + person + `","applicationId":"ref_A1"}`,
	"POST /akepa/list":                            `{"customerId":"` + person + `"}`,
	"POST /akepa/document/generate":               `{"workflow":"PERSONAL","name":"n","extension":"jpg","type":"license"}`,
	"POST /akepa/update": `{"customerId":"` + person + `","applicationId":"ref_A1","entityId":"` +
		person + `","documents":[{"documentId":"d"}]}`,
}

func TestResponsesHaveNoInternals(t *testing.T) {
	away := func(c *server.Config) {
		trouble := errors.New(inside)
		c.Cases = fakes{&desk{wait: func(context.Context) error { return trouble }}, &room{broken: trouble},
			&office{broken: trouble}}
	}
	breaks := func(c *server.Config) { c.Cases = bursting{} }
	for name, change := range map[string]func(*server.Config){"all is well": func(*server.Config) {},
		"Temporal is away": away, "handlers break": breaks} {
		t.Run(name, func(t *testing.T) {
			b := everything(t, change, func(c *server.Config) { c.PerAddress.Burst = 10_000 })
			if name != "all is well" {
				b.sandbox.Close() // nor does ConnectFi answer
			}
			statuses := map[int]bool{}
			for route := range bounds {
				for _, body := range []string{bodies[route], b.begun(route), "", "\x00{"} {
					for _, method := range []string{"", http.MethodPut, http.MethodTrace, http.MethodHead, "MARKER"} {
						request := b.asked(route, strings.NewReader(body))
						if method != "" {
							request.Method = method
						}
						request.Header.Set("User-Agent", "MARKER")
						answer := httptest.NewRecorder()
						b.Public().ServeHTTP(answer, request)
						statuses[answer.Code] = true
						if strings.HasSuffix(route, " /openapi.yaml") && answer.Code == http.StatusOK {
							continue // everybody may read it
						}
						requireDiscreet(t, answer.Header(), answer.Body.String())
					}
				}
			}
			for _, path := range []string{"/", "/MARKER", "/verify/MARKER", "/akepa/MARKER", "/auth/MARKER", "/debug/pprof/",
				"/metrics", "/verify/assets/..%2f..%2fserver.go", "/%00"} {
				answer := b.send(http.MethodGet, path, nil)
				require.Equal(t, http.StatusNotFound, answer.Code)
				requireDiscreet(t, answer.Header(), answer.Body.String())
			}
			require.Equal(t, name == "handlers break", statuses[http.StatusInternalServerError])
			require.Equal(t, name == "Temporal is away", strings.Contains(b.log.String(), `"msg":"callback not stored"`),
				"the operator hears of it")
		})
	}
}

// What is no HTTP at all is answered by Go's server itself, in the words of HTTP.
func TestWhatIsNoHTTP(t *testing.T) {
	b := everything(t)
	public, admin, stop := serving(t, b.testServer)
	for _, addr := range []string{public, admin} {
		for _, text := range []string{"MARKER\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: MARKER MARKER\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: x\r\nMARKER\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: MARKER\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "GET http://[MARKER " +
				"HTTP/1.1\r\nHost: x\r\n\r\n",
			"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x00\xa5MARKER\r\n\r\n"} {
			c, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
			_, err = io.WriteString(c, text)
			require.NoError(t, err)
			said, _ := io.ReadAll(c)
			require.NoError(t, c.Close())
			require.NotRegexp(t, telling, string(said), text)
			require.NotRegexp(t, `(?i)\n(server|x-powered-by|via):`, string(said))
		}
	}
	require.NoError(t, stop())
}

// Over TLS, here or in front, browsers are told to stay with it and cookies go no
// other way.
func TestTLSBindsBrowsers(t *testing.T) {
	vouched := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer vouched.Close()
	for name, test := range map[string]struct {
		url    string
		tls    bool
		secure bool
	}{
		"here":             {"http://127.0.0.1:8080", true, true},
		"in front":         {"https://kyc.example", false, true},
		"here and in URLs": {"https://kyc.example", true, true},
		"nowhere":          {"http://127.0.0.1:8080", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := everything(t, func(c *server.Config) {
				c.PublicURL = test.url
				if test.tls {
					c.TLS = vouched.TLS.Clone()
					c.TLS.NextProtos = []string{"h2", "http/1.1"}
				}
			})
			public, admin, stop := serving(t, b.testServer)
			transport := vouched.Client().Transport.(*http.Transport).Clone()
			transport.ForceAttemptHTTP2, transport.DisableKeepAlives = true, true
			base := "http://" + public
			if test.tls {
				base = "https://" + public
			}
			ask := func(route string, body io.Reader) *http.Response {
				asked := b.asked(route, nil)
				request, err := http.NewRequestWithContext(t.Context(), asked.Method, base+asked.URL.Path, body)
				require.NoError(t, err)
				request.Header = asked.Header
				response, err := transport.RoundTrip(request)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				require.Equal(t, test.tls, response.ProtoMajor == 2)
				require.Equal(t, test.secure, response.Header.Get("Strict-Transport-Security") == "max-age=31536000", route)
				return response
			}
			for _, route := range []string{"GET /openapi.yaml", "GET /verify/limits", "POST /akepa/list"} {
				ask(route, nil)
			}
			cookies := ask("POST /verify/link/:ticket", nil).Cookies()
			require.Len(t, cookies, 1)
			require.Equal(t, test.secure, cookies[0].Secure)

			// A stream of HTTP/2 has no more time than a connection of its own.
			slow, never := io.Pipe()
			defer never.Close()
			require.Equal(t, http.StatusRequestTimeout, ask("POST /auth/get-token", slow).StatusCode)

			response, err := http.Get("http://" + public + "/openapi.yaml")
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, test.tls, response.StatusCode == http.StatusBadRequest,
				"whoever speaks plainly to a TLS port is told so")
			response, err = http.Get("http://" + admin + "/healthz")
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusOK, response.StatusCode, "the operator's listener stays as it is")
			http.DefaultClient.CloseIdleConnections()
			require.NoError(t, stop())
		})
	}
}

// One link's slow forms leave room for the others.
func TestAnApplicantWhoSendsSlowlyKeepsNobodyOut(t *testing.T) {
	b := everything(t, func(c *server.Config) { c.UploadTimeout, c.UploadBurst = 5*time.Second, 100 })
	begun, ends := make(chan struct{}), make(chan int)
	var forms []*io.PipeWriter
	for range 3 {
		body, w := io.Pipe()
		forms = append(forms, w)
		go func() {
			answer := httptest.NewRecorder()
			b.Public().ServeHTTP(answer, b.asked("POST /verify/case", io.MultiReader(&telltale{begun: begun}, body)))
			ends <- answer.Code
		}()
		<-begun
	}
	require.Equal(t, http.StatusTooManyRequests, b.answer(b.asked("POST /verify/case", nil)).Code,
		"three at once are enough")
	another := b.asked("POST /verify/case", nil)
	another.Header.Del("Cookie")
	require.Equal(t, http.StatusForbidden, b.answer(another).Code)
	for _, w := range forms {
		require.NoError(t, w.Close())
		require.Equal(t, http.StatusForbidden, <-ends)
	}
	require.Equal(t, http.StatusForbidden, b.answer(b.asked("POST /verify/case", nil)).Code, "there is room again")
}

// telltale says when somebody began to read, and has nothing to read.
type telltale struct{ begun chan struct{} }

func (r *telltale) Read([]byte) (int, error) { r.begun <- struct{}{}; return 0, io.EOF }

// Logins that come slowly keep no other out.
func TestSlowLoginsKeepNobodyOut(t *testing.T) {
	b := everything(t, func(c *server.Config) { c.BodyTimeout, c.PerAddress.Burst = 5*time.Second, 1000 })
	begun, ends := make(chan struct{}), make(chan int, 200)
	var slow []*io.PipeWriter
	for range 200 {
		body, w := io.Pipe()
		slow = append(slow, w)
		go func() {
			answer := httptest.NewRecorder()
			b.Public().ServeHTTP(answer, b.asked("POST /auth/get-token", io.MultiReader(&telltale{begun: begun}, body)))
			ends <- answer.Code
		}()
		select {
		case <-begun:
		case code := <-ends:
			require.Fail(t, "it was turned away", "with %d", code)
		}
	}
	status, text := b.getToken(apiLogin, apiPassword)
	require.Equal(t, http.StatusOK, status, text)
	for _, w := range slow {
		require.NoError(t, w.Close())
	}
	codes := []int{}
	for range slow {
		codes = append(codes, <-ends)
	}
	require.Equal(t, []int{http.StatusBadRequest}, slices.Compact(codes))
}
