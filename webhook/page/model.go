package page

import "time"

// Landing is what a link opens. Programs open links too (previews, scanners of
// mail), so opening spends nothing: only its button does.
type Landing struct {
	Lang   string
	CSRF   string // left out of the form when empty
	Action string // what the button posts to
	News   string // where the page asks whether the check has moved on elsewhere
	For    Whom
	Limits Limits
	QR     *QR
	Others []Other
}

// Case is where one check stands, as far as the applicant may see it.
type Case struct {
	Lang     string
	For      Whom
	URL      string        // the page's own address
	News     string        // where the page asks whether anything is new, and since when
	Every    time.Duration // how often it asks; zero is never
	Status   string        // one of Statuses
	Problem  string        // with a form that was sent: one of Problems, or empty
	Deadline Deadline      // of what is wanted
	People   []Person      // one is not listed: the status says it all
	Received []Received
	Checked  time.Time // when the checking service was last asked; zero is not told
	Next     time.Time // when it is asked next
	QR       *QR
	Others   []Other
}

// Whom is whose page it is, without a name: the reference of the check, and
// where the link is for a part of it only, which. It is on every page that
// knows it. The zero Whom says nothing.
type Whom struct {
	Reference string
	Kind      string // one of Kinds; empty is the whole check
	Number    int    // of a representative
	Of        int    // representatives there are
}

// Person is one person or business of the check. It has no name here: the page
// shows nothing that a look over a shoulder could learn.
type Person struct {
	Kind   string // one of Kinds
	Number int    // tells representatives apart, counted from 1
	Of     int    // representatives there are
	State  string // one of States
	URL    string // where documents are sent; empty when nothing is wanted
}

// Received is a document that has come in.
type Received struct {
	Type string // one of Types
	At   time.Time
}

// Deadline is until when something is wanted. The zero Deadline says nothing.
type Deadline struct {
	Day  time.Time     // a day that ends before the deadline wherever the applicant is
	Left time.Duration // told in place of Day where there is no such day any more
}

// Step is one screen of sending a document.
//
// The fields of its form: csrf, lang, entity, step, type, front or back (a
// file), anyway and consent (both "yes").
type Step struct {
	Lang     string
	For      Whom
	Name     string // one of Steps
	Number   int    // of the step, counted from 1
	Of       int    // steps there are
	URL      string // the page's own address, and what the form posts to, as multipart/form-data
	Back     string // the step before; empty at the first
	News     string
	Every    time.Duration
	CSRF     string
	Entity   string
	Who      Person
	Alone    bool // the check is about nobody else
	Again    bool // something was sent before, and more is wanted
	Deadline Deadline
	Types    []Type // that would do
	Chosen   string // of Types; empty before a choice
	Side     Side   // of the steps front and back
	Sides    []Kept // of the step review
	Consent  Consent
	Problem  string // one of Problems, or empty
	Limits   Limits
	QR       *QR
	Others   []Other
}

// Type is a kind of document that would do.
type Type struct {
	Value string   // one of Types has a name of its own
	Sides []string // of Sides
}

// Side is what became of an image.
type Side struct {
	Kept     bool     // already with us; need not be chosen again
	Problem  string   // one of Refusals, or empty
	Warnings []string // of Warnings: the applicant has yet to say that it can be read
}

// Kept is an image that is sent with the rest.
type Kept struct {
	Side   string // one of Sides
	At     time.Time
	Change string // the address of its step
}

// Consent is what the applicant agrees to by sending.
type Consent struct {
	Text    string // shown in full; empty for Pages.ConsentText
	Problem bool   // sent without it
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

// Statement is the accessibility statement.
type Statement struct {
	Lang   string
	Others []Other
}

// Other is the same page in another language.
type Other struct{ Lang, URL string }
