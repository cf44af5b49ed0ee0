// Package edge is what all routes of the webhook share: the client's address and
// its limits, logs and metrics of requests, the reading of bodies, error answers
// and the cases behind it all.
package edge

import (
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/internal/weburl"
)

// Config is what an Edge needs. All of it is required where nothing else is said.
type Config struct {
	Cases     Cases
	Keys      linktoken.Keys // of callback URLs, links, sessions and the API's tokens
	PublicURL weburl.Base
	TLS       bool // whether the public listener itself speaks TLS
	Logger    *slog.Logger
	Telemetry *telemetry.Telemetry

	BodyTimeout    time.Duration  // for all of a body
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; may be empty
	PerAddress     Rate           // of requests from one address: see RateLimit
}

// Edge is what the handlers of all routes share. See New.
type Edge struct {
	Cases     Cases
	Keys      linktoken.Keys
	PublicURL weburl.Base
	Logger    *slog.Logger

	tls         bool
	telemetry   *telemetry.Telemetry
	metrics     metrics
	samples     *sampler // of refused requests, for the log
	bodyTimeout time.Duration
	parseSlots  chan struct{} // one taken for each body that is parsed, up to 8 MB each
	proxies     []netip.Prefix
	addresses   *Limiter                   // of unknown clients
	unforwarded map[string]*rate.Sometimes // bounds what the log says of proxies that name no client, by reason
	errors      []errorWriter
}

// errorWriter answers errors on some paths.
type errorWriter struct {
	owns  func(path string) bool
	write func(*gin.Context, error)
}

// maxParsing is how many bodies of JSON are parsed at once: 64 KB of little
// things become up to 8 MB. Parsing waits for nobody else, so it takes
// milliseconds.
const maxParsing = 4

// New registers the metrics of requests, and starts nothing.
func New(c Config) (*Edge, error) {
	metrics, err := newMetrics(c.Telemetry.Registry)
	if err != nil {
		return nil, err
	}
	return &Edge{Cases: c.Cases, Keys: c.Keys, PublicURL: c.PublicURL, Logger: c.Logger,
		tls: c.TLS, telemetry: c.Telemetry, metrics: metrics, samples: &sampler{kinds: map[string]*sampled{}},
		bodyTimeout: c.BodyTimeout, parseSlots: make(chan struct{}, maxParsing),
		proxies: c.TrustedProxies, addresses: NewLimiter(c.PerAddress), unforwarded: hourly()}, nil
}

// Secure reports whether clients of the public listener came by TLS, to here or
// to a proxy in front.
func (e *Edge) Secure() bool { return e.tls || e.PublicURL.Secure() }

// securityHeaders is for every answer.
func (e *Edge) securityHeaders(c *gin.Context) {
	if e.Secure() {
		// Of this host alone: other hosts of its domain are not ours to bind.
		c.Header("Strict-Transport-Security", "max-age=31536000")
	}
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Cache-Control", "no-store")
	c.Header("Referrer-Policy", "no-referrer") // the address is a credential
	c.Next()
}

// NewEngine is a Gin engine without routes, whose requests are observed and
// whose answers have the headers that all need.
func (e *Edge) NewEngine() *gin.Engine {
	engine := gin.New()
	engine.RedirectTrailingSlash, engine.RedirectFixedPath = false, false // a redirect would repeat the token
	engine.HandleMethodNotAllowed = true
	engine.Use(e.observe, e.recover, e.securityHeaders)
	return engine
}

// GetAndHead adds a route for GET, and for HEAD as well, which is GET without the
// body (RFC 9110, 9.3.2): Go's server leaves the body out.
func GetAndHead(routes gin.IRoutes, path string, handlers ...gin.HandlerFunc) {
	routes.Handle(http.MethodGet, path, handlers...)
	routes.Handle(http.MethodHead, path, handlers...)
}
