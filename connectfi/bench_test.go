package connectfi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

var ask = connectfi.StatusRequest{CustomerID: "c", ApplicationID: "a"}

const longLived = `{"code":"0","data":{"token":"T1","dtsExpireAt":"2099-10-07T08:18:57.360Z"}}`

// printed is a body of a page, to the letter.
func printed(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile("testdata/" + name + ".json")
	require.NoError(t, err)
	return body
}

// client speaks to a server that gives out tokens and leaves the rest to handle.
func client(t testing.TB, handle http.HandlerFunc) *connectfi.Client {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/get-token", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, longLived) })
	mux.HandleFunc("/", handle)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return at(t, server.URL, nil)
}

func at(t testing.TB, url string, through *http.Client) *connectfi.Client {
	t.Helper()
	c, err := connectfi.New(connectfi.Config{BaseURL: url, Login: "login", Password: "secret-password", HTTP: through,
		Timeout: 20 * time.Second})
	require.NoError(t, err)
	return c
}

// wire is a connection without a network, so that a test's clock may be false.
type wire func(*http.Request) (status int, body string, err error)

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body, err := w(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
		Request: r}, nil
}

// over speaks through w, which is asked for tokens too.
func over(t testing.TB, w wire) *connectfi.Client {
	return at(t, "http://connectfi.test", &http.Client{Transport: w})
}

func isToken(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/auth/get-token") }

// failure is the *Error that a call must have ended with.
func failure(t testing.TB, err error) *connectfi.Error {
	t.Helper()
	var e *connectfi.Error
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error(), "Jane", "nothing of a body in an error")
	require.NotContains(t, err.Error(), "secret-password")
	require.NotContains(t, err.Error(), "127.0.0.1")
	return e
}

func into[T any](t testing.TB, text []byte) (value T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(text, &value))
	return value
}
