package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/webhook/server"
)

// A proxy that writes another Host, and browsers that say little about where a
// form comes from.
func TestWhereAFormComesFrom(t *testing.T) {
	for name, test := range map[string]struct {
		host, origin, site string // of the request
		opened             bool   // the browser has opened a link before
		status             int
	}{
		"the public host": {host: "kyc.example", origin: "https://kyc.example", status: 303},
		"a proxy's Host":  {host: "127.0.0.1:28080", origin: "https://kyc.example", status: 303},
		"a proxy's Host, and same-origin": {host: "127.0.0.1:28080", origin: "https://kyc.example", site: "same-origin",
			status: 303},
		"no origin, from our page":   {host: "127.0.0.1:28080", origin: "null", opened: true, status: 303},
		"no origin, and same-origin": {host: "127.0.0.1:28080", origin: "null", site: "same-origin", status: 303},
		"no origin, from elsewhere":  {host: "kyc.example", origin: "null", status: 403},
		"no origin, and cross-site": {host: "kyc.example", origin: "null", site: "cross-site", opened: true,
			status: 403},
		"another site": {host: "kyc.example", origin: "https://evil.example", opened: true,
			status: 403},
		"another site through a proxy":         {host: "127.0.0.1:28080", origin: "https://evil.example", status: 403},
		"the public host over another scheme":  {host: "127.0.0.1:28080", origin: "http://kyc.example", status: 403},
		"the public host under another port":   {host: "127.0.0.1:28080", origin: "https://kyc.example:8443", status: 403},
		"a program, which says nothing at all": {host: "127.0.0.1:28080", status: 303},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, waiting(person))
			link := v.link("", time.Hour)
			if test.opened {
				opened := v.get(link).Result().Cookies()
				require.Len(t, opened, 1)
				require.Equal(t, http.SameSiteStrictMode, opened[0].SameSite, "no other site's page has it sent")
			}
			request := httptest.NewRequest(http.MethodPost, link, nil)
			request.Host = test.host
			for header, value := range map[string]string{"Origin": test.origin, "Sec-Fetch-Site": test.site} {
				if value != "" {
					request.Header.Set(header, value)
				}
			}
			for name, value := range v.cookies {
				request.AddCookie(&http.Cookie{Name: name, Value: value})
			}
			answer := ask(t, v.Public(), request)
			require.Equal(t, test.status, answer.Code)
			if test.status == http.StatusForbidden {
				require.Contains(t, answer.Body.String(), "This was not sent from our page")
				require.NotContains(t, answer.Body.String(), "too long", "time is not the matter")
				require.Contains(t, v.log.String(), "neither the Host header nor KYC_PUBLIC_URL")
			}
		})
	}
}

// Whether a proxy keeps the path of KYC_PUBLIC_URL or strips it, a browser finds
// the page, its style and script, its forms, and keeps its cookies.
func TestBelowAPath(t *testing.T) {
	for name, strips := range map[string]bool{"the proxy strips it": true, "the proxy keeps it": false} {
		for _, path := range []string{"/kyc", "/a/b/", "/verify"} {
			t.Run(name+" "+path, func(t *testing.T) {
				var target http.Handler
				proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if !strings.HasPrefix(r.URL.Path, strings.TrimSuffix(path, "/")+"/") {
						http.Error(w, "the proxy has nothing here", http.StatusNotFound)
						return
					}
					target.ServeHTTP(w, r)
				}))
				defer proxy.Close()
				v := visit(t, waiting(person), func(c *server.Config) { c.PublicURL = proxy.URL + path })
				target = v.Public()
				if strips {
					target = http.StripPrefix(strings.TrimSuffix(path, "/"), target)
				}
				jar, err := cookiejar.New(nil)
				require.NoError(t, err)
				browser := &http.Client{Jar: jar}
				base := proxy.URL + strings.TrimSuffix(path, "/")

				landing := fetched(t, browser, http.MethodGet, base+v.link("", time.Hour), http.StatusOK)
				action := regexp.MustCompile(`<form class="start [^>]* action="([^"]+)"`).FindStringSubmatch(landing)
				require.NotNil(t, action)
				start, err := url.Parse(proxy.URL)
				require.NoError(t, err)
				start, err = start.Parse(action[1])
				require.NoError(t, err)
				page := fetched(t, browser, http.MethodPost, start.String(), http.StatusOK) // the redirect, with its cookie
				require.Contains(t, page, "Which document do you have?")
				parts := regexp.MustCompile(`(?:href|src|action|data-news-url)="(/[^"]+)"`).FindAllStringSubmatch(landing+page, -1)
				require.GreaterOrEqual(t, len(parts), 7)
				for _, part := range parts {
					require.True(t, strings.HasPrefix(part[1], strings.TrimPrefix(base, proxy.URL)+"/"), part[1])
					if strings.Contains(part[1], "/assets/") {
						fetched(t, browser, http.MethodGet, proxy.URL+part[1], http.StatusOK)
					}
				}
				fetched(t, browser, http.MethodGet, base+"/verify/state?rev=0", http.StatusOK)
				fetched(t, browser, http.MethodGet, base+"/openapi.yaml", http.StatusOK)
				fetched(t, browser, http.MethodPost, base+v.path(reference), http.StatusNotFound)
			})
		}
	}
}

// A path of other letters is found, too. (Go's jar of cookies compares paths in
// another form than browsers do, so there is no session here.)
func TestBelowAPathOfOtherLetters(t *testing.T) {
	v := visit(t, waiting(person), func(c *server.Config) { c.PublicURL = "https://kyc.example/prüfung" })
	ts := httptest.NewServer(v.Public())
	defer ts.Close()
	page := fetched(t, ts.Client(), http.MethodGet, ts.URL+"/pr%C3%BCfung"+v.link("", time.Hour), http.StatusOK)
	style := regexp.MustCompile(`href="(/pr%C3%BCfung/verify/assets/[^"]+\.css)"`).FindStringSubmatch(page)
	require.NotNil(t, style)
	fetched(t, ts.Client(), http.MethodGet, ts.URL+style[1], http.StatusOK)
}

func fetched(t *testing.T, browser *http.Client, method, address string, status int) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	require.NoError(t, err)
	response, err := browser.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, status, response.StatusCode, "%s %s: %s", method, address, body)
	return string(body)
}

func TestAPublicURLThatCannotBeOneIsRefused(t *testing.T) {
	for _, base := range []string{"https://kyc.example?x=1", "https://kyc.example/#x", "kyc.example",
		"https://me@kyc.example"} {
		_, err := server.New(server.Config{PublicURL: base})
		require.ErrorContains(t, err, "invalid public URL")
	}
}

// HEAD is GET without the body, on every route that has GET.
func TestHEADAnswersWhereverGETDoes(t *testing.T) {
	b := everything(t)
	public, admin, stop := serving(t, b.testServer)
	heads := map[string]bool{}
	for _, route := range routesOf(b.testServer) {
		heads[route.Method+" "+route.Path] = true
	}
	ask := func(addr, method string, as *http.Request) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+as.URL.Path, nil)
		require.NoError(t, err)
		request.Header = as.Header
		response, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response
	}
	tried := 0
	for addr, all := range map[string]map[string]bound{public: bounds, admin: adminBounds} {
		for route := range all {
			path, is := strings.CutPrefix(route, "GET ")
			if !is {
				continue
			}
			tried++
			require.True(t, addr == admin || heads["HEAD "+path], route)
			as := b.asked(route, nil)
			get, head := ask(addr, http.MethodGet, as), ask(addr, http.MethodHead, as)
			require.Equal(t, get.StatusCode, head.StatusCode, route)
			require.Equal(t, get.Header.Get("Content-Type"), head.Header.Get("Content-Type"), route)
		}
	}
	require.Equal(t, 12, tried)
	require.NoError(t, stop())
}

// A base URL that ends in a slash, and a slash behind a path, count for nothing.
func TestSlashesTooManyOnTheAPI(t *testing.T) {
	b := newBackend(t)
	for _, path := range []string{"//akepa/list", "/akepa/list/", "/akepa//list", "///akepa///list//"} {
		request := httptest.NewRequest(http.MethodPost, "http://kyc.example"+path, strings.NewReader(`{"customerId":"`+person+
			`"}`))
		request.Header.Set(connectfi.TokenHeader, apiToken)
		answer := httptest.NewRecorder()
		b.Public().ServeHTTP(answer, request)
		require.Equal(t, http.StatusOK, answer.Code, "%s: %s", path, answer.Body)
	}
	for _, path := range []string{"//akepa/nowhere", "/akepa", "/akepa/", "//akepa//", "/auth", "//auth/"} {
		request := httptest.NewRequest(http.MethodGet, "http://kyc.example"+path, nil)
		answer := httptest.NewRecorder()
		b.Public().ServeHTTP(answer, request)
		require.Equal(t, http.StatusNotFound, answer.Code, path)
		require.Contains(t, answer.Body.String(), `"code":"notFound"`, "in ConnectFi's envelope")
	}
	login := fmt.Sprintf(`{"user":{"login":%q,"password":%q}}`, apiLogin, apiPassword)
	for _, path := range []string{"//auth/get-token", "/auth/get-token/"} {
		answer := httptest.NewRecorder()
		b.Public().ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "http://kyc.example"+path,
			strings.NewReader(login)))
		require.Equal(t, http.StatusOK, answer.Code, path)
	}
}

// 1,200 requests that are refused are 1,200 in the metrics and few lines in the log.
func TestAFloodOfRefusedRequestsWritesFewLines(t *testing.T) {
	b := newBackend(t)
	statuses := map[int]int{}
	for range 600 {
		for _, asked := range []*http.Request{httptest.NewRequest(http.MethodGet, "/nowhere", nil),
			httptest.NewRequest(http.MethodPost, "/akepa/list", nil)} {
			answer := httptest.NewRecorder()
			b.Public().ServeHTTP(answer, asked)
			statuses[answer.Code]++
		}
	}
	require.Less(t, strings.Count(b.log.String(), "\n"), 100)
	require.Contains(t, b.log.String(), `"route":"none"`, "a sample is there")
	require.Contains(t, b.metrics(t),
		fmt.Sprintf(`kyc_http_request_duration_seconds_count{route="/akepa/list",status="401"} %d`, statuses[401]))
}
