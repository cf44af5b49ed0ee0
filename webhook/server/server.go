// Package server composes the webhook: its routes, its configuration and its two
// listeners. It holds nothing itself, so any number of servers run beside each other.
package server

import (
	"context"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/internal/httpserver"
	"durablekyc.example/webhook/callback"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/gateway"
	"durablekyc.example/webhook/portal"
)

// Server is the webhook as a value. See New.
type Server struct {
	config Config
	public edge.Front
}

// New checks the configuration, all of it at once, and starts nothing.
func New(c Config) (*Server, error) {
	base, err := c.check()
	if err != nil {
		return nil, err
	}
	c = c.withDefaults()
	e, err := edge.New(edge.Config{Cases: c.Cases, Keys: c.Keys, PublicURL: base, TLS: c.TLS != nil,
		Logger: c.Logger, Telemetry: c.Telemetry, BodyTimeout: c.BodyTimeout,
		TrustedProxies: c.TrustedProxies, PerAddress: c.PerAddress})
	if err != nil {
		return nil, err
	}
	engine, err := routes(e, c)
	if err != nil {
		return nil, err
	}
	return &Server{config: c, public: edge.NewFront(engine, base)}, nil
}

// routes is everything that the public listener serves.
func routes(e *edge.Edge, c Config) (*gin.Engine, error) {
	engine := e.NewEngine()

	// ConnectFi says that something changed: POST /connectfi/callbacks/:reference/:token
	callbacks, err := callback.New(e, callback.Config{MaxCallbacks: c.MaxCallbacks, MaxSignals: c.MaxSignals,
		SignalTimeout: c.SignalTimeout}, c.Telemetry.Registry)
	if err != nil {
		return nil, err
	}
	callbacks.AddRoutes(engine)

	// A backend speaks ConnectFi's own API, in front of cases: /auth/get-token and /akepa/...
	if !c.API.Credentials.None() {
		api := gateway.New(e, c.API)
		api.AddRoutes(engine)
		e.OnError(api.Owns, api.WriteError)
	}

	// An applicant opens a link and sends images: /verify/...
	applicants, err := portal.New(e, portal.Config{Documents: c.Documents, Limits: c.Limits,
		UploadTimeout: c.UploadTimeout, AnswerTimeout: c.AnswerTimeout,
		UploadRate: edge.Rate{Every: c.UploadEvery, Burst: c.UploadBurst}, Page: c.Page, Frames: c.Frames,
		Registry: c.Telemetry.Registry})
	if err != nil {
		return nil, err
	}
	applicants.AddRoutes(engine)
	e.OnError(applicants.Owns, applicants.WriteError)

	// All of this, for programs and for those who write them.
	edge.GetAndHead(engine, "/openapi.yaml", e.RateLimit, describe)

	// Anything else is unknown, or known by another method.
	engine.NoRoute(e.RateLimit, func(c *gin.Context) {
		if !applicants.ShowBrokenLink(c) {
			e.WriteError(c, edge.ErrNotFound)
		}
	})
	engine.NoMethod(e.RateLimit, func(c *gin.Context) { e.WriteError(c, edge.ErrMethod) })
	return engine, nil
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
		c := s.config
		return c.Times.ServeLimited(ctx, public, c.MaxConnections, c.TLS, s.public, c.Logger)
	})
	group.Go(func() error { return s.config.Times.HTTP(ctx, admin, s.Admin(), s.config.Logger) })
	return group.Wait()
}
