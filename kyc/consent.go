package kyc

import (
	"errors"
	"regexp"
	"time"
)

// Consent is what was agreed to before the images of a person were sent: on the
// page of this project, to which text and when, or elsewhere.
type Consent struct {
	// Elsewhere is true where the images came from a program or a terminal. The
	// sender is responsible for consent there, and nothing else is known of it:
	// the other fields are empty.
	Elsewhere bool `json:"elsewhere,omitempty"`

	Text     string    `json:"text,omitempty"`     // SHA-256 of the text that was shown, in hexadecimal
	Version  string    `json:"version,omitempty"`  // of that text, in every language, such as 2026-11
	Language string    `json:"language,omitempty"` // of that text as a BCP 47 tag, such as en
	At       time.Time `json:"at,omitzero"`

	Notice *ShownText `json:"notice,omitempty"` // which the page showed before; nil where it showed none
}

// ShownText is a text that was shown before a person was asked for documents, such as
// the one that 31 CFR 1020.220(a)(5) wants.
type ShownText struct {
	Text     string `json:"text"`     // SHA-256 of the text that was shown, in hexadecimal
	Version  string `json:"version"`  // of that text, in every language, such as 2026-11
	Language string `json:"language"` // of that text as a BCP 47 tag, such as en
}

// ConsentElsewhere is the consent of a submission whose sender took it.
func ConsentElsewhere() *Consent { return &Consent{Elsewhere: true} }

var (
	digestPattern   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	versionPattern  = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$`)
	languagePattern = regexp.MustCompile(`^[A-Za-z]{2,3}(-[0-9A-Za-z]{1,8}){0,4}$`)
)

// validate reports what is missing of a consent, or what contradicts it.
func (c *Consent) validate() error {
	switch {
	case c == nil:
		return errors.New("a submission needs a consent, or to say that it was given elsewhere")
	case c.Elsewhere && *c != Consent{Elsewhere: true}:
		return errors.New("of a consent that was given elsewhere nothing else is known")
	case c.Elsewhere:
		return nil
	case !digestPattern.MatchString(c.Text) || c.At.IsZero():
		return errors.New("a consent needs the hash of its text and its time")
	case !versionPattern.MatchString(c.Version) || !languagePattern.MatchString(c.Language):
		return errors.New("a consent needs the version and the language of its text")
	case c.Notice != nil && !c.Notice.complete():
		return errors.New("a notice needs the hash, the version and the language of its text")
	}
	return nil
}

func (n *ShownText) complete() bool {
	return digestPattern.MatchString(n.Text) && versionPattern.MatchString(n.Version) &&
		languagePattern.MatchString(n.Language)
}
