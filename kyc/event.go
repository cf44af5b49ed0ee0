package kyc

import "time"

// Event is something that happened to a case. Apply is the only thing that
// takes one.
type Event interface{ apply(c *Case) }

// StatusReceived is ConnectFi's answer about the application: of an identification,
// a status read or a submission. Nothing else moves a case between stages
// towards a decision.
type StatusReceived struct {
	At         time.Time
	Reading    Snapshot
	Covers     int    // Need.Covers of what was asked: hints up to here are answered by it
	Submission string // the id of the submission this answers, or empty
}

// RequestRejected is ConnectFi's clear and lasting no, by its code; RetriesExhausted is the end
// of our patience with a ConnectFi that does not answer. Step is
// StepIdentification, StepStatus or StepDocuments.
type (
	RequestRejected struct {
		At         time.Time
		Step, Code string
		Covers     int
		Submission string
	}
	RetriesExhausted struct {
		At         time.Time
		Step       string
		Covers     int
		Submission string
	}
)

// The steps that ConnectFi can refuse.
const (
	StepIdentification = "identification"
	StepStatus         = "status"
	StepDocuments      = "documents"
)

// ChangeHinted says that something may have changed: a callback came, or somebody
// asked for a look. It changes nothing by itself; the status is read.
type ChangeHinted struct {
	At            time.Time
	By            string // HintCallback or HintRefresh
	ID            string // of the callback: two with one id are one; empty is always new
	ApplicationID string // which application the callback speaks of, if it said so
}

// Who hints.
const (
	HintCallback = "callback"
	HintRefresh  = "refresh"
)

// Submitted is what the applicant sent for one entity.
type Submitted struct {
	At         time.Time
	Submission Submission
}

// LinksRevoked makes every link to the applicant's page useless that was given
// out before.
type LinksRevoked struct{ At time.Time }

// TimerFired says what time it is, when a need's hour has come.
type TimerFired struct{ At time.Time }

// WithdrawRequested ends the case without a decision.
type WithdrawRequested struct{ At time.Time }
