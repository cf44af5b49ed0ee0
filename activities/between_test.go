package activities_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"

	"github.com/stretchr/testify/require"

	"durablekyc.example/activities"
	"durablekyc.example/connectfi"
)

// between stands between the activities and the sandbox: it records what is sent, and can change the lists that are
// answered.
type between struct {
	mu     sync.Mutex
	sent   []sent
	change func(call int, page *connectfi.ListPage) // call counts lists, from 1
	lists  int
}

// sent is one request to ConnectFi, tokens left out.
type sent struct {
	path, contentType string
	body              []byte
}

// between lets the activities reach the sandbox through a proxy.
func (w *world) between() *between {
	target, err := url.Parse(w.url)
	require.NoError(w.t, err)
	b := &between{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(answer *http.Response) error {
		if answer.Request.URL.Path != "/akepa/list" {
			return nil
		}
		var envelope connectfi.Envelope[connectfi.ListPage]
		if err := json.NewDecoder(answer.Body).Decode(&envelope); err != nil {
			return err
		}
		if b.lists++; b.change != nil {
			b.change(b.lists, &envelope.Data)
		}
		text, err := json.Marshal(envelope)
		answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		answer.Header.Del("Content-Length")
		return err
	}
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.URL.Path != "/auth/get-token" {
			b.sent = append(b.sent, sent{r.URL.Path, r.Header.Get("Content-Type"), body})
		}
		proxy.ServeHTTP(answer, r)
	}))
	w.t.Cleanup(server.Close)
	client, err := connectfi.New(connectfi.Config{BaseURL: server.URL, Login: "l", Password: "p"})
	require.NoError(w.t, err)
	w.do = activities.New(activities.Config{ConnectFi: client, Documents: w.store, CallbackURL: w.do.CallbackURL})
	w.TestActivityEnvironment = w.suite.NewTestActivityEnvironment()
	w.RegisterActivity(w.do)
	return b
}

// paths are those of the requests so far, in order; it forgets them.
func (b *between) paths() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sent {
		all = append(all, s.path)
	}
	b.sent = nil
	return all
}
