package connectfi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

var ask = connectfi.StatusRequest{CustomerID: "c", ApplicationID: "a"}

func TestAnswersThatCannotBeUsed(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"HTML 502": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
			io.WriteString(w, "<html>Jane</html>")
		},
		"empty": func(http.ResponseWriter, *http.Request) {},
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			io.WriteString(w, `{"code`)
		},
		"huge":      func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat(" ", 2<<20)) },
		"no code":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"data":{}}`) },
		"no data":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"code":"0"}`) },
		"null data": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"code":"0","data":null}`) },
		"no status": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"code":"0","data":{"applicationId":"a"}}`)
		},
		"success as 500":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); w.Write(printed(t, "callback")) },
		"redirect":        func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"cut connection":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"nothing at all":  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"numbers as code": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"code":0,"data":{}}`) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); answer(w, r) }).Status(t.Context(), ask)
			var bad *connectfi.Error
			require.ErrorAs(t, err, &bad)
			require.False(t, bad.Answered(), "it may have been carried out")
			require.True(t, bad.Temporary())
			require.NotContains(t, err.Error(), "Jane")
			require.NotContains(t, err.Error(), "127.0.0.1")
		})
	}
}

func TestUnknownFieldsAndStatusesPass(t *testing.T) {
	a, err := client(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"code":"0","new":1,"data":{"applicationId":"a","status":"pending_action","extra":[1]}}`)
	}).Status(t.Context(), ask)
	require.NoError(t, err)
	require.Equal(t, connectfi.Status("pending_action"), a.Status)
}

func TestRetryAfterInBothForms(t *testing.T) {
	for name, header := range map[string]string{"seconds": "120", "date": time.Now().Add(2 * time.Minute).UTC().Format(http.TimeFormat)} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				w.WriteHeader(429)
			}).Status(t.Context(), ask)
			var bad *connectfi.Error
			require.ErrorAs(t, err, &bad)
			require.InDelta(t, 120, bad.RetryAfter().Seconds(), 5)
		})
	}
}

func TestInvalidRequestsAreNotSent(t *testing.T) {
	c := client(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") })
	var invalid *connectfi.InvalidError
	_, err := c.Identify(t.Context(), connectfi.IdentificationRequest{Reference: "UNIQUE_REFERENCE_ID", CustomerID: ""})
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Problems, 3)
	_, err = c.GenerateDocument(t.Context(), connectfi.GenerateRequest{Workflow: "X", Name: "<", Extension: "pdf", Type: "selfie"})
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Problems, 4)
	require.ErrorAs(t, c.UploadDocument(t.Context(), "../x", "f", "image/png", strings.NewReader("")), &invalid)
	require.ErrorAs(t, c.UploadDocument(t.Context(), "doc_1", "f", "image/png", strings.NewReader(strings.Repeat("x", 26<<20))), &invalid)
}

func TestUploadIsMultipart(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		file, header, err := r.FormFile("file")
		if err != nil || r.URL.Path != "/akepa/document/upload/doc_1" || header.Filename != "front.png" || header.Header.Get("Content-Type") != "image/png" {
			t.Errorf("%v %s %v", err, r.URL.Path, header)
		}
		body, _ := io.ReadAll(file)
		if string(body) != "bytes" {
			t.Errorf("%q", body)
		}
		io.WriteString(w, `{"code":"0","data":{}}`)
	})
	require.NoError(t, c.UploadDocument(t.Context(), "doc_1", "front.png", "image/png", strings.NewReader("bytes")))
}

// tokenServer gives out T1, T2, … and takes only the newest.
func tokenServer(t *testing.T, expiry string) (c *connectfi.Client, asked *atomic.Int64, revoke func()) {
	var newest, given atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/get-token" {
			n := given.Add(1)
			newest.Store(n)
			io.WriteString(w, `{"code":"0","data":{"token":"T`+string(rune('0'+n))+`","dtsExpireAt":"`+expiry+`"}}`)
			return
		}
		if r.Header.Get(connectfi.TokenHeader) != "T"+string(rune('0'+newest.Load())) {
			w.WriteHeader(401)
			io.WriteString(w, `{"code":"unauthorized","message":"Authentication error"}`)
			return
		}
		w.Write(printed(t, "callback"))
	}))
	t.Cleanup(server.Close)
	c, err := connectfi.New(connectfi.Config{BaseURL: server.URL, Login: "l", Password: "p"})
	require.NoError(t, err)
	return c, &given, func() { newest.Store(99) }
}

func crowd(t *testing.T, c *connectfi.Client) {
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := c.Status(t.Context(), ask); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestOneTokenForACrowdAndOneFreshOneAfter401(t *testing.T) {
	c, asked, revoke := tokenServer(t, "2099-10-07T08:18:57.360Z")
	crowd(t, c)
	require.EqualValues(t, 1, asked.Load())
	revoke()
	crowd(t, c)
	require.EqualValues(t, 2, asked.Load())
}

func TestTokenIsRenewedBeforeItExpires(t *testing.T) {
	c, asked, _ := tokenServer(t, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	_, err := c.Status(t.Context(), ask)
	require.NoError(t, err)
	require.EqualValues(t, 1, asked.Load())
	require.Eventually(t, func() bool {
		_, err := c.Status(t.Context(), ask)
		return err == nil && asked.Load() == 2
	}, 5*time.Second, 50*time.Millisecond)
}

func TestUnauthorizedForGoodIsTriedTwice(t *testing.T) {
	var calls atomic.Int64
	_, err := client(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(401)
		io.WriteString(w, `{"code":"unauthorized"}`)
	}).Status(t.Context(), ask)
	var refused *connectfi.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "unauthorized", refused.Code)
	require.EqualValues(t, 2, calls.Load())
}

func TestContextEndsAWaitForAnothersToken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer server.Close()
	c, err := connectfi.New(connectfi.Config{BaseURL: server.URL, Login: "l", Password: "secret"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	for range 2 {
		go func() { _, err := c.Status(ctx, ask); done <- err }()
	}
	cancel()
	for range 2 {
		err := <-done
		require.True(t, errors.Is(err, context.Canceled), "%v", err)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestConfigurationIsCheckedAtOnce(t *testing.T) {
	_, err := connectfi.New(connectfi.Config{BaseURL: "ftp://x", Login: "a-b"})
	for _, part := range []string{"base URL", "login", "password"} {
		require.ErrorContains(t, err, part)
	}
}

func FuzzParseCallback(f *testing.F) {
	f.Add(printed(f, "callback"))
	f.Add([]byte(`{"code":"0","data":{"reference":"x","entityApplications":[null]}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, _, err := connectfi.ParseCallback(body)
		if err == nil && a.ApplicationID == "" && a.Reference == "" {
			t.Fatal("accepted without saying what it is about")
		}
	})
}
