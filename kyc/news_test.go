package kyc_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// Two notices are the same news if receivers learn nothing from the second: only
// its id, its time and its deadline may differ.
func TestWhatIsTheSameNews(t *testing.T) {
	c := newCase()
	answers(single("pending_step_up", ""))(&c)
	one := c.Notices[0]
	for name, test := range map[string]struct {
		change func(n *kyc.Notice)
		same   bool
	}{
		"nothing":       {func(*kyc.Notice) {}, true},
		"id and times":  {func(n *kyc.Notice) { n.ID, n.At, n.Until = "evt_x", n.At.Add(day), n.Until.Add(day) }, true},
		"another type":  {func(n *kyc.Notice) { n.Type = kyc.NoticeReminder }, false},
		"another stage": {func(n *kyc.Notice) { n.Stage = kyc.InReview }, false},
		"revoked links": {func(n *kyc.Notice) { n.Links++ }, false},
		"another word":  {func(n *kyc.Notice) { n.Reading.Status = "pending_documents" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			other := one
			test.change(&other)
			require.Equal(t, test.same, one.SameNews(other))
			require.Equal(t, test.same, other.SameNews(one))
		})
	}
}

// A reminder has its request's id in its own: the first reminder of another
// request is another event, whatever else is the same.
func TestEachRequestHasItsOwnReminders(t *testing.T) {
	reminder := func(asked time.Duration) kyc.Notice {
		c := newCase()
		for _, at := range []time.Duration{asked, 20 * day} {
			c.Apply(kyc.StatusReceived{At: start.Add(at), Reading: single("pending_step_up", "")})
		}
		n := c.Notices[len(c.Notices)-1]
		require.Equal(t, kyc.NoticeReminder, n.Type)
		return n
	}
	first, again := reminder(0), reminder(0)
	require.Equal(t, first.ID, again.ID, "the same one falls due again after a reset")
	require.NotEqual(t, reminder(0).ID, reminder(time.Hour).ID)
}

// While documents are wanted, a poll leaves room for the tenth that it may add
// by chance: with it, the status is read once a day.
func TestHowOftenTheStatusIsReadWhileDocumentsAreWanted(t *testing.T) {
	c := newCase()
	answers(single("pending_step_up", ""))(&c)
	shortest, longest := c.ReadEvery()
	require.Equal(t, shortest, longest)
	require.InDelta(t, 24*time.Hour, longest+longest/10, float64(time.Second))
}
