package intake

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/cases"
)

// What the edge itself has against a request. What the cases say comes in the
// words of package workflows.
var (
	errNotHere           = errors.New("no such route")
	errMethod            = errors.New("another method is wanted")
	errUnknown           = errors.New("the token is not of this reference")
	errMalformed         = errors.New("the body broke off")
	errTooLarge          = errors.New("the body is too large")
	errSlow              = errors.New("the body came too slowly")
	errEncoded           = errors.New("the body has a Content-Encoding")
	errBusy              = errors.New("too much at once")
	errReferenceMismatch = errors.New("the body speaks of another reference")

	errNotUnderstood = errors.New("the body is not the callback envelope")
	errPanicked      = errors.New("the handler broke")
)

// response is how an error looks from outside and in the metrics.
type response struct {
	status int
	result string // of kyc_callbacks_total; empty for what no callback is answered
	detail string // for a person; none where the status is no refusal
}

// detailLater is for a callback that may be good.
const detailLater = "The callback cannot be stored right now. Send it again later."

// retryAfter is how many seconds a caller is asked to wait before it tries again.
const retryAfter = "5"

// seconds is a wait as Retry-After has it, rounded up.
func seconds(wait time.Duration) string {
	return strconv.Itoa(int((wait + time.Second - 1) / time.Second))
}

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
	case errors.Is(err, errUnknown), errors.Is(err, cases.ErrNotFound), errors.Is(err, errNotHere):
		return response{http.StatusNotFound, resultUnknown, "There is nothing at this address."}
	case errors.Is(err, errMethod):
		return response{http.StatusMethodNotAllowed, "", "This address takes another method: see the Allow header."}
	case errors.Is(err, errTooLarge):
		return response{http.StatusRequestEntityTooLarge, resultTooLarge, "The body may have at most 65536 bytes."}
	case errors.As(err, new(tooFast)):
		return response{http.StatusTooManyRequests, resultUnavailable, "Too many requests at once: wait as Retry-After says."}
	case errors.Is(err, errBusy):
		return response{http.StatusServiceUnavailable, resultShed, detailLater}
	case errors.Is(err, errPanicked):
		return response{http.StatusInternalServerError, resultUnavailable, "Something broke here; it was written to the log."}
	}
	// Temporal away, busy, late, or in a state nobody foresaw: never a 4xx, for
	// the callback may be good.
	return response{http.StatusServiceUnavailable, resultUnavailable, detailLater}
}

// refuse answers with a problem (RFC 9457) and ends the request.
func refuse(c *gin.Context, err error) {
	r := responseFor(err)
	var early tooFast
	switch {
	case errors.As(err, &early):
		c.Header("Retry-After", seconds(early.wait))
	case r.status == http.StatusServiceUnavailable:
		c.Header("Retry-After", retryAfter)
	}
	body, _ := json.Marshal(problem{Type: "about:blank", Title: http.StatusText(r.status), Status: r.status, Detail: r.detail})
	c.Abort()
	c.Data(r.status, "application/problem+json", body)
}

// writeError is refuse in the words of whoever is spoken to: on the API's addresses
// in ConnectFi's envelope, on applicants' addresses as a page.
func (s *Server) writeError(c *gin.Context, err error) {
	switch path := c.Request.URL.Path; {
	case s.api.of(path):
		s.api.refuse(c, err)
	case ofApplicants(path):
		asPage(c)
		if early := (tooFast{}); errors.As(err, &early) {
			s.renderTooManyRequests(c, early.wait)
			return
		}
		code, status := "unavailable", responseFor(err).status
		if status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
			code = "not_found"
		}
		s.renderMessage(c, status, code)
	default:
		refuse(c, err)
	}
}

// problem is RFC 9457's shape.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// finishCallback ends a callback, counts it, and tells the log what an operator can
// act on. An error of Temporal's names ids and addresses, never a body.
func (s *Server) finishCallback(c *gin.Context, err error) {
	r := responseFor(err)
	s.metrics.callbacks.WithLabelValues(r.result).Inc()
	if r.result == resultUnavailable || r.result == resultShed {
		s.logSample("a callback was not stored", "cause", err)
	}
	if r.detail == "" {
		c.Status(r.status)
		return
	}
	refuse(c, err)
}
