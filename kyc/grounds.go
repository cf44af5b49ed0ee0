package kyc

import (
	"slices"
	"time"
)

// Why a case may be held, to count it or to look up what to do: few words
// that never change, where Reason is a sentence with ids in it.
const (
	GroundRefused     = "refused"                // ConnectFi said no for good: Refusal has its code
	GroundStatus      = "unlisted_status"        // a status that its pages do not list, of the application or of an entity
	GroundOutcome     = "unlisted_outcome"       // completed, with an outcome that is no decision
	HoldContradiction = "contradictory_approval" // approved, though an entity is not or the customer is not named
)

// HoldReasons lists them all.
var HoldReasons = []string{GroundRefused, GroundStatus, GroundOutcome, HoldContradiction}

// HoldReason says why the case is held: empty if it is not.
func (c *Case) HoldReason() string {
	switch {
	case c.Stage != Held:
		return ""
	case c.Reading.Status == "": // a refusal empties it, see refuse
		return GroundRefused
	case c.Reading.Status.kind() != completed:
		return GroundStatus
	case !c.Reading.Outcome.is(OutcomeApproved):
		return GroundOutcome
	}
	return HoldContradiction
}

// StageEnteredAt is when the stage began in which the case is.
func (c *Case) StageEnteredAt() time.Time {
	since := c.StartedAt
	for _, e := range slices.Backward(c.Timeline) {
		switch {
		case e.What == string(c.Stage):
			since = e.At // held for another reason is held on
		case slices.Contains(Stages, Stage(e.What)):
			return since
		}
	}
	return since
}
