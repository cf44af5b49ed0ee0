package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/webhook/server"
	"durablekyc.example/workflows"
)

func TestEveryAnswer(t *testing.T) {
	marked, err := os.ReadFile("testdata/callback-with-mark.json") // as a user's proxy had made it
	require.NoError(t, err)
	large := `{"code":"0","data":{"reference":"A1"},"requestId":"` + strings.Repeat("x", 64<<10) + `"}`
	exact := printed + strings.Repeat(" ", 64<<10-len(printed))
	for name, test := range map[string]struct {
		method    string // POST
		reference string // of the URL; the printed one
		token     string // the right one
		path      string // made of the above
		body      string
		status    int
		result    string // of the metric; empty: none is counted
		hint      *workflows.Callback
	}{
		"accepted": {body: printed, status: 202, result: "accepted",
			hint: &workflows.Callback{RequestID: "2e4d99a0cc3311eebb061f991c0df212",
				ApplicationID: "iapp_6HdIlzPVvBdPRMOLVb7BGW"}},
		"as large as it may be": {body: exact, status: 202, result: "accepted",
			hint: &workflows.Callback{RequestID: "2e4d99a0cc3311eebb061f991c0df212",
				ApplicationID: "iapp_6HdIlzPVvBdPRMOLVb7BGW"}},
		"a status nobody listed": {body: `{"code":"0","data":{"reference":"extRefAk124","status":"sleeping"},` +
			`"requestId":"r1","new":[]}`,
			status: 202, result: "accepted", hint: &workflows.Callback{RequestID: "r1"}},
		"ids of another form do not pass": {body: `{"code":"0","data":{"reference":"extRefAk124","applicationId":"<b>Erika ` +
			`Mustermann</b>"},` +
			`"requestId":"` + strings.Repeat("x", 65) + `"}`, status: 202, result: "accepted", hint: &workflows.Callback{}},
		"an id with a line end": {body: `{"code":"0","data":{"reference":"extRefAk124","applicationId":"iapp_1\n"},` +
			`"requestId":"r 1"}`,
			status: 202, result: "accepted", hint: &workflows.Callback{}},
		"another's body is still a hint": {body: strings.ReplaceAll(printed, "extRefAk124", "extRefOther"), status: 202,
			result: "foreign",
			hint: &workflows.Callback{RequestID: "2e4d99a0cc3311eebb061f991c0df212",
				ApplicationID: "iapp_6HdIlzPVvBdPRMOLVb7BGW"}},
		"no reference in the body is not another's": {body: `{"code":"0","data":{"applicationId":"iapp_1"},"requestId":"r1"}`,
			status: 202, result: "accepted", hint: &workflows.Callback{RequestID: "r1", ApplicationID: "iapp_1"}},
		"closed":   {reference: "closed", body: printed, status: 200, result: "closed"},
		"empty":    {body: "", status: 202, result: "not_understood", hint: &workflows.Callback{}},
		"not JSON": {body: "<html>", status: 202, result: "not_understood", hint: &workflows.Callback{}},
		"gzip": {body: "\x1f\x8b\x08\x00\x00\x00", status: 202, result: "not_understood",
			hint: &workflows.Callback{}},
		"not the envelope": {body: `{"hello":"world"}`, status: 202, result: "not_understood", hint: &workflows.Callback{}},
		"a list":           {body: `[` + printed + `]`, status: 202, result: "not_understood", hint: &workflows.Callback{}},
		"two documents":    {body: printed + printed, status: 202, result: "not_understood", hint: &workflows.Callback{}},
		"null":             {body: "null", status: 202, result: "not_understood", hint: &workflows.Callback{}},
		"an error envelope": {body: `{"code":"extAkepa","requestId":"r1","message":"Erika Mustermann"}`, status: 202,
			result: "not_understood",
			hint:   &workflows.Callback{RequestID: "r1"}},
		"a field of another type": {body: strings.Replace(printed, `"isCustomer":true`, `"isCustomer":"yes"`, 1), status: 202,
			result: "not_understood",
			hint: &workflows.Callback{RequestID: "2e4d99a0cc3311eebb061f991c0df212",
				ApplicationID: "iapp_6HdIlzPVvBdPRMOLVb7BGW"}},
		"an id of another type": {body: `{"code":"0","data":{"applicationId":7,"reference":"extRefAk124"},` +
			`"requestId":{"a":1}}`, status: 202,
			result: "not_understood", hint: &workflows.Callback{}},
		"a mark in front of UTF-8": {body: "\xef\xbb\xbf" + printed, status: 202, result: "accepted",
			hint: &workflows.Callback{RequestID: "2e4d99a0cc3311eebb061f991c0df212",
				ApplicationID: "iapp_6HdIlzPVvBdPRMOLVb7BGW"}},
		"a mark, as it was reported": {body: strings.Replace(string(marked), `"L1"`, `"extRefAk124"`, 1), status: 202,
			result: "accepted",
			hint: &workflows.Callback{RequestID: "7e999a9cbf12c1d0cc97ba46bf3ce7a2",
				ApplicationID: "iapp_4g8YDtWeSRMZCsr3igl9Oa"}},
		"not JSON, and closed":  {reference: "closed", body: "<html>", status: 200, result: "closed"},
		"unknown reference":     {reference: "nobody", body: printed, status: 404, result: "unknown"},
		"wrong token":           {token: "v1-AAAA", body: printed, status: 404, result: "unknown"},
		"another's token":       {reference: "closed", token: "extRefAk124", body: printed, status: 404, result: "unknown"},
		"wrong token, bad body": {token: "v1-AAAA", body: "<html>", status: 404, result: "unknown"},
		"wrong token, large":    {token: "v1-AAAA", body: large, status: 404, result: "unknown"},
		"too large":             {body: large, status: 413, result: "too_large"},
		"Temporal busy":         {reference: "busy", body: printed, status: 503, result: "unavailable"},
		"Temporal late":         {reference: "late", body: printed, status: 503, result: "unavailable"},
		"something else":        {reference: "strange", body: printed, status: 503, result: "unavailable"},
		"GET":                   {method: http.MethodGet, status: 405},
		"HEAD":                  {method: http.MethodHead, status: 405},
		"no token":              {path: "/connectfi/callbacks/extRefAk124", body: printed, status: 404},
		"an empty token":        {path: "/connectfi/callbacks/extRefAk124/", body: printed, status: 404},
		"a slash too many":      {path: "/connectfi/callbacks/extRefAk124/x/", body: printed, status: 404},
		"a slash in disguise":   {path: "/connectfi/callbacks/a%2Fb/x", body: printed, status: 404},
		"elsewhere":             {path: "/", method: http.MethodGet, status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{cases: map[string]error{reference: nil, "closed": cases.ErrEnded,
				"busy": fmt.Errorf("%w (resource exhausted)", cases.ErrUnavailable),
				"late": fmt.Errorf("%w (deadline)", cases.ErrNoAnswer), "strange": errors.New("who knows")}}
			e := newServer(t, d)
			if test.method == "" {
				test.method = http.MethodPost
			}
			if test.reference == "" {
				test.reference = reference
			}
			switch {
			case test.path != "":
			case test.token == "":
				test.path = e.path(test.reference)
			case test.token == reference:
				test.path = "/connectfi/callbacks/" + test.reference + "/" + e.keys.Mint(linktoken.Callback, reference)
			default:
				test.path = "/connectfi/callbacks/" + test.reference + "/" + test.token
			}
			answer := e.send(test.method, test.path, strings.NewReader(test.body))

			require.Equal(t, test.status, answer.Code, answer.Body.String())
			if test.hint != nil {
				require.Equal(t, []workflows.Callback{*test.hint}, d.taken())
			} else {
				require.Empty(t, d.taken())
			}
			if test.result != "" {
				require.True(t, e.counted(t, test.result), "counted as "+test.result)
			}
			require.Equal(t, test.status == 503, answer.Header().Get("Retry-After") != "")
			require.Equal(t, test.status == 405, answer.Header().Get("Allow") == http.MethodPost)
			require.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"))
			if test.status >= 400 && test.method != http.MethodHead {
				requireProblem(t, answer)
			} else if test.status < 400 {
				require.Empty(t, answer.Body.String())
			}
			log := e.log.String()
			require.NotContains(t, log, e.keys.Mint(linktoken.Callback, test.reference), "no capability in the log")
			require.NotContains(t, log, "Mustermann")
			require.Contains(t, log, `"status":`+fmt.Sprint(test.status))
		})
	}
}

func requireProblem(t *testing.T, answer *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
	var problem struct {
		Type, Title, Detail string
		Status              int
	}
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &problem))
	require.Equal(t, "about:blank", problem.Type)
	require.Equal(t, answer.Code, problem.Status)
	require.Equal(t, http.StatusText(answer.Code), problem.Title)
	require.NotEmpty(t, problem.Detail)
}

// A stranger who tries tokens must not learn which references exist.
func TestWrongTokenAndUnknownReferenceLookTheSame(t *testing.T) {
	e := newServer(t, &desk{cases: map[string]error{reference: nil}})
	wrong := e.post("/connectfi/callbacks/"+reference+"/"+e.keys.Mint(linktoken.Callback, "nobody"), printed)
	unknown := e.post(e.path("nobody"), printed)
	nowhere := e.post("/nowhere", printed)
	for _, other := range []*httptest.ResponseRecorder{unknown, nowhere} {
		require.Equal(t, wrong.Code, other.Code)
		require.Equal(t, wrong.Body.Bytes(), other.Body.Bytes())
		require.Equal(t, wrong.Header(), other.Header())
	}
}

func TestAWrongTokenCostsNothing(t *testing.T) {
	asked := false
	e := newServer(t, &desk{wait: func(context.Context) error { asked = true; return nil }})
	body := &counting{Reader: strings.NewReader(printed)}
	require.Equal(t, http.StatusNotFound, e.send(http.MethodPost, "/connectfi/callbacks/A1/v1-x", body).Code)
	require.Zero(t, body.read, "not a byte of the body is read")
	require.False(t, asked)
}

type counting struct {
	*strings.Reader
	read int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

func TestAnAnnouncedSizeIsRefusedUnread(t *testing.T) {
	e := newServer(t, &desk{cases: map[string]error{reference: nil}})
	body := &counting{Reader: strings.NewReader(strings.Repeat("x", 1<<20))}
	request := httptest.NewRequest(http.MethodPost, e.path(reference), body)
	request.ContentLength = 1 << 20
	answer := httptest.NewRecorder()
	e.Public().ServeHTTP(answer, request)
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.Code)
	require.Zero(t, body.read)
}

func TestAnUnannouncedSizeIsRefusedWhileReading(t *testing.T) {
	d := &desk{cases: map[string]error{reference: nil}}
	e := newServer(t, d)
	body := &counting{Reader: strings.NewReader(printed + strings.Repeat(" ", 1<<20))}
	request := httptest.NewRequest(http.MethodPost, e.path(reference), body)
	request.ContentLength = -1 // chunked
	answer := httptest.NewRecorder()
	e.Public().ServeHTTP(answer, request)
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.Code)
	require.LessOrEqual(t, body.read, 128<<10)
	require.Empty(t, d.taken())
}

func TestTemporalIsNotWaitedForLong(t *testing.T) {
	e := newServer(t, &desk{wait: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		func(c *server.Config) { c.SignalTimeout = time.Millisecond })
	answer := e.post(e.path(reference), printed)
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.Equal(t, "5", answer.Header().Get("Retry-After"))
}

func TestTooManyAtOnceAreToldToComeBack(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	d := &desk{cases: map[string]error{reference: nil},
		wait: func(context.Context) error { begun <- struct{}{}; <-release; return nil }}
	e := newServer(t, d, func(c *server.Config) { c.MaxSignals = 2 })
	first := make(chan int)
	for range 2 {
		go func() { first <- e.post(e.path(reference), printed).Code }()
		<-begun
	}
	answer := e.post(e.path(reference), printed)
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.NotEmpty(t, answer.Header().Get("Retry-After"))
	close(release)
	require.Equal(t, http.StatusAccepted, <-first)
	require.Equal(t, http.StatusAccepted, <-first)
	go func() { <-begun }()
	require.Equal(t, http.StatusAccepted, e.post(e.path(reference), printed).Code, "the slots are free again")
}

// ConnectFi sends a callback once: if it hangs up early, the callback stays.
func TestACallerWhoHangsUpIsServed(t *testing.T) {
	ctx, hangUp := context.WithCancel(context.Background())
	d := &desk{cases: map[string]error{reference: nil},
		wait: func(ctx context.Context) error { hangUp(); return ctx.Err() }}
	e := newServer(t, d)
	request := httptest.NewRequest(http.MethodPost, e.path(reference), strings.NewReader(printed)).WithContext(ctx)
	e.Public().ServeHTTP(httptest.NewRecorder(), request)
	require.Len(t, d.taken(), 1)
}

func TestAPanicIsNotShown(t *testing.T) {
	type personal string
	e := newServer(t, &desk{wait: func(context.Context) error { panic(personal("Erika Mustermann")) }})
	answer := e.post(e.path(reference), printed)
	require.Equal(t, http.StatusInternalServerError, answer.Code)
	requireProblem(t, answer)
	require.NotContains(t, answer.Body.String(), "goroutine")
	require.NotContains(t, answer.Body.String(), "Mustermann")
	require.Contains(t, e.log.String(), "goroutine")
	require.NotContains(t, e.log.String(), "Mustermann")
	require.NotContains(t, e.log.String(), e.keys.Mint(linktoken.Callback, reference))
}

func TestTheLogNamesRoutesNotPaths(t *testing.T) {
	e := newServer(t, &desk{cases: map[string]error{reference: nil}})
	e.post(e.path(reference)+"?name=Mustermann", printed)
	e.send("MUSTERMANN", "/Mustermann", nil)
	log := e.log.String()
	require.Contains(t, log, `"method":"POST","route":"/connectfi/callbacks/:reference/:token","status":202,"seconds":`)
	require.Contains(t, log, `"method":"other","route":"none"`)
	require.NotContains(t, strings.ToLower(log), "mustermann")
}

func FuzzCallback(f *testing.F) {
	for _, body := range []string{printed, "", "{}", "null", `{"code":0}`, `{"code":"0","data":null}`,
		`{"code":"0","data":{"reference":1}}`, "\x00\xff"} {
		f.Add(reference, "v1-x", []byte(body))
	}
	d := &desk{cases: map[string]error{reference: nil}}
	e := newServer(f, d)
	f.Fuzz(func(t *testing.T, outsider, token string, body []byte) {
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
		request.URL.Path = "/connectfi/callbacks/" + outsider + "/" + token
		before, answer := len(d.taken()), httptest.NewRecorder()
		e.Public().ServeHTTP(answer, request)
		require.Contains(t, []int{404, 405}, answer.Code, "no token, no entry")
		require.Len(t, d.taken(), before)

		e := e
		e.t = t
		answer = e.post(e.path(reference), string(body))
		require.Contains(t, []int{202, 400, 413}, answer.Code)
		taken := d.taken()
		require.Equal(t, answer.Code == 202, len(taken) == before+1)
		for _, hint := range taken[before:] {
			require.Regexp(t, `^[0-9a-zA-Z_]{0,64}$`, hint.RequestID)
			require.Regexp(t, `^[0-9a-zA-Z_]{0,64}$`, hint.ApplicationID)
		}
	})
}
