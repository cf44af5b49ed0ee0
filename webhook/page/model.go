package page

import "time"

// Landing is what a link opens. Programs open links too (previews, scanners of
// mail), so opening spends nothing: only its button does.
type Landing struct {
	Lang   string
	CSRF   string // left out of the form when empty
	Action string // what the button posts to
	By     string // the name of who asks for the check; may be empty
	For    Whom
	QR     *QR
	Others []Other
}

// Case is one check as the applicant may see it.
type Case struct {
	Lang     string
	For      Whom
	CSRF     string
	Action   string // the page's own address, and what the forms post to, as multipart/form-data
	News     string // where the page asks whether anything is new
	Revision string // named when it asks
	Live     bool   // something is under way: the page keeps asking
	Status   string // one of Statuses
	Until    time.Time
	People   []Person
	Consent  Consent
	QR       *QR
	Limits   Limits
	Others   []Other
}

// Whom is whose page it is, without a name: the reference of the check, and
// where the link is for a part of it only, which. It is on every page that
// knows it. The zero Whom says nothing.
type Whom struct {
	Reference string
	Kind      string // one of Kinds; empty is the whole check
	Number    int    // of a representative
}

// Person is one person or business of the check. It has no name here: the page
// shows nothing that a look over a shoulder could learn.
type Person struct {
	ID     string // for whoever made the model; not shown
	Kind   string // one of Kinds
	Number int    // tells representatives apart, counted from 1
	State  string // one of States
	Form   *Form  // nil when nothing is wanted
}

// Form asks one person for a document.
//
// Its fields: csrf, lang, entity, draft, type, front, back (files), anyway and
// consent (both "yes").
type Form struct {
	Entity  string
	Types   []Type
	Chosen  string // the type's value, empty before a choice
	Draft   string // goes back as it came; opaque
	Sides   map[string]Side
	Problem string // one of Problems, or empty
}

// Type is a kind of document that would do.
type Type struct {
	Value string   // one of Types has a name of its own
	Sides []string // of Sides
}

// Side is what became of one image of the last attempt.
type Side struct {
	Kept     bool     // already with us under the form's draft; need not be chosen again
	Problem  string   // one of Refusals, or empty
	Warnings []string // of Warnings
}

// Consent is what the applicant agrees to by sending.
type Consent struct {
	Text    string // shown in full; empty for Pages.ConsentText
	Given   bool
	Problem bool // sent without it
}

// Limits are the rules for an image, told before anything is chosen. What is
// zero is left out of the rules.
type Limits struct {
	MaxBytes  int64
	MinEdge   int // pixels of the shorter edge
	MaxPixels int
}

// QR is the page's own address for a phone, shown on wide screens only.
type QR struct {
	Path string // SVG path data, one unit a module, without a quiet zone
	Size int    // modules along an edge
}

// Message is a page of one thing to say.
type Message struct {
	Lang   string
	Code   string        // one of Messages
	Wait   time.Duration // told with too_fast
	Limits Limits        // told with too_large
	For    Whom
	Back   string // the way back, empty when there is none
	Others []Other
}

// Other is the same page in another language.
type Other struct{ Lang, URL string }
