// Package facts is the events of a case as lines of text: taken from its histories, and stepped into the case again.
//
// A fact has the JSON of the event that the case took (package kyc), so a field that events gain is in the facts of
// the cases that have it. Facts are canonical (RFC 8785), one on a line.
package facts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/gowebpki/jcs"

	"durablekyc.example/kyc"
)

// Fact is one thing that happened to a case.
type Fact struct {
	N     int             `json:"n"`     // from 1, without gaps
	Run   int             `json:"run"`   // which of the case's histories it is in, from 1
	Event int64           `json:"event"` // the history event that began the workflow task in which the case took it
	What  string          `json:"what"`  // a key of kinds, or one of the three below
	Data  json.RawMessage `json:"data"`
}

// The facts that are not events of kyc's.
const (
	WhatStarted  = "started"  // Started: the case is new
	WhatRestored = "restored" // Restored: the case comes from runs whose histories are gone
	WhatCarried  = "carried"  // Carried: the case goes on in another run
)

// WhatSubmitted is kyc.Submitted: documents were submitted.
const WhatSubmitted = "submitted"

// Started is how a case begins.
type Started struct {
	At         time.Time `json:"at"`
	Reference  string    `json:"reference"`
	Identity   string    `json:"identity"`
	CustomerID string    `json:"customerId"`
	By         kyc.Actor `json:"by,omitempty"` // who started it
}

// Restored is a case as the first run whose history is there was given it.
type Restored struct {
	Case kyc.Case `json:"case"`
}

// Carried has the digest of the case that a run was given: what the run before ended with.
type Carried struct {
	Case string `json:"case"`
}

// kinds are kyc's events by the names that facts have. Names are kept for ever.
var kinds = map[string]kyc.Event{
	"status_received":    kyc.StatusReceived{},
	"request_rejected":   kyc.RequestRejected{},
	"retries_exhausted":  kyc.RetriesExhausted{},
	"change_hinted":      kyc.ChangeHinted{},
	WhatSubmitted:        kyc.Submitted{},
	"links_revoked":      kyc.LinksRevoked{},
	"timer_fired":        kyc.TimerFired{},
	"withdraw_requested": kyc.WithdrawRequested{},
}

// nameOf is the name of an event; empty for one that has none.
func nameOf(e kyc.Event) string {
	for name, kind := range kinds {
		if reflect.TypeOf(kind) == reflect.TypeOf(e) {
			return name
		}
	}
	return ""
}

// Error is a fault of a fact.
type Error struct {
	N      int // which line it is on
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("fact %d: %s", e.N, e.Reason) }

// Encode writes facts, one on a line, canonically.
func Encode(all []Fact) ([]byte, error) {
	var out bytes.Buffer
	for _, f := range all {
		line, err := canonical(f)
		if err != nil {
			return nil, &Error{f.N, err.Error()}
		}
		out.Write(append(line, '\n'))
	}
	return out.Bytes(), nil
}

// Decode reads facts, and refuses every byte that Encode would not have written. The error is an *Error.
func Decode(text []byte) (all []Fact, err error) {
	for line := range bytes.Lines(text) {
		n := len(all) + 1
		var f Fact
		if err := strict(line, &f); err != nil {
			return nil, &Error{n, "not a fact"}
		}
		if f.N != n {
			return nil, &Error{n, fmt.Sprintf("unexpected fact %d", f.N)}
		}
		again, err := canonical(f)
		if err != nil || string(line) != string(again)+"\n" {
			return nil, &Error{n, "not in canonical form"}
		}
		all = append(all, f)
	}
	if len(all) == 0 {
		return nil, &Error{1, "there is none"}
	}
	return all, nil
}

// event is the event of kyc's that a fact is.
func (f Fact) event() (kyc.Event, error) {
	kind, known := kinds[f.What]
	if !known {
		return nil, fmt.Errorf("unknown fact %q", f.What)
	}
	value := reflect.New(reflect.TypeOf(kind))
	if err := strict(f.Data, value.Interface()); err != nil {
		return nil, errors.New("it lacks the fields of a " + f.What)
	}
	return value.Elem().Interface().(kyc.Event), nil
}

func canonical(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(text)
}

// strict decodes one JSON value whose every field is known.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one value")
	}
	return nil
}

// digestOf is the SHA-256 of a case's canonical JSON. Its notices are left out: whether they have been forwarded to
// the notifier yet is not a fact of the case.
func digestOf(c kyc.Case) (string, error) {
	c.Notices = nil
	text, err := canonical(c)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}
