package connectfi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

type key struct{}

// Every exchange is told once, tokens and second attempts included, by the
// endpoint's path without any id and one word of a known few.
func TestEveryExchangeIsWatched(t *testing.T) {
	answers := map[string][]string{
		"/auth/get-token":                {`{"code":"0","data":{"token":"t"}}`, `{"code":"0","data":{"token":"u"}}`},
		"/akepa/status":                  {`{"code":"unauthorized"}`, `{"code":"extAkepa"}`},
		"/akepa/document/upload/doc_one": {`{"code":"0"}`},
		"/akepa/list":                    {`<html>`},
		"/akepa/update":                  {`{"code":"somethingNew"}`},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := answers[r.URL.Path]
		answers[r.URL.Path] = next[1:]
		if !strings.HasPrefix(next[0], `{"code":"0"`) {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write([]byte(next[0]))
	}))
	defer server.Close()
	var told []string
	within := 0
	c, err := connectfi.New(connectfi.Config{BaseURL: server.URL, Login: "l", Password: "p",
		HTTP: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if r.Context().Value(key{}) != nil {
				within++
			}
			return http.DefaultTransport.RoundTrip(r)
		})},
		Observe: func(ctx context.Context, op string) (context.Context, func(string, int)) {
			return context.WithValue(ctx, key{}, op), func(ending string, _ int) {
				require.Contains(t, connectfi.Endings(), ending)
				told = append(told, op+" "+ending)
			}
		}})
	require.NoError(t, err)
	_, err = c.Status(t.Context(), connectfi.StatusRequest{CustomerID: "c", ApplicationID: "a"})
	require.Error(t, err)
	require.NoError(t, c.UploadDocument(t.Context(), "doc_one", "f", "image/png", http.NoBody))
	_, err = c.List(t.Context(), connectfi.ListRequest{CustomerID: "c"})
	require.Error(t, err)
	_, err = c.Update(t.Context(), connectfi.UpdateRequest{ApplicationID: "a", CustomerID: "c", EntityID: "e",
		Documents: []connectfi.DocumentLink{{DocumentID: "d", Side: "front"}}})
	require.Error(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.List(ctx, connectfi.ListRequest{CustomerID: "c"})
	require.Error(t, err)
	require.Equal(t, []string{"/auth/get-token ok", "/akepa/status unauthorized", "/auth/get-token ok",
		"/akepa/status extAkepa", "/akepa/document/upload ok",
		"/akepa/list unreadable", "/akepa/update other", "/akepa/list calledOff"}, told)
	require.Equal(t, len(told), within, "each is made with the watch's context")
	server.Close()
	_, err = c.List(t.Context(), connectfi.ListRequest{CustomerID: "c"})
	require.Error(t, err)
	require.Equal(t, "/akepa/list noAnswer", told[len(told)-1])
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }
