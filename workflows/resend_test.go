package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/activities"
)

// Of the event that is named, the delivery that waits for its next attempt is
// made at once; one of another event goes on as it was. Whatever is sent, no
// activity has the name of an earlier one.
func TestAResendHurriesTheEventThatIsNamed(t *testing.T) {
	for name, hurries := range map[string]bool{"1": true, "2": false} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			p.answer = func(r activities.NotifyRequest, at time.Time) int {
				if r.Receiver == activities.ReceiverGlobal && at.Before(begin.Add(20*time.Hour)) {
					return 500
				}
				return 0
			}
			notices := lived("waiting_review", "completed")
			var again *eventsAnswer
			p.RegisterDelayedCallback(func() { again = p.resend(name) }, 21*time.Hour)
			end := p.run(both(), notices...)
			require.NoError(t, again.err)
			at := receipt(end, notices[0].ID, activities.ReceiverGlobal).DeliveredAt.Sub(begin)
			require.Equal(t, hurries, at.Round(time.Hour) == 21*time.Hour, "%s", at)
			order := ids(notices)
			if !hurries {
				slices.Reverse(order) // the second is a decision, which overtakes
			}
			require.Equal(t, order, p.took[activities.ReceiverGlobal])
			seen := map[string]bool{}
			for _, one := range p.names {
				require.False(t, seen[one], one)
				seen[one] = true
			}
			require.Contains(t, p.names, notices[0].ID+"-all")
			if hurries {
				require.Contains(t, p.names, notices[0].ID+"-all-2")
			}
		})
	}
}
