package kyc

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Duration is a time.Duration that JSON spells the way Go does: "720h".
type Duration time.Duration

// MarshalJSON writes the duration as Go prints it.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads a duration as Go writes it; a bare number is refused,
// because its unit is unknown.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("a duration is a string such as \"72h\" or \"1m30s\", not %s", b)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("a duration is a string such as \"72h\" or \"1m30s\", not %q", s)
	}
	*d = Duration(v)
	return nil
}

// Policy is how patient a case is. It is pinned when the case starts: changing
// it later changes new cases only.
type Policy struct {
	Documents Duration `json:"documents"` // how long document images are waited for, from each request
	// after which times, from each request, the applicant is reminded
	Reminders []Duration `json:"reminders"`
	Case      Duration   `json:"case"` // the longest a case may last
	// the first status read after a change; it doubles with the age …
	ReadFirst Duration `json:"read_first"`
	ReadMax   Duration `json:"read_max"` // … up to this
	// while documents are wanted, the longest between two status reads
	ReadDocuments Duration `json:"read_documents,omitzero"`
	Settle        Duration `json:"settle"` // how long a post whose answer was lost is left to settle
}

const day = 24 * time.Hour

// maxReadDocuments is the longest that the status goes unread while documents
// are wanted: a decision of that time whose callback was lost is a day late at most.
const maxReadDocuments = day

// readDocuments is ReadDocuments, and its default in cases that were started
// before there was one.
func (p Policy) readDocuments() time.Duration {
	if p.ReadDocuments <= 0 {
		return maxReadDocuments
	}
	return time.Duration(p.ReadDocuments)
}

// DefaultPolicy is what a case gets when nobody says otherwise.
func DefaultPolicy() Policy {
	return Policy{
		Documents: Duration(30 * day),
		Reminders: []Duration{Duration(3 * day), Duration(7 * day), Duration(14 * day), Duration(28 * day)},
		Case:      Duration(90 * day),
		ReadFirst: Duration(time.Minute),
		ReadMax:   Duration(6 * time.Hour),

		ReadDocuments: Duration(maxReadDocuments),
		Settle:        Duration(30 * time.Second),
	}
}

// ParsePolicy reads any subset of a policy as JSON over the defaults; empty
// text is the default policy. Unknown names are refused, so that a slip of the
// pen never silently means the default.
func ParsePolicy(text string) (Policy, error) {
	p := DefaultPolicy()
	if text == "" {
		return p, nil
	}
	if err := decodeStrict([]byte(text), &p); err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	return p, p.Validate()
}

// Validate reports every problem of the policy at once.
func (p Policy) Validate() error {
	var errs []error
	positive := func(name string, d Duration) {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("policy: %s must be more than zero", name))
		}
	}
	positive("documents", p.Documents)
	positive("case", p.Case)
	positive("read_first", p.ReadFirst)
	positive("read_max", p.ReadMax)
	positive("read_documents", p.ReadDocuments)
	if p.ReadDocuments > Duration(maxReadDocuments) {
		errs = append(errs, errors.New("policy: read_documents must not be more than 24h"))
	}
	if p.Settle < 0 {
		errs = append(errs, errors.New("policy: settle must not be negative"))
	}
	if p.ReadMax < p.ReadFirst {
		errs = append(errs, errors.New("policy: read_max must not be less than read_first"))
	}
	if p.Case > Duration(400*day) {
		errs = append(errs, errors.New("policy: case must not be more than 9600h (400 days)"))
	}
	for i, r := range p.Reminders {
		if r <= 0 || (i > 0 && r <= p.Reminders[i-1]) {
			errs = append(errs, errors.New("policy: reminders must be more than zero and in ascending order"))
			break
		}
	}
	return errors.Join(errs...)
}
