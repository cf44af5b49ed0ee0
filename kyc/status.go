package kyc

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Status and Outcome are ConnectFi's words, kept as they came. The published
// table of statuses is cut short, so an unlisted one is a value like any other
// (C): it holds the case and decides nothing.
type (
	Status  string
	Outcome string
)

// The two decisions. ConnectFi writes them with and without a capital (S, C).
const (
	OutcomeApproved Outcome = "approved"
	OutcomeDenied   Outcome = "denied"
)

// is compares without case.
func (o Outcome) is(other Outcome) bool { return strings.EqualFold(string(o), string(other)) }

// statusClass is what a status means. The order is who goes first: the least finished
// part of an application decides the state of the whole (S), and a request that
// our side can fulfil goes before one that it cannot.
type statusClass int

const (
	wantsDocuments statusClass = iota
	unknownStatus
	wantsData
	running
	inReview
	completed
)

// kinds lists both spellings of every status the pages name (S, C).
var kinds = map[Status]statusClass{
	"pending_step_up":                    wantsDocuments,
	"pending_documents":                  wantsDocuments,
	"data_request":                       wantsData,
	"running":                            running,
	"waiting_review":                     inReview,
	"pending_journey_application_review": inReview,
	"completed":                          completed,
}

func (s Status) kind() statusClass {
	if k, ok := kinds[s]; ok {
		return k
	}
	return unknownStatus
}

func (k statusClass) stage() Stage {
	switch k {
	case wantsDocuments:
		return AwaitingDocuments
	case wantsData:
		return AwaitingData
	case running:
		return Processing
	case inReview:
		return InReview
	}
	return Held
}

// Snapshot is one answer of ConnectFi about an application, in this package's
// words. It is what drives a case.
type Snapshot struct {
	ApplicationID string `json:"applicationId"`
	// of the owner of the account at ConnectFi; it decides nothing
	AggregatorID string           `json:"aggregatorId,omitempty"`
	Status       Status           `json:"status"`
	Outcome      Outcome          `json:"outcome,omitempty"`
	Entities     []EntitySnapshot `json:"entities,omitempty"`

	// The answer it was read from: ConnectFi's id of the request, empty if it gave none, and the SHA-256 of the
	// body as it was received, in hexadecimal. Neither decides anything.
	RequestID string `json:"requestId,omitempty"`
	SHA256    string `json:"sha256,omitempty"`
}

// EntitySnapshot is what an answer says of one person or business.
type EntitySnapshot struct {
	ID         string  `json:"id"`
	IsCustomer bool    `json:"isCustomer,omitempty"`
	Status     Status  `json:"status"`
	Outcome    Outcome `json:"outcome,omitempty"`
}

// stage is the stage of a case that was answered like this, and why if that
// needs a reason. A decision needs the status and the outcome; an approval
// needs every entity, the customer among them, to agree as well (C).
func (r Snapshot) stage() (Stage, string) {
	switch top := r.Status.kind(); top {
	case unknownStatus:
		return Held, "ConnectFi returned the status " + quote(string(r.Status)) + ", which its documentation does not list"
	case completed:
		return r.decision()
	default:
		least, who := top, ""
		for _, e := range r.Entities {
			if k := e.Status.kind(); k < least {
				least, who = k, e.ID
			}
		}
		if least == unknownStatus {
			return Held, "ConnectFi returned an undocumented status for the entity " + who
		}
		return least.stage(), ""
	}
}

func (r Snapshot) decision() (Stage, string) {
	switch {
	case r.Outcome.is(OutcomeDenied):
		return Denied, ""
	case !r.Outcome.is(OutcomeApproved):
		return Held, "ConnectFi returned completed with the outcome " + quote(string(r.Outcome))
	}
	customer := false
	for _, e := range r.Entities {
		if e.Status.kind() != completed || !e.Outcome.is(OutcomeApproved) {
			return Held, "ConnectFi approved the application but not the entity " + e.ID
		}
		customer = customer || e.IsCustomer
	}
	if !customer {
		return Held, "ConnectFi approved the application without naming the customer"
	}
	return Approved, ""
}

// quote shows a word of ConnectFi's in a sentence: short and harmless, whatever it was.
func quote(word string) string {
	if word == "" {
		return "(none)"
	}
	safe := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '?'
	}, word)
	if len(safe) > 48 {
		safe = safe[:48] + "…"
	}
	return "“" + safe + "”"
}

// WantsDocuments reports whether document images are wanted, in either spelling.
func (s Status) WantsDocuments() bool { return s.kind() == wantsDocuments }

// InReview reports whether people at ConnectFi look at it.
func (s Status) InReview() bool { return s.kind() == inReview }

// Completed reports whether ConnectFi has done with it, whatever the outcome.
func (s Status) Completed() bool { return s.kind() == completed }

// Fingerprint is equal for two readings that mean the same to a case, whatever
// the order of their entities. It is short, and stable between builds.
func (r Snapshot) Fingerprint() string {
	h := sha256.New()
	field := func(text string) { h.Write([]byte(strconv.Itoa(len(text)) + ":" + text)) }
	field(r.ApplicationID)
	field(string(r.Status))
	field(string(r.Outcome))
	for _, e := range sorted(r.Entities) {
		field(e.ID)
		field(strconv.FormatBool(e.IsCustomer))
		field(string(e.Status))
		field(string(e.Outcome))
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}
