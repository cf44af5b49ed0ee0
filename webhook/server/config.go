package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/internal/weburl"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/gateway"
)

// Config is what a Server needs. All of it is required where nothing else is said.
type Config struct {
	Cases     edge.Cases                  // cases.Client is one
	Documents *docstore.Store             // where the applicants' images go
	PublicURL string                      // as applicants reach the Public handler, with the path that a proxy may add
	Keys      linktoken.Keys              // whose callback URLs and links are accepted
	Ready     func(context.Context) error // nil when Temporal can take a signal now
	Logger    *slog.Logger
	Telemetry *telemetry.Telemetry

	// MaxConnections is how many connections the public listener has at once;
	// zero is 1024, which is more than all of what follows can use. More wait:
	// see httpserver.Timeouts.
	MaxConnections int
	// MaxCallbacks is how many callbacks may come in at once, and MaxSignals
	// how many of them may be on their way to Temporal then; zero is 256 and 64.
	// More are told to retry later.
	MaxCallbacks, MaxSignals int
	// SignalTimeout is how long Temporal may take for one; zero is 5 s.
	SignalTimeout time.Duration
	// BodyTimeout is how long a caller may take for its body; zero is 10 s.
	BodyTimeout time.Duration

	// Limits are those of images; the zero Limits are imagecheck.DefaultLimits.
	Limits imagecheck.Limits
	// UploadTimeout is how long an applicant's images may take; zero is 5 min,
	// which is 20 MB at 0.6 Mbit/s.
	UploadTimeout time.Duration
	// AnswerTimeout is how long a case may take to answer an applicant; zero is 10 s.
	AnswerTimeout time.Duration
	// UploadEvery and UploadBurst are how often one applicant may send a form:
	// zero is every 10 s after the first 30: a business' license is four forms for each person.
	UploadEvery time.Duration
	UploadBurst int

	// Page is the folder that says whose the applicants' pages are; nil is the
	// default: see docs/branding.md.
	Page fs.FS
	// Frames are the origins that may show the applicants' pages in a frame; none is nobody.
	Frames []string

	Codec http.Handler // of the Temporal UI, below /codec of the admin listener; nil is none

	API gateway.Config // who may call ConnectFi's API here; the zero Config is off

	// TLS is what the public listener speaks; nil is plain HTTP, for a proxy
	// that speaks TLS in front. See httpserver.RenewedCertificate.
	TLS *tls.Config
	// TrustedProxies are whose X-Forwarded-For is believed; none is nobody's.
	TrustedProxies []netip.Prefix
	// PerAddress is how often one address may ask for anything but a callback;
	// zero is 50 a second after the first 200. PerToken is the same for a token
	// or login of the API, wherever it calls from; zero is 500 after 2000.
	PerAddress, PerToken edge.Rate
	// Times are how long clients may take on both listeners; zero is httpserver's.
	Times httpserver.Timeouts
}

// Rates where nothing else is configured. A page with all it shows is five
// requests, so many applicants fit behind one address; a program that was let in
// is trusted with ten times as much.
var (
	addressRate = edge.Rate{Every: time.Second / 50, Burst: 200}
	tokenRate   = edge.Rate{Every: time.Second / 500, Burst: 2000}
)

// check returns everything that is missing or cannot be used.
func (c Config) check() (base weburl.Base, err error) {
	var errs []error
	for _, missing := range []struct {
		is   bool
		what string
	}{
		{c.Cases == nil, "cases"}, {c.Documents == nil, "a document store"}, {c.PublicURL == "", "its public URL"},
		{c.Keys == linktoken.Keys{}, "keys for callback URLs and links"},
		{c.Ready == nil, "a readiness check"}, {c.Logger == nil, "a logger"}, {c.Telemetry == nil, "telemetry"},
	} {
		if missing.is {
			errs = append(errs, fmt.Errorf("the webhook needs %s", missing.what))
		}
	}
	if !c.API.Credentials.None() {
		errs = append(errs, c.API.Validate())
	}
	base, err = weburl.ParseBase(c.PublicURL)
	if err != nil && c.PublicURL != "" {
		errs = append(errs, fmt.Errorf("invalid public URL: %w", err))
	}
	return base, errors.Join(errs...)
}

// withDefaults sets what is not set.
func (c Config) withDefaults() Config {
	c.MaxConnections = positive(c.MaxConnections, 1024)
	c.MaxCallbacks, c.MaxSignals = positive(c.MaxCallbacks, 256), positive(c.MaxSignals, 64)
	c.SignalTimeout = positive(c.SignalTimeout, 5*time.Second)
	c.BodyTimeout = positive(c.BodyTimeout, 10*time.Second)
	if c.Limits == (imagecheck.Limits{}) {
		c.Limits = imagecheck.DefaultLimits()
	}
	c.UploadTimeout = positive(c.UploadTimeout, 5*time.Minute)
	c.AnswerTimeout = positive(c.AnswerTimeout, 10*time.Second)
	c.UploadEvery, c.UploadBurst = positive(c.UploadEvery, 10*time.Second), positive(c.UploadBurst, 30)
	c.PerAddress, c.PerToken = rateOr(c.PerAddress, addressRate), rateOr(c.PerToken, tokenRate)
	c.Times.Slow = gateway.SlowHeaders
	c.API.Limits, c.API.UploadTimeout, c.API.PerToken = c.Limits, c.UploadTimeout, c.PerToken
	return c
}

// positive is a value, or the default where it is not positive.
func positive[T int | time.Duration](value, or T) T {
	if value <= 0 {
		return or
	}
	return value
}

// rateOr is a rate, or another one where this one says nothing.
func rateOr(r, or edge.Rate) edge.Rate {
	return edge.Rate{Every: positive(r.Every, or.Every), Burst: positive(r.Burst, or.Burst)}
}
