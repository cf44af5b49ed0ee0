package kyc

import (
	"fmt"
	"strings"
	"time"
)

// Entry is one line of a case's timeline: what happened, to whom, when. It
// holds ids and words of this program only.
type Entry struct {
	At     time.Time `json:"at"`
	What   string    `json:"what"`             // one of the What values, a Stage or a hint
	Entity string    `json:"entity,omitempty"` // whom it concerns, if not the whole case
	Note   string    `json:"note,omitempty"`   // the reason, the code or the type of document
	Count  int       `json:"count,omitempty"`  // how many events in a row this line is for, 0 is 1

	By      Actor    `json:"by"`                // who caused it
	Consent *Consent `json:"consent,omitempty"` // EntryConsented only: what was agreed to

	// RequestID is ConnectFi's id of the answer that the line follows from; empty if no answer is its cause.
	RequestID string `json:"requestId,omitempty"`
}

// What an Entry may say, besides a stage that began (its name) and a hint.
const (
	EntryStarted          = "started"
	EntryIdentified       = "identified"
	EntryWanted           = "documents_wanted"
	EntryStillWanted      = "documents_still_wanted"
	EntryReminder         = "reminder"
	EntryConsented        = "consented"
	EntryConsentElsewhere = "consent_elsewhere"
	EntryVisited          = "page_visited"
	EntryRevoked          = "links_revoked"
	EntrySubmitted        = "documents_submitted"
	EntryHandedOver       = "documents_handed_over"
	EntryEntityDone       = "entity_completed"
	EntryRefused          = "refused"
	EntryLate             = "late_callback"
	EntryReset            = "reset" // by an operator in Temporal: see View.ResetAt
)

// entryText says each line to a person. %s is the entity, then the note.
var entryText = map[string]string{
	EntryStarted:     "the case was started",
	EntryIdentified:  "ConnectFi opened the application",
	EntryWanted:      "ConnectFi asks for document images of %s",
	EntryStillWanted: "ConnectFi still asks for document images of %s",
	EntryReminder:    "a reminder to the applicant was due",
	EntryConsented:   "the applicant for %s agreed to version %s of the consent text (%s, SHA-256 %s…)",
	EntryConsentElsewhere: "consent for %s was not given on the applicant's page; the sender of the " +
		"images is responsible for it",
	EntryVisited:    "the applicant for %s used the page (%s)",
	EntryRevoked:    "all upload links were revoked",
	EntrySubmitted:  "document images of %s were submitted (%s)",
	EntryHandedOver: "the images of %s were forwarded to ConnectFi",
	EntryEntityDone: "ConnectFi completed %s: %s",
	EntryRefused:    "ConnectFi refused %s",
	EntryLate:       "a callback arrived after the case ended; it changed nothing",
	EntryReset: "the case was reset in Temporal: its earlier run has what happened in between; " +
		"the time for documents starts again",
	HintCallback:              "ConnectFi sent a callback",
	HintRefresh:               "a status read was requested",
	string(Processing):        "ConnectFi is processing the application",
	string(AwaitingDocuments): "the case waits for documents",
	string(AwaitingData):      "the case waits for customer data",
	string(InReview):          "the case is in manual review",
	string(Held):              "the case is held: %s",
	string(Approved):          "approved",
	string(Denied):            "denied",
	string(Expired):           "expired: %s",
	string(Withdrawn):         "withdrawn",
}

// String is the line as a sentence, without its time.
func (e Entry) String() string {
	sentence, ok := entryText[e.What]
	if !ok {
		sentence = e.What
	}
	switch e.What {
	case EntryWanted, EntryStillWanted, EntryHandedOver, EntryConsentElsewhere:
		sentence = fmt.Sprintf(sentence, e.Entity)
	case EntryConsented:
		sentence = fmt.Sprintf(sentence, e.Entity, e.Consent.Version, e.Consent.Language, e.Consent.Text[:12])
		if n := e.Consent.Notice; n != nil {
			sentence += fmt.Sprintf(", after version %s of the notice (%s, SHA-256 %s…)", n.Version, n.Language, n.Text[:12])
		}
	case EntrySubmitted, EntryEntityDone, EntryVisited:
		sentence = fmt.Sprintf(sentence, e.Entity, e.Note)
	case EntryRefused:
		if step, code, _ := strings.Cut(e.Note, ": "); code == quote(CodeNoAnswer) {
			return unanswered(step)
		}
		fallthrough
	case string(Held), string(Expired):
		sentence = fmt.Sprintf(sentence, e.Note)
	case HintCallback:
		if e.Note != "" {
			sentence += ", but " + e.Note
		}
	}
	if e.Count > 1 {
		sentence += fmt.Sprintf(" (%d times)", e.Count)
	}
	return sentence
}

// note adds a line; hints of one kind in a row share one.
func (c *Case) note(e Entry) {
	c.Version++
	e.By = e.By.checked()
	if e.Count > 0 { // a case begins with a line that is no hint
		if l := &c.Timeline[len(c.Timeline)-1]; l.What == e.What && l.Note == e.Note && l.By == e.By {
			l.Count++
			return
		}
	}
	c.Timeline = append(c.Timeline, e)
}
