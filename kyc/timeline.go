package kyc

import (
	"fmt"
	"time"
)

// Entry is one line of a case's timeline: what happened, to whom, when. It
// holds ids and words of this program only.
type Entry struct {
	At     time.Time `json:"at"`
	What   string    `json:"what"`             // one of the What values, a Stage or a hint
	Entity string    `json:"entity,omitempty"` // whom it concerns, if not the whole case
	Note   string    `json:"note,omitempty"`   // the reason, the code or the type of document
	Count  int       `json:"count,omitempty"`  // how many in a row this line stands for, 0 is 1
}

// What an Entry may tell, besides a stage that began (its name) and a hint.
const (
	WhatStarted     = "started"
	WhatIdentified  = "identified"
	WhatWanted      = "documents_wanted"
	WhatStillWanted = "documents_still_wanted"
	WhatReminder    = "reminder"
	WhatConsented   = "consented"
	WhatRevoked     = "links_revoked"
	WhatSubmitted   = "documents_submitted"
	WhatHandedOver  = "documents_handed_over"
	WhatEntityDone  = "entity_completed"
	WhatRefused     = "refused"
	WhatLate        = "late_callback"
	WhatReset       = "reset" // by an operator in Temporal: see View.ResetAt
)

// sentences says each line to a person. %s is the entity, then the note.
var sentences = map[string]string{
	WhatStarted:     "the case was started",
	WhatIdentified:  "ConnectFi opened the application",
	WhatWanted:      "ConnectFi wants document images of %s",
	WhatStillWanted: "ConnectFi still wants document images of %s",
	WhatReminder:    "the applicant was due a reminder",
	WhatConsented:   "who sends for %s agreed to the text %s",
	WhatRevoked:     "every link to the applicant's page given out so far was revoked",
	WhatSubmitted:   "document images of %s came in (%s)",
	WhatHandedOver:  "the images of %s were handed over to ConnectFi",
	WhatEntityDone:  "ConnectFi completed %s: %s",
	WhatRefused:     "ConnectFi refused %s",
	WhatLate:        "a callback came after the end; it changed nothing",
	WhatReset: "the case was reset in Temporal: what followed until then is in its earlier run; " +
		"documents that are wanted again have their time again",
	HintCallback:              "ConnectFi called back",
	HintRefresh:               "a look at the status was asked for",
	string(Processing):        "ConnectFi is working on it",
	string(AwaitingDocuments): "the case waits for documents",
	string(AwaitingData):      "the case waits for data of the customer",
	string(InReview):          "the case is in manual review",
	string(Held):              "the case is held: %s",
	string(Approved):          "approved",
	string(Denied):            "denied",
	string(Expired):           "expired: %s",
	string(Withdrawn):         "withdrawn",
}

// String is the line as a sentence, without its time.
func (e Entry) String() string {
	sentence, ok := sentences[e.What]
	if !ok {
		sentence = e.What
	}
	switch e.What {
	case WhatWanted, WhatStillWanted, WhatHandedOver:
		sentence = fmt.Sprintf(sentence, e.Entity)
	case WhatConsented, WhatSubmitted, WhatEntityDone:
		sentence = fmt.Sprintf(sentence, e.Entity, e.Note)
	case WhatRefused, string(Held), string(Expired):
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
	if e.Count > 0 { // a case begins with a line that is no hint
		if l := &c.Timeline[len(c.Timeline)-1]; l.What == e.What && l.Note == e.Note {
			l.Count++
			return
		}
	}
	c.Timeline = append(c.Timeline, e)
}
