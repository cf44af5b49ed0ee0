package connectfi

import (
	"bytes"
	"encoding/json"
)

// Status is the state of an application or of one of its entities, exactly as
// ConnectFi spelled it. The published table is cut short (C), so a Status this
// package does not list is an ordinary value, never an error.
type Status string

// Statuses the published pages name (C).
const (
	StatusPendingStepUp    Status = "pending_step_up"                    // document images wanted (S)
	StatusPendingDocuments Status = "pending_documents"                  // the same, spelled otherwise (C)
	StatusWaitingReview    Status = "waiting_review"                     // manual review (C)
	StatusPendingReview    Status = "pending_journey_application_review" // the same, spelled otherwise (C)
	StatusRunning          Status = "running"                            // under way, nothing wanted (C)
	StatusDataRequest      Status = "data_request"                       // the client must complete the customer (C)
	StatusCompleted        Status = "completed"                          // decided; outcome is set (S)
)

// Outcome is the decision, exactly as ConnectFi spelled it: "Approved" or
// "Denied" on an application, "approved" on an entity (S, C). Compare without
// case. The empty Outcome is JSON null: nothing is decided yet.
type Outcome string

// MarshalJSON writes the empty Outcome as null, as the printed bodies do (S).
func (o Outcome) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(o))
}

// Application is the answer of identification, status and update, and the body
// of a callback (S).
type Application struct {
	ApplicationID      string              `json:"applicationId"`
	AggregatorID       string              `json:"aggregatorId"`
	CustomerID         string              `json:"customerId"`
	Reference          string              `json:"reference"`
	Status             Status              `json:"status"`
	Outcome            Outcome             `json:"outcome"`
	EntityApplications []EntityApplication `json:"entityApplications"`

	// Answer says which answer this was read from. It is zero in an Application that no call of Client returned.
	Answer Answer `json:"-"`
}

// Answer identifies one answer of ConnectFi, so that what was read from it can be traced back.
type Answer struct {
	RequestID string // ConnectFi's own id of the request; empty if the answer has none, or none of the known form
	SHA256    string // of the body as it was received, in hexadecimal
}

// EntityApplication is one person or business within an application. The
// customer is found by IsCustomer, never by position (S).
type EntityApplication struct {
	EntityID   string  `json:"entityId"`
	IsCustomer bool    `json:"isCustomer"`
	Status     Status  `json:"status"`
	Outcome    Outcome `json:"outcome"`
}

// IdentificationRequest is the body of POST /akepa/identification (S).
type IdentificationRequest struct {
	CustomerID string `json:"customerId"`
	Reference  string `json:"reference"`
	// SyncMode is sent only when set: its name and its description contradict
	// each other ("true if asyncronous") (S).
	SyncMode *bool `json:"syncMode,omitempty"`
	// WebhookURL travels as webhookUrl; the property table's webhookURL is
	// almost certainly a slip (C).
	WebhookURL string `json:"webhookUrl,omitempty"`
}

// StatusRequest is the body of POST /akepa/status (C).
type StatusRequest struct {
	CustomerID    string `json:"customerId"`
	ApplicationID string `json:"applicationId"`
}

// ListRequest is the body of POST /akepa/list (C).
type ListRequest struct {
	CustomerID      string `json:"customerId"`
	DateCreateFrom  string `json:"dateCreateFrom,omitempty"`
	DateCreateTo    string `json:"dateCreateTo,omitempty"`
	NumberOfRecords int    `json:"numberOfRecords,omitempty"` // 1..1000
	SkipRecords     int    `json:"skipRecords,omitempty"`
}

// ListPage is one page of a customer's applications. That the records are
// called data.applications is assumed (A); that there are other fields beside them is C.
type ListPage struct {
	Applications []Application `json:"applications"`
	More         bool          `json:"more,omitempty"`

	unknown bool // something is there, and not under the name that is assumed
}

// UnmarshalJSON takes a list that is null or left out for none (A). One with
// another name is recognised: as its name is an assumption, a list that is not
// recognised must not be taken for none.
func (p *ListPage) UnmarshalJSON(text []byte) error {
	type plain ListPage
	if err := json.Unmarshal(text, (*plain)(p)); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	for name, value := range all {
		switch name {
		case "applications", "more":
		default:
			p.unknown = p.unknown || value[0] == '{' || value[0] == '[' && string(bytes.TrimSpace(value[1:len(value)-1])) != ""
		}
	}
	return nil
}

// GenerateRequest is the body of POST /akepa/document/generate (C).
type GenerateRequest struct {
	Workflow             string `json:"workflow"` // BUSINESS or PERSONAL
	Name                 string `json:"name"`
	Extension            string `json:"extension"` // jpg or png
	Type                 string `json:"type"`
	Note                 string `json:"note,omitempty"`
	NoteAuthorAgentEmail string `json:"note_author_agent_email,omitempty"`
}

// Document is the answer of POST /akepa/document/generate; that its id is
// data.id is assumed (A).
type Document struct {
	ID string `json:"id"`
}

// UpdateRequest is the body of POST /akepa/update: several documents for one
// entity in one call (C). The field names were not seen (A).
type UpdateRequest struct {
	ApplicationID string         `json:"applicationId"`
	CustomerID    string         `json:"customerId"`
	EntityID      string         `json:"entityId"`
	Documents     []DocumentLink `json:"documents"`
}

// DocumentLink names one uploaded document and the side it shows (A).
type DocumentLink struct {
	DocumentID string `json:"documentId"`
	Side       string `json:"side"` // front or back
}

// TokenRequest is the body of POST /auth/get-token (C).
type TokenRequest struct {
	User Login `json:"user"`
}

// Login is who asks for a token (C).
type Login struct {
	Login    string `json:"login"`
	Password string `json:"password"`
}

// Token is the answer of POST /auth/get-token (C).
type Token struct {
	Token     string `json:"token"`
	ExpiresAt string `json:"dtsExpireAt"` // RFC 3339, milliseconds, UTC
}

// CustomerRequest is the body of POST /customer/init. Only the individual's
// body was seen (C); a business is assumed to say customerType "business" with
// the same envelope (A).
type CustomerRequest struct {
	CustomerReference string          `json:"customerReference"`
	CustomerType      string          `json:"customerType"`
	Customer          json.RawMessage `json:"customer"`
}

// Customer is the answer of POST /customer/init (A: data.customerId).
type Customer struct {
	CustomerID string `json:"customerId"`
}

// TokenHeader is the header with the token on every call but get-token (S).
const TokenHeader = "x-connectfi-token"

// CodeOK is the code of every success; it is a string (S).
const CodeOK = "0"

// Envelope is what every answer is wrapped in (S).
type Envelope[T any] struct {
	Code      string `json:"code"`
	Data      T      `json:"data"`
	RequestID string `json:"requestId"`
}
