package edge

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

type metrics struct {
	requests  *prometheus.HistogramVec
	forwarded *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) (metrics, error) {
	m := metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kyc_http_request_duration_seconds", Help: "Requests on the public listener by route and status.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "status"}),
		forwarded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kyc_http_client_unknown_total",
			Help: "Requests of trusted proxies without a usable X-Forwarded-For, by fault; they count as the proxy's own.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{forwardedMissing, forwardedUnreadable} {
		m.forwarded.WithLabelValues(reason) // a rate over a series that is not there yet misses its first event
	}
	if err := errors.Join(registry.Register(m.requests), registry.Register(m.forwarded)); err != nil {
		return metrics{}, fmt.Errorf("metrics: %w", err)
	}
	return m, nil
}

// callerKey is where a request keeps who makes it, once that is proven: a token's
// number, a login, or whose case an applicant's link or session is for.
const callerKey = "who"

// SetCaller has the log say who makes a request, once that is proven.
func SetCaller(c *gin.Context, who string) { c.Set(callerKey, who) }

// Caller is what SetCaller was given; empty before.
func Caller(c *gin.Context) string { return c.GetString(callerKey) }

// observe logs, measures and traces a request by the pattern of its route: the path
// itself holds a capability, and a query could hold anything.
func (e *Edge) observe(c *gin.Context) {
	start, route := time.Now(), cmp.Or(c.FullPath(), "none")
	within, trace, done := e.telemetry.Request(c.Request, method(c.Request.Method), route)
	c.Request = c.Request.WithContext(within)
	c.Next()
	status, took := c.Writer.Status(), time.Since(start)
	done(status)
	e.metrics.requests.WithLabelValues(route, strconv.Itoa(status)).Observe(took.Seconds())
	line := []any{"method", method(c.Request.Method), "route", route, "status", status, "seconds", took.Seconds()}
	if known := c.GetString(callerKey); known != "" {
		line = append(line, callerKey, known)
	}
	if trace != "" {
		line = append(line, "trace", trace)
	}
	e.logRequest(route, status, line)
}

// method is a known one, or "other": HTTP lets a stranger write anything there.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// recover answers 500 when a handler breaks. The log gets the stack and the
// type of what was thrown, not its text, which may quote the request; the
// caller gets neither.
func (e *Edge) recover(c *gin.Context) {
	defer func() {
		thrown := recover()
		if thrown == nil {
			return
		}
		e.Logger.Error("handler panicked", "route", c.FullPath(), "thrown", fmt.Sprintf("%T", thrown),
			"stack", string(debug.Stack()))
		if !c.Writer.Written() {
			e.WriteError(c, ErrPanicked)
		}
	}()
	c.Next()
}
