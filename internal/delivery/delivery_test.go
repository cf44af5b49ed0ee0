package delivery

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

const printed = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func secrets(t *testing.T, text string) Secrets {
	t.Helper()
	s, err := ParseSecrets(text)
	require.NoError(t, err)
	return s
}

// The example that Standard Webhooks' libraries print.
func TestThePrintedSignature(t *testing.T) {
	header := http.Header{}
	require.NoError(t, secrets(t, printed).sign(header, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0),
		[]byte(`{"test": 2432232314}`)))
	require.Equal(t, http.Header{
		"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"},
		"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	}, header)
}

func TestEveryOfSeveralSecretsIsEnoughToVerify(t *testing.T) {
	newest, oldest, other := NewSecret(), NewSecret(), NewSecret()
	var header http.Header
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header.Clone()
		body, _ = io.ReadAll(r.Body)
	}))
	defer server.Close()
	s, err := New(Config{Secrets: secrets(t, newest+","+oldest), AllowPrivate: true})
	require.NoError(t, err)
	answer, err := s.Send(t.Context(), server.URL, "evt_A1_1", []byte(`{"type":"x"}`))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status)
	require.Equal(t, "application/json", header.Get("Content-Type"))
	for secret, valid := range map[string]bool{newest: true, oldest: true, other: false} {
		verifier, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		require.Equal(t, valid, verifier.Verify(body, header) == nil, "and its time is now")
	}
}

func TestSecretsAreCheckedAndNeverShown(t *testing.T) {
	for name, test := range map[string]struct{ text, says string }{
		"none":        {" ,\n", "no secret is given"},
		"no prefix":   {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "secret 1 must be whsec_"},
		"too short":   {printed + ",whsec_c2hvcnQ=", "secret 2 must be whsec_"},
		"too long":    {"whsec_" + strings.Repeat("AAAA", 22), "secret 1"},
		"not base64":  {"whsec_" + strings.Repeat("*", 32), "secret 1"},
		"one":         {printed, ""},
		"two on disk": {printed + "\n" + NewSecret() + "\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ParseSecrets(test.text)
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
				require.NotContains(t, err.Error(), "MfKQ")
				return
			}
			require.NoError(t, err)
			for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%+v", Config{Secrets: s}), fmt.Sprintf("%#v", s),
				s.LogValue().String()} {
				require.NotContains(t, shown, "MfKQ")
			}
		})
	}
	_, err := New(Config{})
	require.ErrorContains(t, err, "no secret to sign")
}

func TestPrivateAddressesAreNeverDialled(t *testing.T) {
	called := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	s, err := New(Config{Secrets: secrets(t, printed)})
	require.NoError(t, err)
	for _, address := range []string{server.URL, "http://localhost" + port, "http://127.0.0.1", "http://[::1]",
		"http://[::ffff:127.0.0.1]",
		"http://10.0.0.1", "http://169.254.169.254/latest", "http://0.0.0.0", "https://192.168.1.1", "http://2130706433",
		"http://8.8.8.8:22"} {
		_, err := s.Send(t.Context(), address, "evt_A1_1", nil)
		if address == "http://2130706433" && errors.Is(err, ErrUnreachable) {
			continue // a name that no name server knows, where it is not taken for a number
		}
		require.Equal(t, ErrForbidden, err, address)
	}
	require.False(t, called)
	for _, address := range []string{"", "ftp://example.com", "file:///etc/passwd", "example.com", "http://",
		"http://\x00", "https://:443"} {
		_, err := s.Send(t.Context(), address, "evt_A1_1", nil)
		require.Equal(t, ErrURL, err, address)
	}
}

func TestWhatReceiversDo(t *testing.T) {
	redirected := false
	hang := make(chan struct{})
	mux := http.NewServeMux()
	for path, handler := range map[string]http.HandlerFunc{
		"/hang": func(_ http.ResponseWriter, r *http.Request) { <-hang },
		"/redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/target", http.StatusTemporaryRedirect)
		},
		"/target": func(http.ResponseWriter, *http.Request) { redirected = true },
		"/wait":   func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "90"); w.WriteHeader(429) },
		"/endless": func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		},
		"/cut": func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
	} {
		mux.HandleFunc(path, handler)
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(hang)
	begun := time.Now()
	s, err := New(Config{Secrets: secrets(t, printed), AllowPrivate: true, Timeout: 300 * time.Millisecond})
	require.NoError(t, err)
	for path, want := range map[string]struct {
		answer Answer
		err    error
	}{
		"/hang":     {err: ErrTimeout},
		"/redirect": {answer: Answer{Status: 307}},
		"/wait":     {answer: Answer{429, 90 * time.Second}},
		"/endless":  {answer: Answer{Status: 200}},
		"/cut":      {err: ErrUnreachable},
		"/nowhere":  {answer: Answer{Status: 404}},
	} {
		answer, err := s.Send(t.Context(), server.URL+path, "evt_A1_1", []byte("{}"))
		require.Equal(t, want.err, err, path)
		require.Equal(t, want.answer, answer, path)
	}
	require.False(t, redirected)
	patient, err := New(Config{Secrets: secrets(t, printed), AllowPrivate: true, Timeout: time.Minute})
	require.NoError(t, err)
	_, err = patient.Send(t.Context(), server.URL+"/endless", "evt_A1_1", nil)
	require.NoError(t, err)
	require.Less(t, time.Since(begun), 20*time.Second, "neither silence nor talk holds a sender up")
	_, err = s.Send(t.Context(), "http://127.0.0.1:1/secret-path", "evt_A1_1", nil)
	require.Equal(t, ErrUnreachable, err)
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, "99999999999999": 0,
		"Sun, 01 Mar 2026 09:30:00 GMT": 30 * time.Minute, "Sun, 01 Mar 2026 08:30:00 GMT": 0,
	} {
		require.Equal(t, want, retryAfter(value, now), value)
	}
}
