package kyc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGroundAndSince(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	answered := func(status Status, outcome Outcome, entities ...EntitySnapshot) Event {
		return StatusReceived{At: at.Add(time.Hour), Reading: Snapshot{ApplicationID: "iapp_1", Status: status,
			Outcome: outcome, Entities: entities}}
	}
	customer := EntitySnapshot{ID: "c", IsCustomer: true, Status: "completed", Outcome: "approved"}
	for name, test := range map[string]struct {
		event  Event
		ground string
		since  time.Duration
	}{
		"nothing yet":        {TimerFired{At: at}, "", 0},
		"in review":          {answered("waiting_review", ""), "", time.Hour},
		"approved":           {answered("completed", "approved", customer), "", time.Hour},
		"an unlisted status": {answered("pending_action", ""), GroundStatus, time.Hour},
		"of an entity": {answered("waiting_review", "", EntitySnapshot{ID: "e", Status: "error"}), GroundStatus,
			time.Hour},
		"an unlisted outcome": {answered("completed", "maybe"), GroundOutcome, time.Hour},
		"no outcome":          {answered("completed", ""), GroundOutcome, time.Hour},
		"an entity disagrees": {answered("completed", "Approved", customer, EntitySnapshot{ID: "e", Status: "completed",
			Outcome: "denied"}), HoldContradiction, time.Hour},
		"without the customer": {answered("completed", "Approved"), HoldContradiction, time.Hour},
		"refused": {RequestRejected{At: at.Add(time.Hour), Step: StepIdentification, Code: "customerNotFound"},
			GroundRefused, time.Hour},
		"no answer, for so long": {RetriesExhausted{At: at.Add(time.Hour), Step: StepIdentification}, GroundRefused,
			time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			c := New("A1", "c", DefaultPolicy(), at)
			c.Apply(test.event)
			require.Equal(t, test.ground, c.HoldReason(), c.Reason)
			require.Equal(t, test.since, c.StageEnteredAt().Sub(at))
			require.Equal(t, c.Stage == Held, c.HoldReason() != "")
		})
	}
	t.Run("held on for another reason", func(t *testing.T) {
		c := New("A1", "c", DefaultPolicy(), at)
		c.Apply(answered("pending_action", ""))
		c.Apply(StatusReceived{At: at.Add(2 * time.Hour), Reading: Snapshot{ApplicationID: "iapp_1", Status: "completed",
			Outcome: "maybe"}})
		require.Equal(t, Held, c.Stage)
		require.Equal(t, at.Add(time.Hour), c.StageEnteredAt())
		require.Equal(t, GroundOutcome, c.HoldReason())
	})
}
