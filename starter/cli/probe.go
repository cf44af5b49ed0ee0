package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// maxProbe is how many bytes of an answer are read.
const maxProbe = 64 << 10

// clockTransport is a transport that reads the time off what comes back.
type clockTransport struct {
	next http.RoundTripper
	mu   sync.Mutex
	skew time.Duration
	told bool
}

func (w *clockTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	before := time.Now()
	answer, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if at, bad := http.ParseTime(answer.Header.Get("Date")); bad == nil {
		after := time.Now()
		w.mu.Lock()
		defer w.mu.Unlock()
		// It was written at some moment of that second, and on the way.
		w.skew, w.told = before.Add(after.Sub(before)/2).Sub(at.Add(time.Second/2)), true
	}
	return answer, nil
}

// measured is by how much this machine is ahead; false if no server told the time.
func (w *clockTransport) measured() (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.skew, w.told
}

// probeResponse is as much of an answer as doctor understands.
type probeResponse struct {
	status int
	kind   string
	detail string // of a problem (RFC 9457)
	body   []byte // the beginning of it
	err    error  // there was no answer
}

// ask makes one request and follows no redirect: ConnectFi might not either.
func (w *clockTransport) ask(ctx context.Context, method, address, body string) probeResponse {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return probeResponse{err: errors.New("not a valid address")}
	}
	c := http.Client{Transport: w, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
	answer, err := c.Do(r)
	if err != nil {
		if about, ok := errors.AsType[*url.Error](err); ok {
			err = about.Err
		}
		return probeResponse{err: err}
	}
	defer answer.Body.Close()
	h := probeResponse{status: answer.StatusCode, kind: answer.Header.Get("Content-Type")}
	var problem struct {
		Detail string `json:"detail"`
	}
	h.body, _ = io.ReadAll(io.LimitReader(answer.Body, maxProbe)) // what broke off is no page and no problem
	if json.Unmarshal(h.body, &problem) == nil {
		h.detail = problem.Detail
	}
	return h
}

func (h probeResponse) problem() bool {
	return h.err == nil && h.kind == "application/problem+json" && h.detail != ""
}

// unknown is how our webhook says that there is nothing, and that a token is wrong.
func (h probeResponse) unknown() bool {
	return h.problem() && h.status == http.StatusNotFound && h.detail == "There is nothing at this address."
}

func (h probeResponse) where() string {
	if h.err != nil {
		return " (" + oneLine(h.err) + ")"
	}
	return fmt.Sprintf(" (%d, %s)", h.status, cmp.Or(h.kind, "no content type"))
}
