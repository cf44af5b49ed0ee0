// Package intake is the edge: what strangers may reach over HTTP. It checks,
// bounds and hands over to Temporal; it holds nothing itself, so any number of
// them run beside each other.
package intake

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/internal/weburl"
	"durablekyc.example/webhook/page"
)

// Config is what a Server needs. All of it is required where nothing else is said.
type Config struct {
	Cases     Cases
	Documents *docstore.Store             // where the applicants' images go
	PublicURL string                      // as applicants reach the Public handler: with a path where a proxy puts it below one
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
	// More are told to come back.
	MaxCallbacks, MaxSignals int
	// SignalTimeout is how long Temporal may take for one; zero is 5 s.
	SignalTimeout time.Duration
	// BodyTimeout is how long a caller may take for its body; zero is 10 s.
	BodyTimeout time.Duration

	// Limits are the gate's; the zero Limits are docstore.DefaultLimits.
	Limits imagecheck.Limits
	// UploadTimeout is how long an applicant's images may take; zero is 5 min,
	// which is 20 MB at 0.6 Mbit/s.
	UploadTimeout time.Duration
	// AnswerTimeout is how long a case may take to answer an applicant; zero is 10 s.
	AnswerTimeout time.Duration
	// UploadEvery and UploadBurst are how often one applicant may send a form:
	// zero is every 10 s after the first 10.
	UploadEvery time.Duration
	UploadBurst int

	Codec http.Handler // of the Temporal UI, below /codec of the admin listener; nil is none

	API API // who may call ConnectFi's API here; the zero API is off

	// TLS is what the public listener speaks; nil is plain HTTP, for a proxy
	// that speaks TLS in front. See serve.Certificate.
	TLS *tls.Config
	// TrustedProxies are whose X-Forwarded-For is believed; none is nobody's.
	TrustedProxies []netip.Prefix
	// PerAddress is how often one address may ask for anything but a callback;
	// zero is 50 a second after the first 200. PerToken is the same for a token
	// or login of the API, wherever it calls from; zero is 500 after 2000.
	PerAddress, PerToken Rate
	// Times are how long clients may take on both listeners; zero is serve's.
	Times httpserver.Timeouts
}

// Server is the edge as a value. See New.
type Server struct {
	config        Config
	public        front
	home          string // where applicants are at home, as browsers see it: the path of the public URL and /verify
	base          weburl.Base
	metrics       metrics
	pages         *page.Pages
	callbackSlots chan struct{} // one taken for each callback that is being read, up to 64 KB each
	parseSlots    chan struct{} // one taken for each body that is made sense of, up to 8 MB each
	signalSlots   chan struct{} // one taken for each signal on its way

	samples       *sampler // of refused requests, for the log
	crossOrigin   *http.CrossOriginProtection
	uploads       *limiter
	caseReadLimit *limiter                   // at a case: each is a query, which Temporal bills
	addresses     *limiter                   // of strangers
	unforwarded   map[string]*rate.Sometimes // bounds what the log says of proxies that name no client, by reason
	formsPerLink  *concurrencyPerKey         // of applicants with a form on its way
	formSlots     chan struct{}              // one taken for each form on its way, up to 20 MB each
	imageSlots    chan struct{}              // one taken for each image at the gate, up to 250 MB each

	api *api // nil if it is off
}

// maxParsing is how many bodies of JSON are made sense of at once: 64 KB of
// little things become up to 8 MB. Nobody else is waited for meanwhile, so it
// takes milliseconds.
const maxParsing = 4

// How much is done at once for applicants.
const (
	maxReceiving = 16
	maxSending   = 3 // of them by one link: nobody's slow line keeps the others out
	maxLooking   = 2
)

// New checks the configuration, all of it at once, and starts nothing.
func New(c Config) (*Server, error) {
	var errs []error
	for _, missing := range []struct {
		is   bool
		what string
	}{
		{c.Cases == nil, "cases"},
		{c.Documents == nil, "a document store"}, {c.PublicURL == "", "its public URL"},
		{c.Keys == linktoken.Keys{}, "keys for callback URLs and links"},
		{c.Ready == nil, "a readiness check"}, {c.Logger == nil, "a logger"}, {c.Telemetry == nil, "telemetry"},
	} {
		if missing.is {
			errs = append(errs, fmt.Errorf("the webhook needs %s", missing.what))
		}
	}
	if !c.API.Credentials.None() {
		errs = append(errs, c.API.problems()...)
	}
	base, err := weburl.ParseBase(c.PublicURL)
	if err != nil && c.PublicURL != "" {
		errs = append(errs, fmt.Errorf("the public URL cannot be used: %w", err))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c.PublicURL = base.String()
	if c.MaxConnections <= 0 {
		c.MaxConnections = 1024
	}
	if c.MaxCallbacks <= 0 {
		c.MaxCallbacks = 256
	}
	if c.MaxSignals <= 0 {
		c.MaxSignals = 64
	}
	if c.SignalTimeout <= 0 {
		c.SignalTimeout = 5 * time.Second
	}
	if c.BodyTimeout <= 0 {
		c.BodyTimeout = 10 * time.Second
	}
	if c.Limits == (imagecheck.Limits{}) {
		c.Limits = imagecheck.DefaultLimits()
	}
	if c.UploadTimeout <= 0 {
		c.UploadTimeout = 5 * time.Minute
	}
	if c.AnswerTimeout <= 0 {
		c.AnswerTimeout = 10 * time.Second
	}
	if c.UploadEvery <= 0 {
		c.UploadEvery = 10 * time.Second
	}
	if c.UploadBurst <= 0 {
		c.UploadBurst = 10
	}
	c.Times.Slow = slowHeaders
	c.PerAddress, c.PerToken = c.PerAddress.orDefault(addressRate), c.PerToken.orDefault(tokenRate)
	pages, err := page.New(base.Path() + applicantPath)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(c.Telemetry.Registry)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, metrics: metrics, pages: pages, base: base, home: base.Path() + applicantPath,
		callbackSlots: make(chan struct{}, c.MaxCallbacks), parseSlots: make(chan struct{}, maxParsing), signalSlots: make(chan struct{}, c.MaxSignals),
		samples:       &sampler{kinds: map[string]*sampled{}},
		crossOrigin:   http.NewCrossOriginProtection(),
		uploads:       newLimiter(c.UploadEvery, c.UploadBurst),
		caseReadLimit: newLimiter(500*time.Millisecond, 60),
		addresses:     newLimiter(c.PerAddress.Every, c.PerAddress.Burst),
		unforwarded:   hourly(),
		formsPerLink:  &concurrencyPerKey{most: maxSending, all: map[string]int{}},
		formSlots:     make(chan struct{}, maxReceiving), imageSlots: make(chan struct{}, maxLooking)}
	if !c.API.Credentials.None() {
		s.api = newAPI(s)
	}
	if err := s.crossOrigin.AddTrustedOrigin(base.Origin()); err != nil {
		return nil, fmt.Errorf("the public URL cannot be used: %w", err)
	}
	s.public = newFront(s.routes(), base)
	return s, nil
}

// routes is everything a stranger can reach.
func (s *Server) routes() *gin.Engine {
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath = false, false // a redirect would repeat the token
	e.HandleMethodNotAllowed = true
	e.Use(s.observe, s.recover, s.securityHeaders)

	// ConnectFi says that something changed; the token is in the URL it was given.
	e.POST("/connectfi/callbacks/:reference/:token", s.callback)

	// An applicant opens a link, presses its button, and then has a session.
	applicants := e.Group(applicantPath, pageHeaders, s.rateLimit, s.sameSite)
	shown(applicants, "/link/:ticket", s.getLink)
	applicants.POST("/link/:ticket", s.postLink)
	// Where the address names no session, the only one in the browser is meant.
	for _, session := range []string{"", "/:session"} {
		shown(applicants, "/case"+session, s.getCase)   // what is missing, and how it stands
		applicants.POST("/case"+session, s.postCase)    // images of one person's document
		shown(applicants, "/state"+session, s.getState) // the same page, once it has changed
	}
	shown(applicants, "/limits", s.limits) // what image validation takes, for programs
	shown(applicants, "/assets/:name", s.asset)

	// A backend speaks ConnectFi's own API, in front of cases.
	if s.api != nil {
		s.api.routes(e)
	}
	// All of this, for programs and for whoever writes them.
	shown(e, "/openapi.yaml", s.rateLimit, describe)

	// Anything else is unknown, or known by another method.
	e.NoRoute(s.rateLimit, s.elsewhere)
	e.NoMethod(s.rateLimit, func(c *gin.Context) { s.writeError(c, errMethod) })
	return e
}

// shown is a route for GET, and for HEAD as well, which is GET without the body
// (RFC 9110, 9.3.2): Go's server leaves the body out.
func shown(routes gin.IRoutes, path string, handlers ...gin.HandlerFunc) {
	routes.GET(path, handlers...)
	routes.HEAD(path, handlers...)
}

// secure reports whether whoever reaches the Public handler came by TLS, to here
// or to a proxy in front.
func (s *Server) secure() bool {
	return s.config.TLS != nil || s.base.Secure()
}

// Public is the handler for the listener that the world reaches.
func (s *Server) Public() http.Handler { return s.public }

// Admin is the handler for the listener that only the operator reaches.
func (s *Server) Admin() http.Handler {
	admin := httpserver.Admin(s.config.Ready, s.config.Telemetry.Handler())
	if s.config.Codec == nil {
		return admin
	}
	both := http.NewServeMux()
	both.Handle("/", admin)
	both.Handle("/codec/", s.config.Codec)
	return both
}

// Serve serves both listeners until ctx ends, and lets the requests under way
// finish: nil after a clean stop. The connections of the public one are bounded,
// so that the operator is answered however many strangers there are.
func (s *Server) Serve(ctx context.Context, public, admin net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return s.config.Times.ServeLimited(ctx, public, s.config.MaxConnections, s.config.TLS, s.public, s.config.Logger)
	})
	group.Go(func() error { return s.config.Times.HTTP(ctx, admin, s.Admin(), s.config.Logger) })
	return group.Wait()
}
