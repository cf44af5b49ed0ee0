// Package verify checks the evidence of a case without network, Temporal or keyset, on three levels: the bundle is
// whole, it is consistent in itself, and the decision can be re-executed. It does not show that what ConnectFi answered
// was true.
package verify

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	historypb "go.temporal.io/api/history/v1"

	"durablekyc.example/records/bundle"
	"durablekyc.example/records/histories"
	"durablekyc.example/records/log"
	"durablekyc.example/records/timestamp"
)

// Verdict is what came of one level.
type Verdict string

// The verdicts.
const (
	Verified   Verdict = "verified"
	Refuted    Verdict = "does not verify"
	NotChecked Verdict = "could not be checked"
)

// Level is one level and what came of it.
type Level struct {
	Verdict Verdict `json:"verdict"`
	Part    string  `json:"part,omitempty"`   // the entry of the bundle that the reason is about
	Place   string  `json:"place,omitempty"`  // where in it: a fact, or a history and an event of it
	Reason  string  `json:"reason,omitempty"` // one sentence, without a full stop; empty if verified
}

// String is the level as one line.
func (l Level) String() string {
	text := string(l.Verdict)
	if l.Reason == "" {
		return text
	}
	text += ": "
	if l.Part != "" {
		text += l.Part + ", "
	}
	if l.Place != "" {
		text += l.Place + ", "
	}
	return text + l.Reason
}

// Report is what is known of a bundle.
type Report struct {
	Manifest   bundle.Manifest `json:"manifest"` // zero if it is not whole
	Whole      Level           `json:"whole"`
	Consistent Level           `json:"consistent"`
	Reexecuted Level           `json:"reexecuted"`

	Timestamp *timestamp.Stamp `json:"timestamp,omitempty"` // when it existed at the latest; nil if that is not known
}

// Verdict is that of the report: Refuted if any level is, Verified if all are.
func (r Report) Verdict() Verdict {
	return Overall(r.Whole.Verdict, r.Consistent.Verdict, r.Reexecuted.Verdict)
}

// Overall is the verdict of several: Refuted if any is, Verified if all are.
func Overall(all ...Verdict) Verdict {
	switch {
	case slices.Contains(all, Refuted):
		return Refuted
	case slices.Contains(all, NotChecked):
		return NotChecked
	}
	return Verified
}

// Verifier verifies bundles.
type Verifier struct {
	Key     string // the public key of the log, from whoever keeps the records
	Release string // of this program

	// Authorities are the roots of the authorities whose time-stamps are trusted. Nil takes those of any authority.
	Authorities *x509.CertPool

	// Decrypt decrypts the key of evidence that was encrypted to a recipient. ErrNotRecipient if it is another one's. Nil
	// decrypts none.
	Decrypt func(encrypted []byte) ([]byte, error)
}

// ErrNotRecipient means that evidence is for somebody else.
var ErrNotRecipient = errors.New("it is encrypted to another recipient")

// File verifies the bytes of a bundle. The error is about the verifier's key, not about the bundle.
func (v Verifier) File(data []byte) (Report, error) {
	policy, err := log.Policy(v.Key)
	if err != nil {
		return Report{}, fmt.Errorf("invalid public key of the log: %w", err)
	}
	skipped := Level{Verdict: NotChecked, Reason: "the level above does not verify"}
	r := Report{Whole: Level{Verdict: Verified}, Consistent: skipped, Reexecuted: skipped}
	b, err := bundle.Read(data, func(manifest, proof, token []byte) (err error) {
		if err = included(policy, manifest, proof, token); err == nil && token != nil {
			r.Timestamp, err = stamped(proof, token, v.Authorities)
		}
		return err
	})
	if err != nil {
		r.Whole, r.Timestamp = LevelOf(err), nil
		return r, nil
	}
	r.Manifest = b.Manifest
	opened, closed, err := v.open(b)
	if closed.Verdict != "" {
		r.Consistent, r.Reexecuted = closed, closed
		return r, nil
	}
	if err != nil {
		r.Whole = LevelOf(err)
		return r, nil
	}
	c := &checker{manifest: b.Manifest, opened: opened, release: v.Release}
	if r.Consistent = level(c.consistent()); r.Consistent.Verdict == Verified {
		r.Reexecuted = level(c.reexecuted())
	}
	return r, nil
}

// open returns the parts of a bundle, or the level that says why they stay closed.
func (v Verifier) open(b *bundle.Bundle) (opened map[string][]byte, closed Level, err error) {
	encrypted := b.RecipientKey()
	if encrypted == nil {
		opened, err = b.Open()
		if errors.Is(err, bundle.ErrNoKey) {
			return nil, Level{Verdict: NotChecked, Part: bundle.WrappedKeyName, Reason: "needs the keyset"}, nil
		}
		return opened, closed, err
	}
	if v.Decrypt == nil {
		return nil, Level{Verdict: NotChecked, Part: bundle.RecipientKeyName,
			Reason: "it opens with the identity of its recipient only"}, nil
	}
	key, err := v.Decrypt(encrypted)
	switch {
	case errors.Is(err, ErrNotRecipient):
		return nil, Level{Verdict: NotChecked, Part: bundle.RecipientKeyName, Reason: err.Error()}, nil
	case err != nil:
		return nil, closed, &bundle.PartError{Part: bundle.RecipientKeyName, Reason: "it is damaged"}
	}
	opened, err = b.OpenWith(key)
	return opened, closed, err
}

// fault is a finding about a place in a part.
type fault struct {
	part, place, reason string
	unchecked           bool // the fault is this program's
}

func (f *fault) Error() string { return f.part + ": " + f.reason }

func level(f *fault) Level {
	switch {
	case f == nil:
		return Level{Verdict: Verified}
	case f.unchecked:
		return Level{NotChecked, f.part, f.place, f.reason}
	}
	return Level{Refuted, f.part, f.place, f.reason}
}

// LevelOf is the level of an error of package bundle: Verified if it is nil, or else Refuted.
func LevelOf(err error) Level {
	if err == nil {
		return Level{Verdict: Verified}
	}
	if part, ok := errors.AsType[*bundle.PartError](err); ok {
		return Level{Verdict: Refuted, Part: part.Part, Reason: part.Reason}
	}
	return Level{Verdict: Refuted, Reason: err.Error()}
}

// checker checks the plaintext of one bundle.
type checker struct {
	manifest bundle.Manifest
	opened   map[string][]byte
	release  string

	all, ofCase []*historypb.History
}

func (c *checker) read() *fault {
	all, err := histories.Decode(c.opened[bundle.HistoriesName])
	if err == nil {
		c.all = all
		c.ofCase, _, err = histories.Split(c.manifest.Reference, all)
	}
	if err != nil {
		return &fault{part: bundle.HistoriesName, reason: err.Error()}
	}
	return nil
}

// otherRelease makes a fault one of this program's, if another release wrote the record: only that one can tell.
func (c *checker) otherRelease(f *fault) *fault {
	if c.manifest.Release != c.release {
		f.unchecked = true
		f.reason += fmt.Sprintf("; release %s wrote this record: verify it with that one", c.manifest.Release)
	}
	return f
}

func at(history int, event int64) string { return fmt.Sprintf("history %d, event %d", history, event) }
