package intake

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// What can become of a callback, as the metric spells it.
const (
	resultAccepted = "accepted"
	resultForeign  = "foreign" // accepted, though its body names another reference
	resultClosed   = "closed"

	resultNotUnderstood = "not_understood" // accepted, though its body is not the documented envelope
	resultUnknown       = "unknown"
	resultTooLarge      = "too_large"
	resultShed          = "shed" // more came than are taken at once
	resultUnavailable   = "unavailable"
)

type metrics struct {
	callbacks *prometheus.CounterVec
	requests  *prometheus.HistogramVec
	forwarded *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) (metrics, error) {
	m := metrics{
		callbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kyc_callbacks_total", Help: "Callbacks by what became of them.",
		}, []string{"result"}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kyc_http_request_duration_seconds", Help: "Requests on the public listener by route and status.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "status"}),
		forwarded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kyc_http_client_unknown_total", Help: "Requests of trusted proxies that count as the proxy's own, by what is wrong with X-Forwarded-For.",
		}, []string{"reason"}),
	}
	for _, result := range []string{resultAccepted, resultForeign, resultClosed, resultNotUnderstood,
		resultUnknown, resultTooLarge, resultShed, resultUnavailable} {
		m.callbacks.WithLabelValues(result) // a rate over a series that is not there yet misses its first event
	}
	for _, reason := range []string{forwardedMissing, forwardedUnreadable} {
		m.forwarded.WithLabelValues(reason)
	}
	if err := errors.Join(registry.Register(m.callbacks), registry.Register(m.requests), registry.Register(m.forwarded)); err != nil {
		return metrics{}, fmt.Errorf("metrics: %w", err)
	}
	return m, nil
}

// callerKey is where a request keeps who makes it, once that is proven: a token's
// number, a login, or whose case an applicant's link or session is for.
const callerKey = "who"

// observe logs, measures and traces a request by the pattern of its route: the path
// itself holds a capability, and a query could hold anything.
func (s *Server) observe(c *gin.Context) {
	start, route := time.Now(), cmp.Or(c.FullPath(), "none")
	within, trace, done := s.config.Telemetry.Request(c.Request, method(c.Request.Method), route)
	c.Request = c.Request.WithContext(within)
	c.Next()
	status, took := c.Writer.Status(), time.Since(start)
	done(status)
	s.metrics.requests.WithLabelValues(route, strconv.Itoa(status)).Observe(took.Seconds())
	line := []any{"method", method(c.Request.Method), "route", route, "status", status, "seconds", took.Seconds()}
	if known := c.GetString(callerKey); known != "" {
		line = append(line, callerKey, known)
	}
	if trace != "" {
		line = append(line, "trace", trace)
	}
	s.logRequest(route, status, line)
}

// method is a known one, or "other": HTTP lets a stranger write anything there.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// recover answers 500 when a handler breaks. The log gets the stack and the
// type of what was thrown, not its text, which may quote the request; the
// caller gets neither.
func (s *Server) recover(c *gin.Context) {
	defer func() {
		thrown := recover()
		if thrown == nil {
			return
		}
		s.config.Logger.Error("a handler broke", "route", c.FullPath(), "thrown", fmt.Sprintf("%T", thrown), "stack", string(debug.Stack()))
		if !c.Writer.Written() {
			s.writeError(c, errPanicked)
		}
	}()
	c.Next()
}

// securityHeaders is for every answer, whoever reads it.
func (s *Server) securityHeaders(c *gin.Context) {
	if s.secure() {
		// Of this host alone: what else lies on its domain is not ours to bind.
		c.Header("Strict-Transport-Security", "max-age=31536000")
	}
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Cache-Control", "no-store")
	c.Header("Referrer-Policy", "no-referrer") // the address is a credential
	c.Next()
}
