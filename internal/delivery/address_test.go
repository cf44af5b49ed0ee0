package delivery

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// A receiver's URL goes out as JavaScript clients such as ConnectFi's send it: what
// they would escape is escaped, and nothing else is changed.
func TestAddressesGoOutAsTheWHATWGWritesThem(t *testing.T) {
	var line, host string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		line, host = r.RequestURI,
			r.Host
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	s, err := New(Config{Secrets: secrets(t, printed), AllowPrivate: true})
	require.NoError(t, err)
	for rest, want := range map[string]string{
		"/hook?a=b c":             "/hook?a=b%20c",
		"/hook?name=José":         "/hook?name=Jos%C3%A9",
		"/a b/ü?q=ä&q='\"":        "/a%20b/%C3%BC?q=%C3%A4&q=%27%22",
		"/kept%20as?it=%C3%A4+is": "/kept%20as?it=%C3%A4+is",
		"/a|[x]?{y}":              "/a|[x]?{y}",
		"/x#part":                 "/x",
		"":                        "/",
	} {
		answer, err := s.Send(t.Context(), server.URL+rest, "evt_A1_1", []byte("{}"))
		require.NoError(t, err, rest)
		require.Equal(t, http.StatusOK, answer.Status, rest)
		require.Equal(t, want, line)
	}
	// ℓocalhost is localhost to the standard, which maps letters of hosts before it asks for their address.
	_, err = s.Send(t.Context(), "http://ⓛocalhost:"+port+"/x", "evt_A1_1", nil)
	require.NoError(t, err)
	require.Equal(t, "localhost:"+port, host)
}

func TestAddressesThatCannotWorkAreRefused(t *testing.T) {
	s, err := New(Config{Secrets: secrets(t, printed), AllowPrivate: true})
	require.NoError(t, err)
	for _, address := range []string{" http://127.0.0.1/x", "http://127.0.0.1/x ", "http://127.0.0.1:99999/x",
		`http://127.0.0.1\x`, "http:///x"} {
		_, err := s.Send(t.Context(), address, "evt_A1_1", nil)
		require.Equal(t, ErrURL, err, "%q", address)
		require.ErrorIs(t, CheckURL(address), ErrURL)
	}
}
