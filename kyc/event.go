package kyc

import "time"

// Event is something that happened to a case. Apply is the only thing that
// takes one. The JSON of events is kept in records: names are never reused.
type Event interface{ apply(c *Case) }

// StatusReceived is ConnectFi's answer about the application: of an identification,
// a status read or a submission. Nothing else moves a case between stages
// towards a decision.
type StatusReceived struct {
	At         time.Time `json:"at"`
	Reading    Snapshot  `json:"reading"`
	Covers     int       `json:"covers,omitempty"`     // NextStep.UpToHint: hints up to here are answered by it
	Submission string    `json:"submission,omitempty"` // the id of the submission this answers, or empty
}

// RequestRejected is ConnectFi's clear and lasting no, by its code; RetriesExhausted is the end
// of our patience with a ConnectFi that does not answer. Step is
// StepIdentification, StepStatus or StepDocuments.
type (
	RequestRejected struct {
		At         time.Time `json:"at"`
		Step       string    `json:"step"`
		Code       string    `json:"code"`
		Covers     int       `json:"covers,omitempty"`
		Submission string    `json:"submission,omitempty"`
		RequestID  string    `json:"requestId,omitempty"` // ConnectFi's, of the answer; empty if the answer has none
	}
	RetriesExhausted struct {
		At         time.Time `json:"at"`
		Step       string    `json:"step"`
		Covers     int       `json:"covers,omitempty"`
		Submission string    `json:"submission,omitempty"`
	}
)

// The steps that ConnectFi can refuse.
const (
	StepIdentification = "identification"
	StepStatus         = "status"
	StepDocuments      = "documents"
)

// ChangeHinted says that something may have changed: a callback came, or a person
// asked for a look. It changes nothing by itself; the status is read.
type ChangeHinted struct {
	At            time.Time `json:"at"`
	By            string    `json:"by"`                      // HintCallback or HintRefresh
	ID            string    `json:"id,omitempty"`            // of the callback: one id is one; empty is always new
	ApplicationID string    `json:"applicationId,omitempty"` // which application the callback speaks of, if it said so
	Actor         Actor     `json:"actor,omitempty"`         // who asked for a refresh; who signalled, if not ConnectFi
}

// actor is ConnectFi for a callback that names nobody.
func (e ChangeHinted) actor() Actor {
	if e.By == HintCallback && e.Actor == "" {
		return ActorConnectFi
	}
	return e.Actor
}

// Who hints.
const (
	HintCallback = "callback"
	HintRefresh  = "refresh"
)

// Submitted is what the applicant sent for one entity.
type Submitted struct {
	At         time.Time  `json:"at"`
	Submission Submission `json:"submission"`
}

// LinksRevoked makes every link to the applicant's page useless that was given
// out before.
type LinksRevoked struct {
	At time.Time `json:"at"`
	By Actor     `json:"by,omitempty"`
}

// TimerFired says what time it is, when a need's hour has come.
type TimerFired struct {
	At time.Time `json:"at"`
}

// WithdrawRequested ends the case without a decision.
type WithdrawRequested struct {
	At time.Time `json:"at"`
	By Actor     `json:"by,omitempty"`
}
