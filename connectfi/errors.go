package connectfi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
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

	// What the list may answer to a window that is too wide [errors-documentation, Change-Log] (C).
	CodeGreaterNumberOfRecords        = "greaterNumberOfRecords"
	CodeGreaterMaximumNumberOfRecords = "greaterMaximumNumberOfRecords"
	CodeBadTimeFrameRequest           = "badTimeFrameRequest"
	CodeInvalidDateRange              = "invalidDateRange"
)

// permanent lists the codes that no repetition mends (C). An unlisted code is
// worth another try (A).
var permanent = map[string]bool{
	CodeRequestValidateError: true, CodeCustomerNotFound: true, CodeApplicationNotFound: true,
	CodeDocumentNotFound: true, CodeFileNotFound: true, CodeStatusApplicationEntity: true,
	CodeReferenceExists: true, CodeCustomerExists: true,
	CodeGreaterNumberOfRecords: true, CodeGreaterMaximumNumberOfRecords: true,
	CodeBadTimeFrameRequest: true, CodeInvalidDateRange: true,
}

// Error is a call that ended without a usable answer. Its text holds nothing
// of ConnectFi's body, which may contain personal data.
type Error struct {
	Op         string        // the endpoint's path
	Code       string        // ConnectFi's code; empty if ConnectFi itself did not answer
	HTTPStatus int           // zero if there was no answer at all
	RequestID  string        // ConnectFi's, if it said one
	Retry      time.Duration // how long ConnectFi asked to wait, or zero
	Problems   []Problem     // what a requestValidateError complains of: no values, no messages
	// what a referenceExists says has the reference: a hint to confirm, perhaps an application's id (A)
	EntityID string
	cause    error
}

func (e *Error) Error() string {
	switch {
	case e.Code != "":
		return fmt.Sprintf("ConnectFi refused %s with code %s (HTTP %d)", e.Op, e.Code, e.HTTPStatus)
	case e.HTTPStatus != 0:
		return fmt.Sprintf("ConnectFi's answer to %s is invalid (HTTP %d): %v", e.Op, e.HTTPStatus, e.cause)
	}
	return fmt.Sprintf("ConnectFi did not answer %s: %v", e.Op, e.cause)
}

// TooManyRecords reports a list that refused because its answer would have too
// many records, and BadTimeFrame one that refused for the dates asked for: a
// smaller page, or a shorter time, can be answered (C).
func (e *Error) TooManyRecords() bool {
	return e.Code == CodeGreaterNumberOfRecords || e.Code == CodeGreaterMaximumNumberOfRecords
}

// BadTimeFrame is described with TooManyRecords.
func (e *Error) BadTimeFrame() bool {
	return e.Code == CodeBadTimeFrameRequest || e.Code == CodeInvalidDateRange
}

// Unwrap gives the cause, such as context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.cause }

// Temporary reports whether the same call can succeed later. An unauthorized
// that outlasts a fresh token is temporary as well: the password may just be
// in rotation, and a case must not be lost over it.
func (e *Error) Temporary() bool { return !permanent[e.Code] }

// Answered reports whether ConnectFi itself said that it did not do it. If it
// did not, the call may have been carried out all the same: no answer, one that
// cannot be read, or an unlisted code with a 5xx, which says that ConnectFi broke
// down and not where (A).
func (e *Error) Answered() bool {
	return e.Code != "" && (e.HTTPStatus < 500 || documented(e.Code))
}

// documented reports a code that the pages name.
func documented(code string) bool {
	return permanent[code] || code == CodeExtAkepa || code == CodeUnauthorized
}

// What Ending calls an exchange that ended without a code of ConnectFi's that
// the pages name.
const (
	EndingOK         = "ok"
	EndingOther      = "other"      // ConnectFi refused with a code that its pages do not list
	EndingUnreadable = "unreadable" // something answered, and not as ConnectFi does
	EndingNoAnswer   = "noAnswer"
	ResultCanceled   = "calledOff" // by us: a case heard something meanwhile, or the program stops
)

// Endings lists every word that Ending has.
func Endings() []string {
	words := []string{EndingOK, EndingOther, EndingUnreadable, EndingNoAnswer, ResultCanceled, CodeUnauthorized,
		CodeExtAkepa}
	return slices.Concat(words, slices.Sorted(maps.Keys(permanent)))
}

// ResultLabel is the one word for how a call ended, of a few: a code that the pages
// name, or one of those above. It is for counting.
func ResultLabel(err error) string {
	e, isE := errors.AsType[*Error](err)
	switch {
	case err == nil:
		return EndingOK
	case errors.Is(err, context.Canceled):
		return ResultCanceled
	case !isE, e.HTTPStatus == 0:
		return EndingNoAnswer
	case e.Code == "":
		return EndingUnreadable
	case documented(e.Code):
		return e.Code
	}
	return EndingOther
}

// RetryAfter is how long ConnectFi asked to wait, or zero.
func (e *Error) RetryAfter() time.Duration { return e.Retry }

// maxWait bounds what a Retry-After can make anybody wait.
const maxWait = time.Hour

// retryAfter reads both forms of the header: seconds and an HTTP date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxWait)
}

// codePattern is what a code looks like: "0" or a camelCase word (S, C).
var codePattern = regexp.MustCompile(`^[0-9a-zA-Z]{1,64}$`)

// What of an Ajv error may be kept: names of a schema, never a value.
var (
	pathPattern = regexp.MustCompile(`^(/[0-9a-zA-Z_]{1,64}){0,8}$`)
	wordPattern = regexp.MustCompile(`^[a-zA-Z]{1,40}$`)
)

// entityOf reads the id in the context of a referenceExists [errors-documentation]
// (C). Older pages print other things in its place: what is no id is left out.
func entityOf(context json.RawMessage) string {
	var known struct {
		EntityID string `json:"entityId"`
	}
	if json.Unmarshal(context, &known) != nil || !idPattern.MatchString(known.EntityID) {
		return ""
	}
	return known.EntityID
}

// idPattern is the form of an id (S).
var idPattern = regexp.MustCompile(`^[0-9a-zA-Z_]{1,36}$`)

// maxProblems bounds how many entries of an Ajv list are kept.
const maxProblems = 50

// problemsOf reads a raw Ajv error list (C), as far as it is one: of each entry
// the path, the keyword and which parameters it has.
func problemsOf(context json.RawMessage) (kept []Problem) {
	var entries []struct {
		InstancePath string                     `json:"instancePath"`
		Keyword      string                     `json:"keyword"`
		Params       map[string]json.RawMessage `json:"params"`
	}
	if json.Unmarshal(context, &entries) != nil {
		return nil // an object, of other codes
	}
	for _, e := range entries[:min(len(entries), maxProblems)] {
		if !pathPattern.MatchString(e.InstancePath) || !wordPattern.MatchString(e.Keyword) {
			continue
		}
		p := Problem{InstancePath: e.InstancePath, Keyword: e.Keyword}
		for name := range e.Params {
			if wordPattern.MatchString(name) {
				if p.Params == nil {
					p.Params = map[string]any{}
				}
				p.Params[name] = nil
			}
		}
		kept = append(kept, p)
	}
	return kept
}
