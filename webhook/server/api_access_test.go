package server_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/renewal"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/gateway"
	"durablekyc.example/webhook/server"
)

var endpoints = []string{"/akepa/identification", "/akepa/status", "/akepa/list", "/akepa/document/generate",
	"/akepa/document/upload/doc_1", "/akepa/update"}

// atConnectFi calls the stand-in as b.call calls our webhook.
func (b *backend) atConnectFi(path, body string) (int, string) {
	b.t.Helper()
	var token connectfi.Envelope[connectfi.Token]
	b.script(http.MethodPost, "/auth/get-token", connectfi.TokenRequest{User: connectfi.Login{Login: "l", Password: "p"}},
		&token)
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.sandbox.URL+path, strings.NewReader(body))
	require.NoError(b.t, err)
	request.Header.Set(connectfi.TokenHeader, token.Data.Token)
	response, err := http.DefaultClient.Do(request)
	require.NoError(b.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	return response.StatusCode, string(text)
}

func (b *backend) getToken(login, password string) (int, string) {
	answer := b.with(http.MethodPost, "/auth/get-token", strings.NewReader(`{"user":{"login":"`+login+`","password":"`+
		password+`"}}`), nil)
	return answer.Code, answer.Body.String()
}

func TestALoginIsExchangedForAToken(t *testing.T) {
	b := newBackend(t)
	status, text := b.getToken(apiLogin, apiPassword)
	require.Equal(t, http.StatusOK, status, text)
	token := into[connectfi.Envelope[connectfi.Token]](t, text)
	until, err := time.Parse("2006-01-02T15:04:05.000Z", token.Data.ExpiresAt)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), until, 10*time.Second)

	// Another instance with the same keys takes it.
	other := newBackend(t)
	answer := other.with(http.MethodPost, "/akepa/list", strings.NewReader(`{"customerId":"`+person+`"}`),
		map[string]string{connectfi.TokenHeader: token.Data.Token})
	require.Equal(t, http.StatusOK, answer.Code, answer.Body)
	_, again := b.getToken(apiLogin, apiPassword)
	require.NotEqual(t, text, again, "no two are alike")
}

func TestWhoGetsNoToken(t *testing.T) {
	b := newBackend(t)
	for name, test := range map[string]struct{ login, password string }{
		"another password":       {apiLogin, "a:passwordx"},
		"half a password":        {apiLogin, "a"},
		"the other's password":   {apiLogin, "secret"},
		"another login":          {"nobody", apiPassword},
		"the login in capitals":  {strings.ToUpper(apiLogin), apiPassword},
		"a token for a password": {apiLogin, apiToken},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := b.getToken(test.login, test.password)
			s := refused(t, http.StatusUnauthorized, connectfi.CodeUnauthorized, status, text)
			require.Equal(t, "Authentication error", s.Message)
		})
	}
	status, text := b.getToken("a b", "")
	refused(t, http.StatusBadRequest, connectfi.CodeRequestValidateError, status, text)
	require.NotContains(t, b.log.String(), apiPassword)
}

func TestGuessingIsSlowedDown(t *testing.T) {
	b := newBackend(t)
	for range 60 {
		status, text := b.getToken(apiLogin, "wrong")
		refused(t, http.StatusUnauthorized, connectfi.CodeUnauthorized, status, text)
	}
	status, text := b.getToken(apiLogin, "wrong")
	refused(t, http.StatusTooManyRequests, "tooManyRequests", status, text)
	status, _ = b.getToken("other", "secret")
	require.Equal(t, http.StatusOK, status, "others are not held up")
}

// However many wrong passwords come, from wherever, the right one is let in.
func TestWrongPasswordsKeepNoOwnerOut(t *testing.T) {
	b := newBackend(t, func(c *server.Config) { c.PerAddress = edge.Rate{Every: time.Nanosecond, Burst: 10_000} })
	try := func(from, password string) int {
		request := httptest.NewRequest(http.MethodPost, "/auth/get-token",
			strings.NewReader(fmt.Sprintf(`{"user":{"login":%q,"password":%q}}`, apiLogin, password)))
		request.RemoteAddr = from
		return b.answer(request).Code
	}
	for range 200 {
		try("192.0.2.1:1", "wrong")
	}
	require.Equal(t, http.StatusTooManyRequests, try("192.0.2.1:1", "wrong"))
	require.Equal(t, http.StatusUnauthorized, try("192.0.2.2:1", "wrong"), "another address is counted by itself")
	for range 100 {
		require.Equal(t, http.StatusOK, try("192.0.2.1:1", apiPassword), "even from the guesser's address")
		require.Equal(t, http.StatusOK, try("192.0.2.3:1", apiPassword), "and right ones are not counted")
	}
}

// A body that is encoded for its way is told so, and not that it is no object.
func TestAnEncodedBodyIsRefusedWithTheReason(t *testing.T) {
	b := newBackend(t)
	for _, path := range []string{"/auth/get-token", "/akepa/list", "/akepa/document/upload/doc_1"} {
		headers := map[string]string{connectfi.TokenHeader: apiToken, "Content-Encoding": "gzip"}
		answer := b.with(http.MethodPost, path, strings.NewReader("\x1f\x8b"), headers)
		require.Equal(t, http.StatusUnsupportedMediaType, answer.Code, path)
		require.Contains(t, answer.Body.String(), "Content-Encoding is not supported")
		headers["Content-Encoding"] = "Identity"
		require.NotEqual(t, http.StatusUnsupportedMediaType, b.with(http.MethodPost, path, strings.NewReader("{}"),
			headers).Code)
	}
}

// Without one of the two kinds of token nothing is answered, and nothing is done.
func TestWhoIsNotLetIn(t *testing.T) {
	b := newBackend(t)
	now := time.Now()
	issue := func(purpose, subject string, expires time.Time) string {
		return b.keys.Issue(purpose, linktoken.Ticket{Subject: subject, Expires: expires})
	}
	good := issue(linktoken.API, apiLogin, now.Add(time.Hour))
	for name, token := range map[string]string{
		"none":                         "",
		"another":                      "x" + apiToken[1:],
		"the first letters":            apiToken[:20],
		"one letter more":              apiToken + "x",
		"both at once":                 "another-token-that-does-not-end," + apiToken,
		"a ticket whose time is over":  issue(linktoken.API, apiLogin, now.Add(-time.Second)),
		"a ticket of a login gone":     issue(linktoken.API, "gone", now.Add(time.Hour)),
		"an applicant's link":          issue(linktoken.Link, apiLogin, now.Add(time.Hour)),
		"an applicant's session":       issue(linktoken.Session, apiLogin, now.Add(time.Hour)),
		"a ticket that was changed":    good[:len(good)-2] + "AA",
		"a callback's token":           b.keys.Mint(linktoken.Callback, apiLogin),
		"a login's password by itself": apiPassword,
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range endpoints {
				answer := b.with(http.MethodPost, path, strings.NewReader(`{"customerId":"`+person+`","reference":"A1"}`),
					map[string]string{connectfi.TokenHeader: token})
				s := refused(t, http.StatusUnauthorized, connectfi.CodeUnauthorized, answer.Code, answer.Body.String())
				require.Equal(t, "Authentication error", s.Message)
			}
		})
	}
	require.Zero(t, b.office.asked)
	answer := b.with(http.MethodPost, "/akepa/list", strings.NewReader(`{"customerId":"`+person+`"}`),
		map[string]string{connectfi.TokenHeader: good})
	require.Equal(t, http.StatusOK, answer.Code)
}

// Who was let in is in the line of each request, and who was not is said with
// where they called from. What they tried is in neither.
func TestTheLogTellsWhoCameIn(t *testing.T) {
	b := newBackend(t, func(c *server.Config) { display(c, waiting(person)) })
	_, text := b.getToken(apiLogin, apiPassword)
	token := into[connectfi.Envelope[connectfi.Token]](t, text).Data.Token
	list := func(token string) {
		b.with(http.MethodPost, "/akepa/list", strings.NewReader(`{"customerId":"`+person+`"}`),
			map[string]string{connectfi.TokenHeader: token})
	}
	list(token)
	list(apiToken)
	list("MARKER")
	b.getToken(apiLogin, "MARKER")
	b.getToken("MARKER", apiPassword)
	b.answer(b.asked("POST /verify/link/:ticket", nil))
	b.answer(b.asked("GET /verify/case", nil))
	b.send(http.MethodGet, "/verify/link/MARKER", nil)
	log := b.log.String()
	for _, line := range []string{
		`"route":"/auth/get-token","status":200,"seconds":[0-9.e-]+,"who":"login ` + apiLogin + `"`,
		`"route":"/akepa/list","status":200,"seconds":[0-9.e-]+,"who":"login ` + apiLogin + `"`,
		`"route":"/akepa/list","status":200,"seconds":[0-9.e-]+,"who":"token 2"`,
		`"level":"WARN","msg":"API call rejected: invalid token","route":"/akepa/list","from":"192.0.2.1"`,
		`"level":"WARN","msg":"login rejected","login":"` + apiLogin + `","from":"192.0.2.1"`,
		`"level":"WARN","msg":"login rejected","login":"unknown","from":"192.0.2.1"`,
		`"route":"/verify/link/:ticket","status":303,"seconds":[0-9.e-]+,"who":"a link of A1"`,
		`"route":"/verify/case","status":200,"seconds":[0-9.e-]+,"who":"a session of A1"`,
		`"route":"/verify/link/:ticket","status":404,"seconds":[0-9.e-]+}`,
	} {
		require.Regexp(t, line, log)
	}
	for _, secret := range []string{"MARKER", apiPassword, apiToken, token} {
		require.NotContains(t, log, secret)
	}
}

// With no credentials the API is as unknown as anything else, and needs nothing.
func TestWithoutCredentialsThereIsNoAPI(t *testing.T) {
	e := newServer(t, &desk{})
	unknown := e.post("/nothing/here", "{}")
	require.Equal(t, http.StatusNotFound, unknown.Code)
	for _, path := range append([]string{"/auth/get-token"}, endpoints...) {
		answer := e.post(path, "{}")
		require.Equal(t, http.StatusNotFound, answer.Code, path)
		require.Equal(t, unknown.Body.String(), answer.Body.String())
	}
	require.NotContains(t, e.post("/akepa/status", "{}").Body.String(), "requestId")
}

// And an API whose tokens are all that it has must not start.
func TestAnAPINeedsWhatItStandsOn(t *testing.T) {
	credentials, err := gateway.ParseCredentials(apiToken, "")
	require.NoError(t, err)
	_, err = server.New(server.Config{API: gateway.Config{Credentials: credentials}})
	for _, says := range []string{"ConnectFi client", "policy"} {
		require.ErrorContains(t, err, says)
	}
}

// Tokens and logins that are renewed are taken while the service runs, and those
// that are no longer there let nobody in; what cannot be used changes nothing.
func TestRenewedCredentialsAreTaken(t *testing.T) {
	tokens, problem := "the-first-token-of-all", error(nil)
	credentials, err := gateway.RenewCredentials(func() (gateway.Credentials, error) {
		if problem != nil {
			return gateway.Credentials{}, problem
		}
		return gateway.ParseCredentials(tokens, "")
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	b := newBackend(t, func(c *server.Config) { c.API.Credentials = credentials })
	body := `{"customerId":"` + b.customer("review") + `"}`
	listed := func(token string) int {
		return b.with(http.MethodPost, "/akepa/list", strings.NewReader(body),
			map[string]string{connectfi.TokenHeader: token}).Code
	}
	becomes := func(token string, want int) {
		t.Helper()
		require.Eventually(t, func() bool { return listed(token) == want }, 5*time.Second, 50*time.Millisecond, token)
	}
	becomes("the-first-token-of-all", http.StatusOK)
	becomes("the-second-token-of-all", http.StatusUnauthorized)
	tokens = "the-second-token-of-all"
	becomes("the-second-token-of-all", http.StatusOK)
	becomes("the-first-token-of-all", http.StatusUnauthorized)
	for _, unusable := range []func(){func() { tokens = "" }, func() { tokens = "short" },
		func() { problem = errors.New("half written") }} {
		unusable()
		began := time.Now()
		require.Eventually(t, func() bool {
			require.Equal(t, http.StatusOK, listed("the-second-token-of-all"))
			return time.Since(began) > renewal.Every+100*time.Millisecond
		}, 5*time.Second, 50*time.Millisecond)
	}
}
