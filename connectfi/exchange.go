package connectfi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"time"
)

// request is what is checked before it is sent.
type request interface{ Validate() []Problem }

// validated is data that says what it lacks to be of use: "" if nothing.
type validated interface{ missing() string }

// post sends a JSON request and reads the data of its answer.
func post[T validated](ctx context.Context, c *Client, op string, r request) (T, error) {
	var none T
	if problems := r.Validate(); len(problems) > 0 {
		return none, &InvalidError{Op: op, Problems: problems}
	}
	body, err := json.Marshal(r)
	if err != nil { // the client's own raw JSON can be malformed; the error would quote it
		return none, &InvalidError{Op: op, Problems: []Problem{{Keyword: "type", Message: "must be JSON"}}}
	}
	a, err := c.call(ctx, op, "", "application/json", body)
	if err != nil {
		return none, err
	}
	return read[T](a)
}

// identified is data that keeps which answer it was read from.
type identified interface{ setAnswer(a Answer) }

func (a *Application) setAnswer(from Answer) { a.Answer = from }

func (p *ListPage) setAnswer(from Answer) {
	for i := range p.Applications {
		p.Applications[i].Answer = from
	}
}

// call sends the request with a token, and once more with a fresh one if
// ConnectFi answered that it was not authorized.
func (c *Client) call(ctx context.Context, op, suffix, contentType string, body []byte) (answer, error) {
	token, err := c.token(ctx, "")
	if err != nil {
		return answer{}, err
	}
	a, err := c.send(ctx, op, suffix, contentType, token, body)
	refused, isRefused := errors.AsType[*Error](err)
	if isRefused && (refused.Code == CodeUnauthorized || refused.HTTPStatus == http.StatusUnauthorized) {
		if token, err = c.token(ctx, token); err != nil {
			return answer{}, err
		}
		return c.send(ctx, op, suffix, contentType, token, body)
	}
	return a, err
}

// answer is a success whose data is still to be read.
type answer struct {
	fail   Error // what an error about this answer says
	data   json.RawMessage
	digest [sha256.Size]byte // of the whole body
}

// send is one HTTP exchange, watched.
func (c *Client) send(ctx context.Context, op, suffix, contentType, token string, body []byte) (answer, error) {
	if c.watch == nil {
		return c.exchange(ctx, op, suffix, contentType, token, body)
	}
	ctx, done := c.watch(ctx, op)
	a, err := c.exchange(ctx, op, suffix, contentType, token, body)
	fail, isFail := errors.AsType[*Error](err)
	if !isFail {
		fail = &a.fail
	}
	done(ResultLabel(err), fail.HTTPStatus)
	return a, err
}

func (c *Client) exchange(ctx context.Context, op, suffix, contentType, token string, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+op+suffix, bytes.NewReader(body))
	if err != nil {
		return answer{}, &Error{Op: op, cause: errors.New("cannot build the request")}
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept", "application/json")
	if token != "" {
		r.Header.Set(TokenHeader, token)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return answer{}, &Error{Op: op, cause: networkError(err)}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxResponseBytes+1))
	fail := Error{Op: op, HTTPStatus: response.StatusCode, Retry: retryAfter(response.Header, time.Now())}
	switch {
	case err != nil:
		fail.cause = networkError(err)
		return answer{}, &fail
	case len(text) > maxResponseBytes:
		fail.cause = errors.New("it is larger than 1 MiB")
		return answer{}, &fail
	}
	return open(text, fail)
}

// requestIDPattern is the form of a request id, with some room (D).
var requestIDPattern = regexp.MustCompile(`^[0-9a-zA-Z-]{1,64}$`)

// open judges an envelope by its code (S, C). A code that is no word is not
// ConnectFi's: something between us and it answers with JSON of its own.
func open(text []byte, fail Error) (answer, error) {
	var envelope struct {
		Envelope[json.RawMessage]
		Context json.RawMessage `json:"context"`
	}
	if err := json.Unmarshal(text, &envelope); err != nil || !codePattern.MatchString(envelope.Code) {
		fail.cause = errors.New("not ConnectFi's envelope")
		return answer{}, &fail
	}
	if requestIDPattern.MatchString(envelope.RequestID) {
		fail.RequestID = envelope.RequestID
	}
	if envelope.Code != CodeOK {
		fail.Code = envelope.Code
		fail.Problems = problemsOf(envelope.Context)
		if fail.Code == CodeReferenceExists {
			fail.EntityID = entityOf(envelope.Context)
		}
		return answer{}, &fail
	}
	if fail.HTTPStatus < 200 || fail.HTTPStatus > 299 {
		fail.cause = errors.New("it reports success with an HTTP status that does not")
		return answer{}, &fail
	}
	return answer{fail, envelope.Data, sha256.Sum256(text)}, nil
}

// read is tolerant: unknown fields and values pass. A lack of what makes the
// answer one does not.
func read[T validated](a answer) (T, error) {
	var data, none T
	if len(a.data) == 0 {
		a.data = json.RawMessage("null") // left out is the same
	}
	if err := json.Unmarshal(a.data, &data); err != nil {
		a.fail.cause = errors.New("its data is invalid")
		return none, &a.fail
	}
	if what := data.missing(); what != "" {
		a.fail.cause = errors.New("it lacks " + what)
		return none, &a.fail
	}
	if d, ok := any(&data).(identified); ok {
		d.setAnswer(Answer{RequestID: a.fail.RequestID, SHA256: hex.EncodeToString(a.digest[:])})
	}
	return data, nil
}

func (a Application) missing() string {
	switch {
	case a.ApplicationID == "":
		return "an application id"
	case a.Status == "":
		return "a status"
	}
	return ""
}

func (p ListPage) missing() string {
	if len(p.Applications) == 0 && (p.More || p.unknown) {
		return "a list of applications"
	}
	for _, a := range p.Applications {
		if a.ApplicationID == "" || a.Reference == "" {
			return "an application's id or reference"
		}
	}
	return ""
}

func (d Document) missing() string { return unless(d.ID, "a document id") }

func (c Customer) missing() string { return unless(c.CustomerID, "a customer id") }

func unless(value, what string) string {
	if value != "" {
		return ""
	}
	return what
}

// networkError says in words of ours why an exchange broke off. Those of net/http
// quote the URL and, where the answer is no HTTP, what came instead.
func networkError(err error) error {
	timeout, isTimeout := errors.AsType[net.Error](err)
	_, isLookup := errors.AsType[*net.DNSError](err)
	_, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	operation, isOperation := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case isTimeout && timeout.Timeout():
		return context.DeadlineExceeded
	case isLookup:
		return errors.New("cannot resolve its host name")
	case isCertificate:
		return errors.New("its certificate is not trusted")
	case isOperation:
		return fmt.Errorf("%s: %w", operation.Op, operation.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	}
	return errors.New("the connection was lost, or the answer is not HTTP")
}
