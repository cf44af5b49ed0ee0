package kyc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGroundAndSince(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	answered := func(status Status, outcome Outcome, entities ...EntityReading) Event {
		return Answered{At: at.Add(time.Hour), Reading: Reading{ApplicationID: "iapp_1", Status: status, Outcome: outcome, Entities: entities}}
	}
	customer := EntityReading{ID: "c", IsCustomer: true, Status: "completed", Outcome: "approved"}
	for name, test := range map[string]struct {
		event  Event
		ground string
		since  time.Duration
	}{
		"nothing yet":            {Elapsed{At: at}, "", 0},
		"in review":              {answered("waiting_review", ""), "", time.Hour},
		"approved":               {answered("completed", "approved", customer), "", time.Hour},
		"an unlisted status":     {answered("pending_action", ""), GroundStatus, time.Hour},
		"of an entity":           {answered("waiting_review", "", EntityReading{ID: "e", Status: "error"}), GroundStatus, time.Hour},
		"an unlisted outcome":    {answered("completed", "maybe"), GroundOutcome, time.Hour},
		"no outcome":             {answered("completed", ""), GroundOutcome, time.Hour},
		"an entity disagrees":    {answered("completed", "Approved", customer, EntityReading{ID: "e", Status: "completed", Outcome: "denied"}), GroundContradiction, time.Hour},
		"without the customer":   {answered("completed", "Approved"), GroundContradiction, time.Hour},
		"refused":                {Refused{At: at.Add(time.Hour), Step: StepIdentification, Code: "customerNotFound"}, GroundRefused, time.Hour},
		"no answer, for so long": {GaveUp{At: at.Add(time.Hour), Step: StepIdentification}, GroundRefused, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			c := New("A1", "c", DefaultPolicy(), at)
			c.Apply(test.event)
			require.Equal(t, test.ground, c.Ground(), c.Reason)
			require.Equal(t, test.since, c.Since().Sub(at))
			require.Equal(t, c.Stage == Held, c.Ground() != "")
		})
	}
	t.Run("held on for another reason", func(t *testing.T) {
		c := New("A1", "c", DefaultPolicy(), at)
		c.Apply(answered("pending_action", ""))
		c.Apply(Answered{At: at.Add(2 * time.Hour), Reading: Reading{ApplicationID: "iapp_1", Status: "completed", Outcome: "maybe"}})
		require.Equal(t, Held, c.Stage)
		require.Equal(t, at.Add(time.Hour), c.Since())
		require.Equal(t, GroundOutcome, c.Ground())
	})
}
