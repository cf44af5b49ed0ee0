package kyc

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// DocumentType is a kind of document ConnectFi takes (C).
type DocumentType string

// DocumentTypes lists what ConnectFi's document/generate takes (C).
var DocumentTypes = []DocumentType{"contract", "license", "passport", "utility", "other", "internal",
	"identification_card", "residence_permit", "canada_provincial_id", "indigenous_card", "paystub",
	"bank_statement", "w2", "1099", "1120", "1065", "t1", "t4"}

// Sides says which sides are wanted: a driver's license wants front and back
// (C); of everything else one image is asked for (A).
func (t DocumentType) Sides() []Side {
	if t == "license" {
		return []Side{Front, Back}
	}
	return []Side{Front}
}

// Side is the side of a document that an image shows.
type Side string

// The sides.
const (
	Front Side = "front"
	Back  Side = "back"
)

// Image is one document image, by the key it is stored under. Its bytes never
// enter a case.
type Image struct {
	Key       string `json:"key"` // in the document store; opaque
	Side      Side   `json:"side"`
	Extension string `json:"ext"`              // jpg or png (C)
	SHA256    string `json:"sha256,omitempty"` // of the bytes that ConnectFi gets, in hexadecimal; empty with a Document

	// Document is ConnectFi's id of an image that is there already, brought by
	// a program that speaks ConnectFi's own API. Such an image has no key.
	Document string `json:"document,omitempty"`
}

// Submission is what an applicant sends for one entity in one go.
type Submission struct {
	ID     string       `json:"id"` // unique within the case; the same id twice is the same submission
	Entity string       `json:"entity"`
	Type   DocumentType `json:"type"` // empty if the images are at ConnectFi already, which got the type with them
	Images []Image      `json:"images"`

	Consent *Consent `json:"consent,omitempty"` // required: see ConsentElsewhere
	By      Actor    `json:"by,omitempty"`      // who sent it
	Visit   *Visit   `json:"visit,omitempty"`   // nil unless it was sent on the page of this project
}

// SubmissionID draws the id of a submission from what it is about, its images,
// each by the sha256 of its bytes, and the turn of the entity: the same images
// in the same turn are the same submission, from wherever they come. Once
// ConnectFi has asked again, the same images are another one.
func (v View) SubmissionID(entity string, t DocumentType, sums map[Side][sha256.Size]byte) string {
	identity := sha256.New()
	// Images are complete when they are sent: "still" is asking again, too.
	fmt.Fprintf(identity, "%s\n%s\n%d\n", entity, t, v.count(entity, EntryWanted, EntryStillWanted, EntryRefused))
	for _, side := range t.Sides() {
		if sum, there := sums[side]; there {
			fmt.Fprintf(identity, "%s %x\n", side, sum)
		}
	}
	return hex.EncodeToString(identity.Sum(nil)[:16])
}

// RequestRound counts how often ConnectFi has asked for documents of this entity, or
// turned some down.
func (v View) RequestRound(entity string) int { return v.count(entity, EntryWanted, EntryRefused) }

// Sent counts the submissions of this entity, and Answered those of them that
// ConnectFi has taken or refused: they are dealt with in their order.
func (v View) Sent(entity string) int { return v.count(entity, EntrySubmitted) }

// Answered: see Sent.
func (v View) Answered(entity string) int { return v.count(entity, EntryHandedOver, EntryRefused) }

func (v View) count(entity string, whats ...string) (n int) {
	for _, e := range v.Timeline {
		if e.Entity == entity && slices.Contains(whats, e.What) {
			n++
		}
	}
	return n
}

// Validate reports everything that is wrong with the submission by itself.
func (s Submission) Validate() error {
	var errs []error
	if s.ID == "" {
		errs = append(errs, errors.New("the submission has no id"))
	}
	if err := errors.Join(s.Consent.validate(), s.Visit.validate()); err != nil {
		errs = append(errs, err)
	}
	if s.AlreadyUploaded() {
		return errors.Join(append(errs, s.validateLinks()...)...)
	}
	if !slices.Contains(DocumentTypes, s.Type) {
		errs = append(errs, fmt.Errorf("unsupported document type %q", s.Type))
	}
	seen := map[Side]bool{}
	for _, image := range s.Images {
		if image.Key == "" {
			errs = append(errs, errors.New("an image has no key"))
		}
		if image.Document != "" {
			errs = append(errs, errors.New("an image is either in the document store or at ConnectFi"))
		}
		if image.Extension != "jpg" && image.Extension != "png" {
			errs = append(errs, fmt.Errorf("an image must be jpg or png, not %q", image.Extension))
		}
		if !slices.Contains(s.Type.Sides(), image.Side) {
			errs = append(errs, fmt.Errorf("a %s has no side %q", s.Type, image.Side))
		}
		if seen[image.Side] {
			errs = append(errs, fmt.Errorf("duplicate %s", image.Side))
		}
		seen[image.Side] = true
	}
	for _, side := range s.Type.Sides() {
		if !seen[side] {
			errs = append(errs, fmt.Errorf("the %s of the %s is missing", side, s.Type))
		}
	}
	return errors.Join(errs...)
}

// AlreadyUploaded reports whether the images are at ConnectFi already and only have
// to be linked to their entity.
func (s Submission) AlreadyUploaded() bool { return len(s.Images) > 0 && s.Images[0].Document != "" }

// validateLinks is Validate for images that are at ConnectFi. What is complete
// is ConnectFi's to say there: it takes one side alone and goes on wanting the
// other (C), and several documents in one call (C).
func (s Submission) validateLinks() (errs []error) {
	if s.Type != "" {
		errs = append(errs, errors.New("documents already at ConnectFi must have no type"))
	}
	seen := map[string]bool{}
	for _, image := range s.Images {
		switch {
		case image.Document == "" || image.Key != "":
			errs = append(errs, errors.New("an image is either in the document store or at ConnectFi"))
		case seen[image.Document]:
			errs = append(errs, errors.New("duplicate document"))
		}
		if image.Side != Front && image.Side != Back {
			errs = append(errs, fmt.Errorf("unknown document side %q", image.Side))
		}
		seen[image.Document] = true
	}
	return errs
}

// Label is what a person may call the submission.
func (s Submission) Label() string {
	if s.AlreadyUploaded() {
		return "documents at ConnectFi"
	}
	return string(s.Type)
}
