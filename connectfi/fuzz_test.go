package connectfi_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

func FuzzParseCallback(f *testing.F) {
	for _, name := range []string{"callback", "identification_business", "error_customer_not_found"} {
		f.Add(printed(f, name))
	}
	f.Add([]byte(`{"code":"0","data":{"reference":"x","entityApplications":[null]}}`))
	f.Add([]byte(`{"code":"0","data":{}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, id, err := connectfi.ParseCallback(body)
		if err != nil {
			require.Equal(t, connectfi.ErrNotCallback, err, "nothing of the body in it")
			return
		}
		require.False(t, a.ApplicationID == "" && a.Reference == "", "accepted without saying what it is about")
		again, err := json.Marshal(connectfi.Envelope[connectfi.Application]{Code: connectfi.CodeOK, Data: a, RequestID: id})
		require.NoError(t, err)
		same, sameID, err := connectfi.ParseCallback(again)
		require.NoError(t, err)
		require.Equal(t, a, same, "what was read says the same when it is written")
		require.Equal(t, id, sameID)
	})
}

// ownWords is all that an error may say, whatever came.
var ownWords = regexp.MustCompile(`^ConnectFi(` +
	` refused /[a-z/-]+ with code [0-9a-zA-Z]{1,64} \(HTTP \d+\)` +
	`|'s answer to /[a-z/-]+ is invalid \(HTTP \d+\): (not ConnectFi's envelope|it lacks an? [a-z' ]+|it reports ` +
	`success with an HTTP status that does not|it is larger than 1 MiB)` +
	`|'s answer to /[a-z/-]+ is invalid \(HTTP \d+\): its data is invalid)$`)

// calls are everything that the client asks of ConnectFi, each saying whether
// what it was answered is of use.
var calls = []func(*testing.T, *connectfi.Client) (whole bool, err error){
	func(t *testing.T, c *connectfi.Client) (bool, error) {
		a, err := c.Status(t.Context(), ask)
		return a.ApplicationID != "" && a.Status != "", err
	},
	func(t *testing.T, c *connectfi.Client) (bool, error) {
		a, err := c.Identify(t.Context(), connectfi.IdentificationRequest{CustomerID: "c", Reference: "r"})
		return a.ApplicationID != "" && a.Status != "", err
	},
	func(t *testing.T, c *connectfi.Client) (bool, error) {
		page, err := c.List(t.Context(), connectfi.ListRequest{CustomerID: "c"})
		for _, a := range page.Applications {
			if a.ApplicationID == "" || a.Reference == "" {
				return false, err
			}
		}
		return page.Applications != nil, err
	},
	func(t *testing.T, c *connectfi.Client) (bool, error) {
		d, err := c.GenerateDocument(t.Context(), connectfi.GenerateRequest{Workflow: "PERSONAL", Name: "n", Extension: "jpg",
			Type: "license"})
		return d.ID != "", err
	},
	func(t *testing.T, c *connectfi.Client) (bool, error) {
		return true, c.UploadDocument(t.Context(), "doc_1", "file.jpg", "image/jpeg", strings.NewReader("x"))
	},
	func(t *testing.T, c *connectfi.Client) (bool, error) {
		a, err := c.Update(t.Context(), connectfi.UpdateRequest{ApplicationID: "a", CustomerID: "c", EntityID: "c",
			Documents: []connectfi.DocumentLink{{DocumentID: "d", Side: "front"}}})
		return a.ApplicationID != "" && a.Status != "", err
	},
	func(t *testing.T, c *connectfi.Client) (bool, error) {
		made, err := c.InitCustomer(t.Context(), connectfi.CustomerRequest{CustomerReference: "r", CustomerType: "individual",
			Customer: json.RawMessage(`{}`)})
		return made.CustomerID != "", err
	},
}

// far answers every request with a header of its own.
type far func(*http.Request) (status int, retryAfter, body string)

func (f far) RoundTrip(r *http.Request) (*http.Response, error) {
	status, retryAfter, body := f(r)
	return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// FuzzAnswer: whatever ConnectFi answers to whatever it was asked, the token
// included, is either of use or an error in our own words.
func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"identification_business", "error_request_validate", "error_customer_not_found",
		"error_unauthorized"} {
		f.Add(byte(0), false, 200, "", printed(f, name))
		f.Add(byte(1), false, 400, "120", printed(f, name))
	}
	f.Add(byte(0), false, 502, "Sun, 01 Mar 2026 09:30:00 GMT", []byte(`<html>`))
	f.Add(byte(2), false, 200, "",
		[]byte(`{"code":"0","data":{"applications":[{"applicationId":"iapp_1","reference":"r"}],"more":true}}`))
	f.Add(byte(3), false, 200, "", []byte(`{"code":"0","data":{"id":"doc_1"}}`))
	f.Add(byte(4), true, 200, "", []byte(longLived))
	f.Add(byte(5), false, 200, "", []byte(`{"code":"0","data":[null]}`))
	f.Add(byte(6), false, 400, "-1",
		[]byte(`{"code":"requestValidateError","context":[{"instancePath":"/a b","keyword":"k","params":{"":1}},null,1]}`))
	for call := range calls {
		f.Add(byte(call), false, 200, "", []byte(`{"code":"0","data":{"applications":[{"applicationId":"iapp_1"}]}}`))
	}
	f.Fuzz(func(t *testing.T, call byte, token bool, status int, retryAfter string, body []byte) {
		status = 100 + ((status-100)%500+500)%500 // 200 is 200
		asked := 0
		client := at(t, "http://connectfi.test", &http.Client{Transport: far(func(r *http.Request) (int, string, string) {
			asked++
			if got := r.Header.Get(connectfi.TokenHeader); !isToken(r) {
				require.Regexp(t, `^[!-~]+$`, got, "a header can carry it")
			}
			if isToken(r) != token {
				return 200, "", map[bool]string{true: longLived, false: string(printed(t, "callback"))}[isToken(r)]
			}
			return status, retryAfter, string(body)
		})})
		whole, err := calls[int(call)%len(calls)](t, client)
		require.LessOrEqual(t, asked, 4, "one attempt, and one more with a fresh token")
		if err == nil {
			require.True(t, whole)
			require.True(t, token || status/100 == 2)
			return
		}
		require.Regexp(t, ownWords, err.Error())
		e, isE := errors.AsType[*connectfi.Error](err)
		require.True(t, isE)
		require.True(t, e.Code != "" || !e.Answered(), "only a code is an answer")
		require.True(t, e.Retry >= 0 && e.Retry <= time.Hour, e.Retry)
		require.Regexp(t, `^[0-9a-zA-Z-]{0,64}$`, e.RequestID)
		require.LessOrEqual(t, len(e.Problems), 50)
		for _, p := range e.Problems {
			require.Regexp(t, `^(/[0-9a-zA-Z_]+)*$`, p.InstancePath)
			require.Regexp(t, `^[a-zA-Z]+$`, p.Keyword)
			require.Empty(t, p.Message)
			for name, value := range p.Params {
				require.Regexp(t, `^[a-zA-Z]+$`, name)
				require.Nil(t, value, "a value may be somebody's")
			}
		}
	})
}
