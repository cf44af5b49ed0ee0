package connectfi

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The codes that the pages name (S, C). An error is judged by its code, not by
// its HTTP status: extAkepa is a 400 as well.
const (
	CodeUnauthorized            = "unauthorized"
	CodeRequestValidateError    = "requestValidateError"
	CodeCustomerNotFound        = "customerNotFound"
	CodeApplicationNotFound     = "applicationNotFound"
	CodeDocumentNotFound        = "documentNotFound"
	CodeFileNotFound            = "fileNotFound"
	CodeStatusApplicationEntity = "statusApplicationEntity"
	CodeReferenceExists         = "referenceExists"
	CodeCustomerExists          = "customerExists"
	CodeExtAkepa                = "extAkepa"
)

// lasting lists the codes that no repetition mends (C). An unlisted code is
// worth another try (A).
var lasting = map[string]bool{
	CodeRequestValidateError: true, CodeCustomerNotFound: true, CodeApplicationNotFound: true,
	CodeDocumentNotFound: true, CodeFileNotFound: true, CodeStatusApplicationEntity: true,
	CodeReferenceExists: true, CodeCustomerExists: true,
}

// Error is a call that ended without a usable answer. Its text holds nothing
// of ConnectFi's body, which may carry personal data.
type Error struct {
	Op         string        // the endpoint's path
	Code       string        // ConnectFi's code; empty if ConnectFi itself did not answer
	HTTPStatus int           // zero if there was no answer at all
	RequestID  string        // ConnectFi's, if it said one
	Retry      time.Duration // how long ConnectFi asked to wait, or zero
	cause      error
}

func (e *Error) Error() string {
	switch {
	case e.Code != "":
		return fmt.Sprintf("ConnectFi refused %s with code %s (HTTP %d)", e.Op, e.Code, e.HTTPStatus)
	case e.HTTPStatus != 0:
		return fmt.Sprintf("ConnectFi's answer to %s cannot be used (HTTP %d): %v", e.Op, e.HTTPStatus, e.cause)
	}
	return fmt.Sprintf("ConnectFi did not answer %s: %v", e.Op, e.cause)
}

// Unwrap gives the cause, such as context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.cause }

// Temporary reports whether the same call can succeed later. An unauthorized
// that outlasts a fresh token is temporary as well: the password may just be
// in rotation, and a case must not be lost over it.
func (e *Error) Temporary() bool { return !lasting[e.Code] }

// Answered reports whether ConnectFi itself answered. If it did not, the call
// may have been carried out all the same.
func (e *Error) Answered() bool { return e.Code != "" }

// RetryAfter is how long ConnectFi asked to wait, or zero.
func (e *Error) RetryAfter() time.Duration { return e.Retry }

// longestWait bounds what a Retry-After can make anybody wait.
const longestWait = time.Hour

// retryAfter reads both forms of the header: seconds and an HTTP date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), longestWait)
}

// codePattern is what a code looks like: a camelCase word (S).
var codePattern = regexp.MustCompile(`^[0-9a-zA-Z]{1,64}$`)
