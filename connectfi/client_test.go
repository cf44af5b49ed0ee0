package connectfi_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

func body(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

func status(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code); io.WriteString(w, text) }
}

// instead answers with bytes of its own, whether they are HTTP or not.
func instead(bytes string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			io.WriteString(c, bytes)
			c.Close()
		}
	}
}

func TestAnswersThatCannotBeUsed(t *testing.T) {
	callback := string(printed(t, "callback"))
	for name, answer := range map[string]http.HandlerFunc{
		"HTML 502":            status(502, "<html>Jane</html>"),
		"HTML 200":            body("<html>Jane</html>"),
		"empty":               body(""),
		"cut":                 instead("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"code\":\"0\",\"data\":{\"Jane"),
		"cut chunks":          instead("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nJane"),
		"not HTTP":            instead("HTTP/1.1 Jane Doe\r\n\r\n"),
		"nothing":             instead(""),
		"a broken header":     instead("HTTP/1.1 200 OK\r\nJane Doe\r\n\r\n"),
		"a broken Location":   instead("HTTP/1.1 302 Found\r\nLocation: %zzJane\r\n\r\n"),
		"huge":                body(callback + strings.Repeat(" ", 2<<20)),
		"something behind it": body(callback + "Jane"),
		"no code":             body(`{"data":{}}`),
		"no data":             body(`{"code":"0"}`),
		"null data":           body(`{"code":"0","data":null}`),
		"data of its own":     body(`{"code":"0","data":"Jane"}`),
		"no status":           body(`{"code":"0","data":{"applicationId":"a"}}`),
		"no application id":   body(`{"code":"0","data":{"status":"running"}}`),
		"a number as code":    body(`{"code":0,"data":{}}`),
		"a sentence as code":  status(400, `{"code":"Jane Doe is unknown"}`),
		"success as 500":      status(500, callback),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/Jane",
				http.StatusFound)
		},
		"5xx, unlisted code": status(500, `{"code":"internalError","message":"Jane"}`),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				answer(w,
					r)
			}).Status(t.Context(), ask)
			bad := failure(t, err)
			require.False(t, bad.Answered(), "it may have been carried out")
			require.True(t, bad.Temporary())
			require.Equal(t, "/akepa/status", bad.Op)
			for cause := error(bad); cause != nil; cause = errors.Unwrap(cause) {
				require.NotContains(t, cause.Error(), "Jane")
			}
		})
	}
}

func TestACutAnswerSaysSo(t *testing.T) {
	_, err := client(t, instead("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{}")).Status(t.Context(), ask)
	require.EqualError(t, err, "ConnectFi's answer to /akepa/status is invalid (HTTP 200): unexpected EOF")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestNobodyThere(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	_, err = at(t, "http://"+gone.Addr().String(), nil).Status(t.Context(), ask)
	require.ErrorContains(t, err, "did not answer /auth/get-token: dial: connect: connection refused")
	require.False(t, failure(t, err).Answered())
}

func TestASilentServer(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"the client's timeout": time.Minute,
		"the caller's": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := over(t, func(r *http.Request) (int, string, error) {
					if isToken(r) {
						return 200, longLived, nil
					}
					<-r.Context().Done()
					return 0, "", r.Context().Err()
				})
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				_, err := c.Status(ctx, ask)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.False(t, failure(t, err).Answered())
				require.Equal(t, min(timeout, 20*time.Second), time.Since(begun))
			})
		})
	}
}

// Also a client that would follow them by itself must not.
func TestNoRedirectIsFollowed(t *testing.T) {
	var followed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer elsewhere.Close()
	for name, through := range map[string]*http.Client{"its own": nil, "a given one": {}} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
			}))
			defer server.Close()
			_, err := at(t, server.URL, through).Status(t.Context(), ask)
			require.Equal(t, http.StatusTemporaryRedirect, failure(t, err).HTTPStatus)
			require.Zero(t, followed.Load(), "with the password in it")
			require.True(t, through == nil || through.CheckRedirect == nil, "the caller's client is left as it was")
		})
	}
}

func TestToleratedAnswers(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"unknown fields and status": body(
			`{"code":"0","new":1,"data":{"applicationId":"a","status":"pending_action","extra":[1]}}`),
		"201": status(201, `{"code":"0","data":{"applicationId":"a","status":"pending_action"}}`),
		"nulls": body(`{"code":"0","data":{"applicationId":"a","status":"pending_action","outcome":null,` +
			`"entityApplications":null}}`),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := client(t, answer).Status(t.Context(), ask)
			require.NoError(t, err)
			require.Equal(t, connectfi.Status("pending_action"), a.Status)
			require.Empty(t, a.Outcome)
		})
	}
}

// A list misread as empty would make a second application.
func TestAListIsNeverMisreadAsEmpty(t *testing.T) {
	for name, data := range map[string]string{
		"another name": `{"records":[{"applicationId":"a","reference":"r"}]}`, "bare": `[]`,
		"more": `{"applications":[],"more":true}`, "another name beside null": `{"applications":null,"data":[{}]}`,
		"an object":    `{"page":{"records":[]}}`,
		"no reference": `{"applications":[{"applicationId":"a"}]}`, "no id": `{"applications":[{"reference":"r"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, body(`{"code":"0","data":`+data+`}`)).List(t.Context(), connectfi.ListRequest{CustomerID: "c"})
			require.False(t, failure(t, err).Answered())
		})
	}
}

// How ConnectFi writes an empty list was not seen (A): a customer without applications must not keep its first case
// from starting.
func TestAnEmptyListMayBeNullOrLeftOut(t *testing.T) {
	for name, data := range map[string]string{
		"empty": `,"data":{"applications":[]}`, "null": `,"data":{"applications":null,"more":false}`,
		"left out": `,"data":{}`, "null data": `,"data":null`, "no data": ``,
		"other words": `,"data":{"total":0,"customerId":"c","filters":[ ]}`,
	} {
		t.Run(name, func(t *testing.T) {
			page, err := client(t, body(`{"code":"0"`+data+`}`)).List(t.Context(), connectfi.ListRequest{CustomerID: "c"})
			require.NoError(t, err)
			require.Empty(t, page.Applications)
		})
	}
}

// The errors page prints the context of referenceExists (C); older ones print other things.
func TestReferenceExistsNamesAnEntity(t *testing.T) {
	for context, want := range map[string]string{
		`{"reference":"r","entityId":"iapp_AwXROkAVhfKmkhXjOTmuK"}`: "iapp_AwXROkAVhfKmkhXjOTmuK",
		`{"entityId":"Jane Doe"}`:                                   "", `{"entityId":7}`: "", `"undefined"`: "", `[]`: "",
		`null`: "",
	} {
		_, err := client(t, status(400, `{"code":"referenceExists","context":`+context+`}`)).Identify(t.Context(),
			connectfi.IdentificationRequest{CustomerID: "c", Reference: "r"})
		require.Equal(t, want, failure(t, err).EntityID, context)
	}
	_, err := client(t, status(400, `{"code":"customerExists","context":{"entityId":"iapp_1"}}`)).Status(t.Context(), ask)
	require.Empty(t, failure(t, err).EntityID, "of another code")
}

func TestAnAnswerWithoutItsIDIsNone(t *testing.T) {
	c := client(t, body(`{"code":"0","data":{},"requestId":"135520d078d411eeb5658f28ab5fe311"}`))
	_, err := c.GenerateDocument(t.Context(), connectfi.GenerateRequest{Workflow: "PERSONAL", Name: "n", Extension: "jpg",
		Type: "license"})
	require.ErrorContains(t, err, "it lacks a document id")
	require.Equal(t, "135520d078d411eeb5658f28ab5fe311", failure(t, err).RequestID)
	_, err = c.InitCustomer(t.Context(), connectfi.CustomerRequest{CustomerReference: "r", CustomerType: "individual",
		Customer: []byte(`{}`)})
	require.ErrorContains(t, err, "it lacks a customer id")
}

func TestRetryAfter(t *testing.T) {
	for name, test := range map[string]struct {
		header string
		want   float64
	}{
		"seconds": {"120", 120}, "date": {time.Now().Add(2 * time.Minute).UTC().Format(http.TimeFormat), 120},
		"date gone by": {"Wed, 21 Oct 2015 07:28:00 GMT", 0}, "none": {"", 0}, "nonsense": {"soon", 0}, "negative": {"-5", 0},
		"at most an hour": {"2000000000", 3600}, "too many digits": {"99999999999999999999", 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", test.header)
				w.WriteHeader(429)
			}).Status(t.Context(), ask)
			bad := failure(t, err)
			require.True(t, bad.Temporary())
			require.InDelta(t, test.want, bad.RetryAfter().Seconds(), 5)
		})
	}
}

func TestInvalidRequestsAreNotSent(t *testing.T) {
	c := over(t, func(*http.Request) (int, string, error) { t.Error("sent"); return 500, "", nil })
	upload := func(id, kind string, size int64) error {
		return c.UploadDocument(t.Context(), id, "f", kind, io.LimitReader(zeros{}, size))
	}
	_, identify := c.Identify(t.Context(), connectfi.IdentificationRequest{Reference: "UNIQUE_REFERENCE_ID"})
	_, generate := c.GenerateDocument(t.Context(), connectfi.GenerateRequest{Workflow: "X", Name: "<", Extension: "pdf",
		Type: "selfie"})
	_, update := c.Update(t.Context(), connectfi.UpdateRequest{})
	_, list := c.List(t.Context(), connectfi.ListRequest{CustomerID: "c", NumberOfRecords: 1001, SkipRecords: -1})
	_, customer := c.InitCustomer(t.Context(), connectfi.CustomerRequest{CustomerReference: "r",
		CustomerType: "individual", Customer: []byte(`{Jane`)})
	for name, test := range map[string]struct {
		err      error
		problems int
	}{
		"identification": {identify, 3}, "generate": {generate, 4}, "update": {update, 7}, "list": {list, 2},
		"customer":             {customer, 1},
		"document id and type": {upload("../x", "image/png\r\nX-Jane: 1", 1), 2}, "image too large": {upload("doc_1",
			"image/png", 26<<20), 1},
	} {
		t.Run(name, func(t *testing.T) {
			var invalid *connectfi.InvalidError
			require.ErrorAs(t, test.err, &invalid)
			require.Len(t, invalid.Problems, test.problems, "all at once")
			require.NotContains(t, invalid.Error(), "Jane")
			require.NotContains(t, invalid.Error(), "UNIQUE_REFERENCE_ID")
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestConfigurationIsCheckedAtOnce(t *testing.T) {
	_, err := connectfi.New(connectfi.Config{BaseURL: "ftp://x", Login: "a-b", Timeout: -1})
	for _, part := range []string{"base URL", "login", "password", "timeout"} {
		require.ErrorContains(t, err, part)
	}
	for _, url := range []string{"", "connectfi", "http://", "http://:80", "://", "https://user:pass@x", "https://x?a=b",
		"https://x?", "https://x#", "https://x/%zz"} {
		_, err := connectfi.New(connectfi.Config{BaseURL: url, Login: "l", Password: "p"})
		require.ErrorContains(t, err, "the base URL", url)
		require.NotContains(t, err.Error(), "pass@")
	}
}
