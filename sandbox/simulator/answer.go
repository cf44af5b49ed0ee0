package simulator

import (
	"encoding/json"
	"errors"
	"net/http"

	"durablekyc.example/connectfi"
)

// refusal is a call that ConnectFi turns down. Its texts are the documented
// ones where a page prints them (C), and of that kind elsewhere (A).
type refusal struct {
	httpStatus int
	code       string
	context    any // an object or a list; nil is left out
	message    string
}

func (r *refusal) Error() string { return r.code }

func unauthorized() error {
	return &refusal{http.StatusUnauthorized, connectfi.CodeUnauthorized, nil, "Authentication error"}
}

// invalid contains the raw Ajv error list (C).
func invalid(problems []connectfi.Problem) error {
	return &refusal{http.StatusBadRequest, connectfi.CodeRequestValidateError, problems, "Request validation error."}
}

func customerNotFound(id string) error {
	return &refusal{http.StatusBadRequest, connectfi.CodeCustomerNotFound, map[string]string{"customerId": id},
		"Customer not found."}
}

// referenceExists has the context that the errors page prints (C); that the id is
// the application's is assumed (A).
func referenceExists(reference, id string) error {
	return &refusal{http.StatusBadRequest, connectfi.CodeReferenceExists,
		map[string]string{"reference": reference, "entityId": id}, "The reference exists."}
}

func applicationNotFound(id string) error {
	return &refusal{http.StatusNotFound, connectfi.CodeApplicationNotFound, map[string]string{"applicationId": id},
		"Application not found."}
}

func documentNotFound(id string) error {
	return &refusal{http.StatusBadRequest, connectfi.CodeDocumentNotFound, map[string]string{"documentId": id},
		"Document not found."}
}

func fileNotFound(id string) error {
	return &refusal{http.StatusBadRequest, connectfi.CodeFileNotFound, map[string]string{"documentId": id},
		"File not found."}
}

// invalidDateRange has a code that the errors page lists (C). That it is the
// answer to a time that ends before it begins is assumed (A).
func invalidDateRange() error {
	return &refusal{http.StatusBadRequest, connectfi.CodeInvalidDateRange, nil, "Invalid date range."}
}

// tooLarge has a code and a status that no page names (A).
func tooLarge() error {
	return &refusal{http.StatusRequestEntityTooLarge, "payloadTooLarge", nil, "Request entity too large."}
}

func alreadyDecided(status connectfi.Status) error {
	return &refusal{http.StatusBadRequest, connectfi.CodeStatusApplicationEntity, nil,
		"Entity has status " + string(status) + ". Action cannot be completed."}
}

// errorBody is the documented error envelope; context and message are each
// sometimes absent (C).
type errorBody struct {
	RequestID string `json:"requestId"`
	Code      string `json:"code"`
	Context   any    `json:"context,omitempty"`
	Message   string `json:"message,omitempty"`
}

func (s *Sandbox) answer(w http.ResponseWriter, data any, err error) {
	id := connectfi.NewRequestID(s.config.Clock())
	if err == nil {
		writeJSON(w, http.StatusOK, connectfi.Envelope[any]{Code: connectfi.CodeOK, Data: data, RequestID: id})
		return
	}
	r, known := errors.AsType[*refusal](err)
	if !known {
		r = &refusal{httpStatus: http.StatusInternalServerError, code: "internalError", message: "Internal error."}
		s.config.Logger.Error("internal error", "error", err)
	}
	writeJSON(w, r.httpStatus, errorBody{RequestID: id, Code: r.code, Context: r.context, Message: r.message})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) // nothing can be said to a client that has disconnected
}
