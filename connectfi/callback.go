package connectfi

import (
	"bytes"
	"encoding/json"
	"errors"
)

// ErrNotCallback says that a body is not the envelope ConnectFi calls back
// with. It quotes nothing of the body.
var ErrNotCallback = errors.New("the body is not ConnectFi's callback envelope")

// ParseCallback reads the body of a callback: the envelope of an answer with
// its own request id (C). Nothing in it is proven: it is a hint, to be
// confirmed by a status read. It is as tolerant as the client, so that a field
// or a status that ConnectFi adds later costs no callback.
func ParseCallback(body []byte) (application Application, requestID string, err error) {
	var envelope Envelope[*Application]
	if err := json.Unmarshal(withoutBOM(body), &envelope); err != nil || envelope.Code == "" || envelope.Data == nil {
		return Application{}, "", ErrNotCallback
	}
	if envelope.Data.ApplicationID == "" && envelope.Data.Reference == "" {
		return Application{}, "", ErrNotCallback
	}
	return *envelope.Data, envelope.RequestID, nil
}

// Hint is what a callback's body says about the change that it hints at. Each
// of them may be empty, and none is proven.
type Hint struct{ Reference, ApplicationID, RequestID string }

// ReadHint reads as much of a callback's body as can be read; whole is false
// where it is not the documented envelope. The address of a callback says which
// case it is for, so a body that says nothing, or something else than the page
// does, is a hint as well: ConnectFi calls once (C).
func ReadHint(body []byte) (h Hint, whole bool) {
	if application, requestID, err := ParseCallback(body); err == nil {
		return Hint{application.Reference, application.ApplicationID, requestID}, true
	}
	var envelope struct {
		Data      json.RawMessage `json:"data"`
		RequestID json.RawMessage `json:"requestId"`
	}
	if json.Unmarshal(withoutBOM(body), &envelope) != nil {
		return Hint{}, false
	}
	var data struct {
		Reference     json.RawMessage `json:"reference"`
		ApplicationID json.RawMessage `json:"applicationId"`
	}
	_ = json.Unmarshal(envelope.Data, &data) // data may be missing, or something else
	return Hint{text(data.Reference), text(data.ApplicationID), text(envelope.RequestID)}, false
}

// text is a JSON string, or empty for anything else.
func text(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s)
	return s
}

// withoutBOM drops the byte order mark that some programs write in front of
// UTF-8: JSON allows readers to ignore it (RFC 8259, 8.1).
func withoutBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) }
