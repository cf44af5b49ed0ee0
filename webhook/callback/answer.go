package callback

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"durablekyc.example/cases"
	"durablekyc.example/webhook/edge"
)

// What is wrong with a callback, besides its body. What cases say comes in the
// errors of package cases.
var (
	errUnknown           = errors.New("token does not match the reference")
	errReferenceMismatch = errors.New("body reference does not match the URL")
	errNotUnderstood     = errors.New("body is not the callback envelope")
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

// newResults registers the counter of callbacks by result.
func newResults(registry prometheus.Registerer) (*prometheus.CounterVec, error) {
	results := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kyc_callbacks_total", Help: "ConnectFi callbacks by result.",
	}, []string{"result"})
	for _, result := range []string{resultAccepted, resultForeign, resultClosed, resultNotUnderstood,
		resultUnknown, resultTooLarge, resultShed, resultUnavailable} {
		results.WithLabelValues(result) // a rate over a series that is not there yet misses its first event
	}
	if err := registry.Register(results); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return results, nil
}

// response is how an error looks from outside and in the metrics.
type response struct {
	status int
	result string // of kyc_callbacks_total
	detail string // for a person; none where the status is no refusal
}

// detailLater is for a callback that may be good.
const detailLater = "The callback could not be stored. Try again later."

// responseFor is the one map from what happened to what is answered. Nothing in it
// depends on a text of the caller's. A wrong token, an unknown reference and
// an unknown route are one and the same answer.
func responseFor(err error) response {
	switch {
	case err == nil:
		return response{http.StatusAccepted, resultAccepted, ""}
	case errors.Is(err, errReferenceMismatch):
		return response{http.StatusAccepted, resultForeign, ""}
	case errors.Is(err, errNotUnderstood):
		return response{http.StatusAccepted, resultNotUnderstood, ""}
	case errors.Is(err, cases.ErrEnded):
		return response{http.StatusOK, resultClosed, ""}
	case errors.Is(err, errUnknown), errors.Is(err, cases.ErrNotFound):
		return refusal(edge.ErrNotFound, resultUnknown)
	case errors.Is(err, edge.ErrTooLarge):
		return refusal(edge.ErrTooLarge, resultTooLarge)
	case errors.Is(err, edge.ErrBusy):
		return response{http.StatusServiceUnavailable, resultShed, detailLater}
	}
	// Temporal away, busy, late, or in a state nobody foresaw: never a 4xx, for
	// the callback may be good.
	return response{http.StatusServiceUnavailable, resultUnavailable, detailLater}
}

// refusal is what any route answers to such an error.
func refusal(err error, result string) response {
	status, detail := edge.ProblemOf(err)
	return response{status, result, detail}
}

// finish ends a callback, counts it, and logs what an operator can
// act on. An error of Temporal's names ids and addresses, never a body.
func (h *Handler) finish(c *gin.Context, err error) {
	r := responseFor(err)
	h.results.WithLabelValues(r.result).Inc()
	if r.status == http.StatusServiceUnavailable {
		h.edge.LogSample("callback not stored", "cause", err)
		edge.SetRetryAfter(c, edge.RetryAfter)
	}
	if r.detail == "" {
		c.Status(r.status)
		return
	}
	edge.Refuse(c, r.status, r.detail)
}
