package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"code.dny.dev/ssrf"

	"durablekyc.example/internal/weburl"
)

// How long a receiver may take, and how much of its answer is read, so that
// the connection can be used again: none of it is kept.
const (
	defaultTimeout = 15 * time.Second
	maxDrainBytes  = 4 << 10
	headersMax     = 16 << 10
)

// Why a message was not answered.
var (
	ErrTimeout     = errors.New("timed out waiting for the receiver")
	ErrUnreachable = errors.New("the receiver cannot be reached")
	ErrForbidden   = errors.New("delivery to the receiver's address is not allowed")
	ErrURL         = errors.New("the receiver's address is not an http or https URL")
)

// Config is what a Sender needs.
type Config struct {
	Secrets Secrets

	// AllowPrivate lets messages go to private addresses and any port: for
	// receivers on one's own machine or network.
	AllowPrivate bool

	// Timeout is how long a receiver may take; zero is 15 seconds.
	Timeout time.Duration
}

// Sender posts messages. It makes one attempt a call.
type Sender struct {
	secrets Secrets
	client  *http.Client
}

// New is ready to send.
func New(c Config) (*Sender, error) {
	if c.Secrets.signers == nil {
		return nil, errors.New("no secret to sign notifications with")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	dialer := &net.Dialer{Timeout: c.Timeout}
	if !c.AllowPrivate {
		// Asked about the very address that is dialled, after the name was
		// resolved: no answer of a name server can get around it.
		dialer.Control = ssrf.New().Safe
	}
	return &Sender{secrets: c.Secrets, client: &http.Client{
		Timeout: c.Timeout,
		// No proxy of the environment's: it would dial in our place, unasked.
		Transport: &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: c.Timeout,
			MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: headersMax},
		// A signed message goes where it was meant to go, or nowhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// CheckURL reports an address that no message can be sent to: ErrURL with the
// reason, which repeats nothing of the address.
func CheckURL(address string) error {
	if _, err := weburl.Parse(address); err != nil {
		return fmt.Errorf("%w: %w", ErrURL, err)
	}
	return nil
}

// Answer is what a receiver said.
type Answer struct {
	Status     int
	RetryAfter time.Duration // as the receiver asks for; zero if it does not
}

// Send posts a body of JSON under an id. An answer of any status is no error;
// errors are those above, and repeat nothing of the address.
func (s *Sender) Send(ctx context.Context, address, id string, body []byte) (Answer, error) {
	to, err := weburl.Parse(address)
	if err != nil {
		return Answer{}, ErrURL
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Scheme+"://"+to.Host, bytes.NewReader(body))
	if err != nil {
		return Answer{}, ErrURL
	}
	request.URL = to // as the receiver's own client would write it, and not as Go would
	now := time.Now()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "durable-kyc")
	if err := s.secrets.sign(request.Header, id, now, body); err != nil {
		return Answer{}, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return Answer{}, classify(err)
	}
	defer response.Body.Close()
	// What is cut off here costs a connection, never the answer.
	_, _ = io.CopyN(io.Discard, response.Body, maxDrainBytes)
	return Answer{response.StatusCode, retryAfter(response.Header.Get("Retry-After"), time.Now())}, nil
}

// classify is the one word for an error of the transport, without its text,
// which holds the address.
func classify(err error) error {
	late, isLate := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedPort), errors.Is(err,
		ssrf.ErrProhibitedNetwork),
		errors.Is(err, ssrf.ErrInvalidHostPort):
		return ErrForbidden
	case isLate && late.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return ErrTimeout
	}
	return ErrUnreachable
}

// retryAfter reads both forms of the header (RFC 9110, 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil { // without a sign
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
