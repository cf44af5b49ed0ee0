package server_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/server"
)

// oneAnHour lets an address, or a token, do one thing and then nothing for an hour.
func oneAnHour(c *server.Config) { c.PerAddress = edge.Rate{Every: time.Hour, Burst: 1} }

func (b *backend) answer(request *http.Request) *httptest.ResponseRecorder {
	return ask(b.t, b.Public(), request)
}

func requireTooFast(t *testing.T, answer *httptest.ResponseRecorder, shape string) {
	t.Helper()
	require.Equal(t, http.StatusTooManyRequests, answer.Code, answer.Body.String())
	require.Equal(t, shape, answer.Header().Get("Content-Type"))
	wait, err := strconv.Atoi(answer.Header().Get("Retry-After"))
	require.NoError(t, err)
	require.InDelta(t, 3600, wait, 5)
}

// A stranger's address is counted on every route but the callback's.
func TestAFloodFromOneAddress(t *testing.T) {
	outsiders := map[string]bound{"GET /nowhere": {shape: asProblem}, "GET /akepa/nowhere": {shape: asEnvelope},
		"PUT /verify/case": {shape: asPage}, "GET /verify/nowhere": {shape: asPage},
		"GET /connectfi/callbacks/a/b": {shape: asProblem}}
	maps.Copy(outsiders, bounds)
	for route, bound := range outsiders {
		t.Run(route, func(t *testing.T) {
			b := everything(t, oneAnHour)
			ask := func(from string) *httptest.ResponseRecorder {
				request := b.asked(route, strings.NewReader("{}"))
				request.Header.Del(connectfi.TokenHeader)
				request.RemoteAddr = from
				return b.answer(request)
			}
			first := ask("192.0.2.1:1000")
			require.NotEqual(t, http.StatusTooManyRequests, first.Code)
			again := ask("192.0.2.1:2000")
			if bound.free {
				require.Equal(t, first.Code, again.Code, "ConnectFi's only call is never turned away for its address")
				return
			}
			requireTooFast(t, again, bound.shape)
			if bound.shape == asPage {
				require.NotEmpty(t, again.Header().Get("Content-Security-Policy"))
			}
			require.Equal(t, first.Code, ask("192.0.2.2:1000").Code, "others are not held up")
		})
	}
}

// What a program may do does not depend on how many of them share an address.
func TestATokenIsCountedAndNotItsAddress(t *testing.T) {
	b := everything(t, oneAnHour, func(c *server.Config) { c.PerToken = edge.Rate{Every: time.Hour, Burst: 3} })
	ask := func(token string) *httptest.ResponseRecorder {
		request := b.asked("POST /akepa/list", strings.NewReader(`{"customerId":"`+person+`"}`))
		request.Header.Set(connectfi.TokenHeader, token)
		return b.answer(request)
	}
	status, text := b.getToken(apiLogin, apiPassword) // which is what a stranger's address may do
	require.Equal(t, http.StatusOK, status)
	mine := into[connectfi.Envelope[connectfi.Token]](t, text).Data.Token
	for _, token := range []string{apiToken, "another-token-that-does-not-end", mine} {
		for range 3 {
			require.Equal(t, http.StatusOK, ask(token).Code)
		}
		requireTooFast(t, ask(token), asEnvelope)
	}
	requireTooFast(t, ask("none"), asEnvelope) // a stranger's, and the address has had its one
}

func TestWhoseAddressCounts(t *testing.T) {
	proxies, err := edge.ParseProxies("10.0.0.0/8, 2001:db8:1::/48\n::ffff:192.0.2.9")
	require.NoError(t, err)
	zoned, err := edge.ParseProxies("fe80::/10")
	require.NoError(t, err)
	type ask struct{ from, forwarded string }
	for name, test := range map[string]struct {
		proxies []netip.Prefix
		one     ask
		other   ask
		same    bool // both are one and the same stranger
	}{
		"two": {nil, ask{"192.0.2.1:1", ""}, ask{"192.0.2.2:1", ""}, false},
		"a forged header, and no proxies": {nil, ask{"192.0.2.1:1", "198.51.100.1"}, ask{"192.0.2.1:1", "198.51.100.2"},
			true},
		"a forged header past the proxies": {proxies, ask{"192.0.2.1:1", "198.51.100.1"},
			ask{"192.0.2.1:1", "198.51.100.2"}, true},
		"two behind a proxy": {proxies, ask{"10.0.0.1:1", "198.51.100.1"},
			ask{"10.0.0.1:1", "198.51.100.2"}, false},
		"one behind two proxies": {proxies, ask{"10.0.0.1:1", "198.51.100.1"},
			ask{"10.0.0.2:1", "198.51.100.1, 10.0.0.1"}, true},
		"forged in front of what a proxy added": {proxies, ask{"10.0.0.1:1", "203.0.113.1, 198.51.100.1"},
			ask{"10.0.0.1:1", "203.0.113.2, 198.51.100.1"}, true},
		"forged in a line of its own": {proxies, ask{"10.0.0.1:1", "203.0.113.1\n198.51.100.1"},
			ask{"10.0.0.1:1", "203.0.113.2\n198.51.100.1"}, true},
		"IPv4 with a port": {proxies, ask{"10.0.0.1:1", "198.51.100.1:1000"},
			ask{"10.0.0.1:1", "198.51.100.2:1000"}, false},
		"one client, another port": {proxies, ask{"10.0.0.1:1", "198.51.100.1:1000"},
			ask{"10.0.0.1:1", "198.51.100.1:2000"}, true},
		"IPv6 in brackets with a port": {proxies, ask{"10.0.0.1:1", "[2001:db8:2:3::1]:1000"},
			ask{"10.0.0.1:1", "[2001:db8:2:4::1]:1000"}, false},
		"IPv6 in brackets and not": {proxies, ask{"10.0.0.1:1", "[2001:db8:2:3::1]"},
			ask{"10.0.0.1:1", "2001:db8:2:3::1"}, true},
		"two of IPv6 in brackets": {proxies, ask{"10.0.0.1:1", "[2001:db8:2:3::1]"},
			ask{"10.0.0.1:1", "[2001:db8:2:4::1]"}, false},
		"IPv6 with a zone": {proxies, ask{"10.0.0.1:1", "fe80:0:0:1::1%eth0"},
			ask{"10.0.0.1:1", "[fe80:0:0:2::1%eth0]:9"}, false},
		"in quotes": {proxies, ask{"10.0.0.1:1", `"[2001:db8:2:3::1]:1000"`},
			ask{"10.0.0.1:1", `"[2001:db8:2:4::1]:1000"`}, false},
		"a proxy in the chain with a port": {proxies, ask{"10.0.0.1:1", "198.51.100.1, 10.0.0.2:9"},
			ask{"10.0.0.1:1", "198.51.100.2, 10.0.0.2:9"}, false},
		"the last of several lines": {proxies, ask{"10.0.0.1:1", "203.0.113.1\n198.51.100.1"},
			ask{"10.0.0.1:1", "203.0.113.1\n198.51.100.2"}, false},
		"a line of trusted proxies alone": {proxies, ask{"10.0.0.1:1", "198.51.100.1\n10.0.0.2"},
			ask{"10.0.0.1:1", "198.51.100.2\n10.0.0.2"}, false},
		"empty parts of the list": {proxies, ask{"10.0.0.1:1", "198.51.100.1, ,"},
			ask{"10.0.0.1:1", "198.51.100.2,"}, false},
		"nonsense before a proxy's word": {proxies, ask{"10.0.0.1:1", "unknown, 198.51.100.1"},
			ask{"10.0.0.1:1", "unknown, 198.51.100.2"}, false},
		"a proxy of IPv6 with a zone": {zoned, ask{"[fe80::1%eth0]:1", "198.51.100.1"}, ask{"[fe80::1%eth0]:1",
			"198.51.100.2"}, false},
		"nonsense is the proxy's own": {proxies, ask{"10.0.0.1:1", "x"}, ask{"10.0.0.1:1", ""}, true},
		"a proxy of IPv6": {proxies, ask{"[2001:db8:1::1]:1", "198.51.100.1"}, ask{"[2001:db8:1::1]:1",
			"198.51.100.2"}, false},
		"a proxy that was named the long way": {proxies, ask{"192.0.2.9:1", "198.51.100.1"},
			ask{"192.0.2.9:1", "198.51.100.2"}, false},
		"one network of IPv6":        {nil, ask{"[2001:db8:2:3::1]:1", ""}, ask{"[2001:db8:2:3:4::5]:1", ""}, true},
		"two networks of IPv6":       {nil, ask{"[2001:db8:2:3::1]:1", ""}, ask{"[2001:db8:2:4::1]:1", ""}, false},
		"IPv4 as IPv6 has it":        {nil, ask{"[::ffff:192.0.2.1]:1", ""}, ask{"192.0.2.1:1", ""}, true},
		"two of IPv4 as IPv6 has it": {nil, ask{"[::ffff:192.0.2.1]:1", ""}, ask{"[::ffff:192.0.2.2]:1", ""}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := everything(t, oneAnHour, func(c *server.Config) { c.TrustedProxies = test.proxies })
			asked := 0
			status := func(a ask) int {
				request := b.asked("GET /openapi.yaml", nil)
				request.RemoteAddr = a.from
				for line := range strings.Lines(a.forwarded) {
					request.Header.Add("X-Forwarded-For", strings.TrimSpace(line))
				}
				asked++
				request.Header.Set("X-Real-Ip", "203.0.113."+strconv.Itoa(asked)) // means nothing: proxies pass it on
				return b.answer(request).Code
			}
			require.Equal(t, http.StatusOK, status(test.one))
			require.Equal(t, map[bool]int{true: http.StatusTooManyRequests, false: http.StatusOK}[test.same], status(test.other))
		})
	}
}

// A request whose client the proxy does not name is never counted as the proxy's in silence.
func TestAProxyThatNamesNoClientIsSeen(t *testing.T) {
	proxies, err := edge.ParseProxies("10.0.0.0/8")
	require.NoError(t, err)
	b := everything(t, func(c *server.Config) { c.TrustedProxies = proxies })
	for _, forwarded := range []string{"MARKER", "MARKER", "", "198.51.100.1:80", "198.51.100.1, 10.0.0.2, MARKER"} {
		request := b.asked("GET /openapi.yaml", nil)
		request.RemoteAddr = "10.0.0.1:1"
		request.Header.Set("X-Forwarded-For", forwarded)
		require.Equal(t, http.StatusOK, b.answer(request).Code)
	}
	require.Contains(t, b.metrics(t), `kyc_http_client_unknown_total{reason="unreadable"} 3`+"\n")
	require.Contains(t, b.metrics(t), `kyc_http_client_unknown_total{reason="missing"} 1`+"\n")
	require.Equal(t, 1, strings.Count(b.log.String(), `"reason":"unreadable"`), "once an hour")
	require.Equal(t, 1, strings.Count(b.log.String(), `"reason":"missing"`))
	require.NotContains(t, b.log.String(), "MARKER")
}
