package connectfi

import (
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
	if err := json.Unmarshal(body, &envelope); err != nil || envelope.Code == "" || envelope.Data == nil {
		return Application{}, "", ErrNotCallback
	}
	if envelope.Data.ApplicationID == "" && envelope.Data.Reference == "" {
		return Application{}, "", ErrNotCallback
	}
	return *envelope.Data, envelope.RequestID, nil
}
