package edge

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// What is wrong with a request, on whichever route.
var (
	ErrNotFound  = errors.New("no such route")
	ErrMethod    = errors.New("method not allowed")
	ErrMalformed = errors.New("request body ended early")
	ErrTooLarge  = errors.New("request body too large")
	ErrSlow      = errors.New("timed out reading the request body")
	ErrBusy      = errors.New("too many requests at once")
	ErrPanicked  = errors.New("handler panicked")
)

// TooFastError is what is wrong with a request of a client that must wait first.
type TooFastError struct{ Wait time.Duration }

func (e TooFastError) Error() string { return "too many requests" }

// RetryAfter is how long a client is asked to wait before it tries again, where
// nothing says how long that takes.
const RetryAfter = 5 * time.Second

// SetRetryAfter asks a client to wait for so long, in seconds, rounded up.
func SetRetryAfter(c *gin.Context, wait time.Duration) {
	c.Header("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
}

// OnError has errors answered by write on the paths that owns reports. What was
// added first is asked first; other paths are answered by WriteProblem.
func (e *Edge) OnError(owns func(path string) bool, write func(*gin.Context, error)) {
	e.errors = append(e.errors, errorWriter{owns, write})
}

// WriteError answers an error in the form of the path's clients, and ends the
// request: see OnError.
func (e *Edge) WriteError(c *gin.Context, err error) {
	for _, writer := range e.errors {
		if writer.owns(c.Request.URL.Path) {
			writer.write(c, err)
			return
		}
	}
	WriteProblem(c, err)
}

// ProblemOf is the status of an error, and what the answer says of it. Nothing
// in it depends on a text of the caller's.
func ProblemOf(err error) (status int, detail string) {
	_, tooFast := errors.AsType[TooFastError](err)
	switch {
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound, "There is nothing at this address."
	case errors.Is(err, ErrMethod):
		return http.StatusMethodNotAllowed, "Method not allowed: see the Allow header."
	case errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge, "The body must not be larger than 65536 bytes."
	case tooFast:
		return http.StatusTooManyRequests, "Too many requests at once. Try again after the time in Retry-After."
	}
	return http.StatusInternalServerError, "Internal error. The log of this service has the details."
}

// WriteProblem answers an error with a problem (RFC 9457) and ends the request.
func WriteProblem(c *gin.Context, err error) {
	if early, ok := errors.AsType[TooFastError](err); ok {
		SetRetryAfter(c, early.Wait)
	}
	status, detail := ProblemOf(err)
	Refuse(c, status, detail)
}

// Refuse answers with a problem of this status and ends the request.
func Refuse(c *gin.Context, status int, detail string) {
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
	body, _ := json.Marshal(p)
	c.Abort()
	c.Data(status, "application/problem+json", body)
}

// problem is RFC 9457's shape.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}
