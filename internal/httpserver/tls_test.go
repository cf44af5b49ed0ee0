package httpserver

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/certtest"
	"durablekyc.example/internal/renewal"
)

// pair makes a certificate for 127.0.0.1 and its key.
func pair(t *testing.T, from, until time.Time) (certificate, key string) {
	t.Helper()
	return certtest.SelfSigned(t, "webhook", from, until).PEM(t)
}

func TestCertificate(t *testing.T) {
	now := time.Now()
	good, key := pair(t, now.Add(-time.Hour), now.Add(time.Hour))
	_, otherKey := pair(t, now.Add(-time.Hour), now.Add(time.Hour))
	old, oldKey := pair(t, now.Add(-48*time.Hour), now.Add(-24*time.Hour))
	early, earlyKey := pair(t, now.Add(24*time.Hour), now.Add(48*time.Hour))
	broken := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("MARKER")}))
	brokenKey := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("MARKER")}))
	for name, test := range map[string]struct{ certificate, key, says string }{
		"a pair":                  {good, key, ""},
		"a chain":                 {good + old, key, ""},
		"a certificate alone":     {good, "", "must be set together"},
		"a key alone":             {"", key, "must be set together"},
		"no PEM":                  {"MARKER", key, "the certificate is not PEM"},
		"a path":                  {"/etc/MARKER.pem", key, "the certificate is not PEM"},
		"changed about":           {key, good, "the certificate is not PEM"},
		"a broken certificate":    {broken, key, "the certificate is damaged"},
		"half a certificate":      {good[:len(good)/2], key, "the certificate is not PEM"},
		"a key that is no PEM":    {good, "MARKER", "the key is not PEM"},
		"half a key":              {good, key[:len(key)/2], "the key is not PEM"},
		"a broken key":            {good, brokenKey, "do not match"},
		"a certificate for a key": {good, good, "do not match"},
		"another's key":           {good, otherKey, "do not match"},
		"one that ended": {old, oldKey, "the certificate expired on " +
			now.Add(-24*time.Hour).UTC().Format(time.DateOnly)},
		"one that has not begun": {early, earlyKey, "the certificate is not valid before " +
			now.Add(24*time.Hour).UTC().Format(time.DateOnly)},
		"its chain before itself":     {old + good, key, "do not match"},
		"one that ended, another key": {old, key, "do not match"},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := Certificate(test.certificate, test.key)
			if test.says == "" {
				require.NoError(t, err)
				require.NotNil(t, config)
				return
			}
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "MARKER")
			for line := range strings.SplitSeq(key+otherKey, "\n") {
				if !strings.HasPrefix(line, "-----") && line != "" {
					require.NotContains(t, err.Error(), line)
				}
			}
		})
	}
	config, err := Certificate("", "")
	require.NoError(t, err)
	require.Nil(t, config, "plain HTTP")
}

// secured serves over TLS and answers with its address and who trusts it.
func secured(t *testing.T, h http.Handler, times Timeouts) (addr string, roots *x509.CertPool) {
	t.Helper()
	certificate, key := pair(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	config, err := Certificate(certificate, key)
	require.NoError(t, err)
	roots = x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(certificate)))
	ln, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- times.ServeLimited(t.Context(), ln, 1000, config, h, quiet) }()
	t.Cleanup(func() { require.NoError(t, <-ended) }) // the test's context has ended before this
	return ln.Addr().String(), roots
}

func TestTLSIsSpoken(t *testing.T) {
	addr, roots := secured(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}), Timeouts{})
	for name, test := range map[string]struct {
		config  *tls.Config
		version uint16
		proto   string // empty: it is refused
	}{
		"a client of today":   {&tls.Config{}, tls.VersionTLS13, "HTTP/2.0"},
		"TLS 1.2":             {&tls.Config{MaxVersion: tls.VersionTLS12}, tls.VersionTLS12, "HTTP/2.0"},
		"TLS 1.1 is too old":  {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, 0, ""},
		"TLS 1.0 is too old":  {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, 0, ""},
		"HTTP/1.1 if it must": {&tls.Config{NextProtos: []string{"http/1.1"}}, tls.VersionTLS13, "HTTP/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.RootCAs = roots
			transport := &http.Transport{TLSClientConfig: test.config, ForceAttemptHTTP2: test.config.NextProtos == nil,
				DisableKeepAlives: true}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr, nil)
			require.NoError(t, err)
			response, err := transport.RoundTrip(request)
			if test.proto == "" {
				require.ErrorContains(t, err, "protocol version")
				return
			}
			require.NoError(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, test.proto, string(body))
			require.Equal(t, test.version, response.TLS.Version)
		})
	}
}

func TestWhoSpeaksPlainlyToATLSPortIsToldSo(t *testing.T) {
	addr, _ := secured(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_,
			_ = io.WriteString(w, "MARKER")
	}), Timeouts{})
	response, err := get(t, "http://"+addr)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, response.StatusCode)
	require.NotContains(t, string(body), "MARKER")
}

// Whoever connects and says nothing is let go, before the handshake and after.
func TestASilentTLSClientIsLetGo(t *testing.T) {
	// enough for a handshake on a busy machine
	addr, roots := secured(t, http.NotFoundHandler(), Timeouts{Header: time.Second})
	silent, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer silent.Close()
	_, err = io.Copy(io.Discard, silent)
	require.NoError(t, err, "it is closed")

	shaken, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: roots})
	require.NoError(t, err)
	defer shaken.Close()
	_, err = io.Copy(io.Discard, shaken)
	require.NoError(t, err, "it is closed")
}

// A pair that is renewed is taken at the next handshake; a half-written one, or
// one that has ended, leaves the one before in force.
func TestARenewedPairIsTaken(t *testing.T) {
	now := time.Now()
	first, firstKey := pair(t, now.Add(-time.Hour), now.Add(time.Hour))
	second, secondKey := pair(t, now.Add(-time.Hour), now.Add(2*time.Hour))
	third, thirdKey := pair(t, now.Add(-time.Hour), now.Add(3*time.Hour))
	ended, endedKey := pair(t, now.Add(-2*time.Hour), now.Add(-time.Hour))
	certificate, key, loads := first, firstKey, 0
	config, ends, err := RenewedCertificate(func() (string, string, error) { loads++; return certificate, key, nil },
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Equal(t, 1, loads, "a start must read the pair once")
	presented := func() string {
		t.Helper()
		p, err := config.GetCertificate(nil)
		require.NoError(t, err)
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate[0]}))
	}
	becomes := func(want string) {
		t.Helper()
		require.Eventually(t, func() bool { return presented() == want }, 5*time.Second, 50*time.Millisecond)
	}
	require.Equal(t, first, presented())
	certificate, key = second, secondKey
	becomes(second)
	require.WithinDuration(t, now.Add(2*time.Hour), ends(), time.Second)
	for _, unusable := range [][2]string{{third, secondKey}, {"half", secondKey}, {ended, endedKey}, {"", ""}} {
		certificate, key = unusable[0], unusable[1]
		began := time.Now()
		require.Eventually(t, func() bool {
			require.Equal(t, second, presented())
			return time.Since(began) > renewal.Every+100*time.Millisecond
		}, 5*time.Second, 50*time.Millisecond)
	}
	certificate, key = third, thirdKey
	becomes(third)
}

// No pair at first is no TLS.
func TestNoPairAtFirstIsNoTLS(t *testing.T) {
	config, ends, err := RenewedCertificate(func() (string, string, error) { return "", "", nil },
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Nil(t, config)
	require.Nil(t, ends)
	_, _, err = RenewedCertificate(func() (string, string, error) { return "half", "", nil },
		slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "must be set together")
}
