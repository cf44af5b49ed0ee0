package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/edge"
)

// refusal is an answer in ConnectFi's error envelope. Its texts are the
// documented ones where a page prints them (C), and of that kind elsewhere (A);
// none of them quotes anything that came from outside.
type refusal struct {
	status  int
	code    string
	context any // an object or a list; nil is left out
	message string
	retry   time.Duration
}

func (r *refusal) Error() string { return "refused with code " + r.code }

// refusedBody is the documented error envelope; context and message are each
// sometimes absent (C).
type refusedBody struct {
	RequestID string `json:"requestId"`
	Code      string `json:"code"`
	Context   any    `json:"context,omitempty"`
	Message   string `json:"message,omitempty"`
}

// WriteError answers with what is wrong, and logs what an operator can act on.
func (a *API) WriteError(c *gin.Context, err error) {
	r := refusalOf(err)
	if r.status == http.StatusServiceUnavailable {
		a.edge.LogSample("API call failed", "route", c.FullPath(), "cause", err)
	}
	if r.retry > 0 {
		edge.SetRetryAfter(c, r.retry)
	}
	write(c, r.status, refusedBody{RequestID: connectfi.NewRequestID(time.Now()), Code: r.code, Context: r.context,
		Message: r.message})
}

// SlowHeaders is the answer to a caller whose headers do not come in time. Which
// route they are for is not known: it is ConnectFi's envelope, for programs.
func SlowHeaders() string {
	text, _ := json.Marshal(refusedBody{RequestID: connectfi.NewRequestID(time.Now()), Code: "requestTimeout",
		Message: "Timed out reading the headers."})
	return string(text)
}

// errEncoded is what is wrong with a body that is encoded for its way.
var errEncoded = errors.New("the body has a Content-Encoding")

// refusalOf is the one map from what happened to what is answered.
func refusalOf(err error) *refusal {
	known, isKnown := errors.AsType[*refusal](err)
	early, isEarly := errors.AsType[edge.TooFastError](err)
	switch {
	case isKnown:
		return known
	case errors.Is(err, edge.ErrNotFound):
		return &refusal{status: http.StatusNotFound, code: "notFound", message: "Not found."} // (A), as the six that follow
	case isEarly:
		return &refusal{status: http.StatusTooManyRequests, code: "tooManyRequests",
			message: "Too many requests.", retry: early.Wait}
	case errors.Is(err, edge.ErrMethod):
		return &refusal{status: http.StatusMethodNotAllowed, code: "methodNotAllowed",
			message: "Method not allowed: see the Allow header."}
	case errors.Is(err, edge.ErrSlow):
		return &refusal{status: http.StatusRequestTimeout, code: "requestTimeout",
			message: "Timed out reading the body."}
	case errors.Is(err, errEncoded):
		return &refusal{status: http.StatusUnsupportedMediaType, code: "unsupportedContentEncoding",
			message: "Content-Encoding is not supported: send the body without it."}
	case errors.Is(err, edge.ErrTooLarge):
		return &refusal{status: http.StatusRequestEntityTooLarge, code: "payloadTooLarge",
			message: "Request entity too large."}
	case errors.Is(err, edge.ErrPanicked):
		return &refusal{status: http.StatusInternalServerError, code: "internalError", message: "Internal error."}
	}
	r := tryLater(0)
	if reason := unavailable(err); reason != "" {
		r.message = reason + " Try again later."
	}
	return r
}

// unavailable says in one sentence why a case did not answer; empty if nobody
// knows. It names no case, no customer and no address.
func unavailable(err error) string {
	_, isStuck := errors.AsType[*cases.StuckError](err)
	switch {
	case errors.Is(err, cases.ErrPaused):
		return "The case is paused by an operator."
	case isStuck:
		return "The case waits for an operator: the worker cannot run it."
	case errors.Is(err, cases.ErrNoWorker):
		return "No worker is running. The case waits for one."
	case errors.Is(err, cases.ErrBusy):
		return "ConnectFi has not answered yet."
	case errors.Is(err, cases.ErrUnavailable):
		return "Temporal is unavailable."
	case errors.Is(err, cases.ErrNoAnswer):
		return "Temporal did not answer in time."
	}
	return ""
}

// tryLater is the answer while Temporal or ConnectFi cannot be asked. The code is
// the documented one for "worth another try". ConnectFi sends it with 400, which
// a generic HTTP client never repeats: 503 and Retry-After say the same to
// callers that look at the status, and codes are what ConnectFi's clients judge by (C).
func tryLater(retry time.Duration) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, code: connectfi.CodeExtAkepa,
		message: "Temporarily unavailable. Try again later.", retry: max(retry, edge.RetryAfter)}
}

func unauthorized() error {
	return &refusal{status: http.StatusUnauthorized, code: connectfi.CodeUnauthorized, message: "Authentication error"}
}

// invalid contains the raw Ajv error list (C).
func invalid(problems []connectfi.Problem) error {
	return &refusal{status: http.StatusBadRequest, code: connectfi.CodeRequestValidateError, context: problems,
		message: "Request validation error."}
}

func applicationNotFound(id string) error {
	return &refusal{status: http.StatusNotFound, code: connectfi.CodeApplicationNotFound,
		context: map[string]string{"applicationId": id}, message: "Application not found."}
}

func customerNotFound(id string) error {
	return &refusal{status: http.StatusBadRequest, code: connectfi.CodeCustomerNotFound,
		context: map[string]string{"customerId": id}, message: "Customer not found."}
}

// referenceExists is documented for /customer/init. That it also says "this
// reference is taken" of an application is assumed (A): ConnectFi's own word for
// the same reference with another customer is not known.
func referenceExists(reference string) error {
	return &refusal{status: http.StatusBadRequest, code: connectfi.CodeReferenceExists,
		context: map[string]string{"reference": reference}, message: "Reference exists."}
}

func alreadyDecided(status string) error {
	return &refusal{status: http.StatusBadRequest, code: connectfi.CodeStatusApplicationEntity,
		message: "Entity has status " + status + ". Action cannot be completed."}
}

// ids are what a call named, for the context of an answer.
type ids struct{ customer, application, document string }

// rejection answers a lasting no of ConnectFi's by its code, with what the caller
// itself named. What is not lasting, or no code of theirs, is worth another try.
func rejection(code string, named ids) error {
	switch code {
	case connectfi.CodeCustomerNotFound:
		return customerNotFound(named.customer)
	case connectfi.CodeApplicationNotFound:
		return applicationNotFound(named.application)
	case connectfi.CodeDocumentNotFound, connectfi.CodeFileNotFound:
		r := &refusal{status: http.StatusBadRequest, code: code, message: "Document not found."}
		if code == connectfi.CodeFileNotFound {
			r.message = "File not found."
		}
		if named.document != "" {
			r.context = map[string]string{"documentId": named.document}
		}
		return r
	case connectfi.CodeStatusApplicationEntity:
		return alreadyDecided(string(connectfi.StatusCompleted))
	case connectfi.CodeRequestValidateError:
		return &refusal{status: http.StatusBadRequest, code: code, message: "ConnectFi rejected this request."}
	case connectfi.CodeReferenceExists, connectfi.CodeCustomerExists:
		return &refusal{status: http.StatusBadRequest, code: code, message: "ConnectFi already has this."}
	}
	return tryLater(0)
}

// fromConnectFi answers for ConnectFi's client. An unauthorized of theirs is about
// our login, never the caller's, who would only fetch one token after the other.
func fromConnectFi(err error, named ids) error {
	invalidHere, isInvalidHere := errors.AsType[*connectfi.InvalidError](err)
	theirs, isTheirs := errors.AsType[*connectfi.Error](err)
	switch {
	case isInvalidHere:
		return invalid(invalidHere.Problems)
	case isTheirs && !theirs.Temporary():
		return rejection(theirs.Code, named)
	case isTheirs:
		return errors.Join(err, tryLater(theirs.RetryAfter()))
	}
	return err
}

// rejectedBeforeOpen is the answer where ConnectFi would not even open an
// application; nil where it did.
func rejectedBeforeOpen(v kyc.View) error {
	switch {
	case v.ApplicationID != "":
		return nil
	case v.Refusal != nil:
		return rejection(v.Refusal.Code, ids{customer: v.CustomerID})
	case v.Stage.Final():
		return referenceExists(v.Reference) // it ended before there was one: the reference is used up
	}
	return nil
}
