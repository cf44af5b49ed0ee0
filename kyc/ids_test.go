package kyc_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"durablekyc.example/kyc"
)

func noticeIDs(notices []kyc.Notice) []string {
	ids := []string{}
	for _, n := range notices {
		ids = append(ids, n.ID)
	}
	return ids
}

func requireDistinct(t require.TestingT, notices ...[]kyc.Notice) {
	seen := map[string]kyc.Notice{}
	for _, some := range notices {
		for _, n := range some {
			other, known := seen[n.ID]
			require.False(t, known, "one id for two notices: %+v and %+v", other, n)
			seen[n.ID] = n
		}
	}
}

// drawEvent is anything that may happen to a case at this moment.
func drawEvent(t *rapid.T, at time.Time) kyc.Event {
	switch rapid.IntRange(0, 9).Draw(t, "event") {
	case 0:
		return kyc.TimerFired{At: at.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "days")) * day)}
	case 1:
		return kyc.LinksRevoked{At: at}
	case 2:
		step := rapid.SampledFrom([]string{kyc.StepIdentification, kyc.StepStatus, kyc.StepDocuments}).Draw(t, "step")
		return kyc.RequestRejected{At: at, Step: step, Code: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "code")}
	case 3:
		return kyc.ChangeHinted{At: at, By: kyc.HintCallback, ID: rapid.StringMatching(`[a-d]?`).Draw(t, "id")}
	}
	// Few readings, so that the same one comes again and again.
	return kyc.StatusReceived{At: at, Reading: single(rapid.SampledFrom([]kyc.Status{
		"pending_step_up", "waiting_review", "data_request", "running", "pending_action"}).Draw(t, "status"), "")}
}

// Two notices of a case never share an id, however often the same is true again,
// and even if the clock stands still.
func TestTwoNoticesNeverShareAnID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, at := newCase(), start
		step := rapid.SampledFrom([]time.Duration{0, time.Nanosecond, time.Hour}).Draw(t, "step")
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			at = at.Add(step)
			c.Apply(drawEvent(t, at))
		}
		c.Apply(kyc.WithdrawRequested{At: at})
		requireDistinct(t, c.Notices)
	})
}

// A run that was reset repeats what came before that with the same ids, and
// what it learns afterwards never has the id of what the undone part had told,
// unless it is the very same reminder.
func TestARunThatWasResetNeverTakesAnID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		undone, rerun, at := newCase(), newCase(), start
		undone.Identity, rerun.Identity = "first run", "first run"
		for range rapid.IntRange(0, 8).Draw(t, "events before") {
			at = at.Add(time.Hour)
			e := drawEvent(t, at)
			undone.Apply(e)
			rerun.Apply(e)
		}
		kept := len(rerun.Notices)
		require.Equal(t, undone.Notices, rerun.Notices, "the same events, the same ids")
		for range rapid.IntRange(0, 8).Draw(t, "events undone") {
			at = at.Add(time.Hour)
			undone.Apply(drawEvent(t, at))
		}
		for range rapid.IntRange(0, 8).Draw(t, "events after") {
			at = at.Add(time.Hour)
			rerun.Apply(drawEvent(t, at))
		}
		told := map[string]kyc.Notice{}
		for _, n := range undone.Notices[kept:] {
			told[n.ID] = n
		}
		for _, n := range rerun.Notices[kept:] {
			if other, known := told[n.ID]; known {
				require.Equal(t, kyc.NoticeReminder, n.Type)
				require.True(t, n.SameNews(other))
			}
		}
		requireDistinct(t, rerun.Notices)
	})
}

// A reminder that falls due again in a run that was reset is the same one,
// whenever its timer fires there.
func TestTheSameReminderHasTheSameID(t *testing.T) {
	remind := func(after time.Duration, before ...kyc.Event) kyc.Notice {
		c := newCase()
		answers(single("pending_step_up", ""))(&c)
		for _, e := range before {
			c.Apply(e)
		}
		answered(&c, after, single("pending_step_up", ""))
		return c.Notices[len(c.Notices)-1]
	}
	first := remind(3 * day)
	require.Equal(t, kyc.NoticeReminder, first.Type)
	require.Equal(t, first.ID, remind(3*day+time.Hour).ID)
	require.NotEqual(t, first.ID, remind(7*day).ID, "two that are due together are the second one")
	require.NotEqual(t, first.ID, remind(3*day, kyc.LinksRevoked{At: start.Add(day)}).ID, "it carries another link")
}

// Everything that makes a notice this one makes its id.
func TestWhatAnIDDependsOn(t *testing.T) {
	id := func(change func(c *kyc.Case), reading kyc.Snapshot, at time.Time) string {
		c := newCase()
		change(&c)
		c.Apply(kyc.StatusReceived{At: at, Reading: reading})
		return c.Notices[0].ID
	}
	nothing := func(*kyc.Case) {}
	base := id(nothing, single("waiting_review", ""), start)
	require.Equal(t, base, id(nothing, single("waiting_review", ""), start.In(time.FixedZone("elsewhere", 3600))))
	other := single("waiting_review", "")
	other.ApplicationID = "iapp_2"
	ids := map[string]string{base: "the base"}
	for name, changed := range map[string]string{
		"reference":   id(func(c *kyc.Case) { c.Reference = "A2" }, single("waiting_review", ""), start),
		"identity":    id(func(c *kyc.Case) { c.Identity = "another" }, single("waiting_review", ""), start),
		"stage":       id(nothing, single("data_request", ""), start),
		"status":      id(nothing, single("pending_journey_application_review", ""), start),
		"application": id(nothing, other, start),
		"entity":      id(nothing, reading("waiting_review", "", entity(rep, "waiting_review", "")), start),
		"outcome":     id(nothing, single("completed", "approved"), start),
		"spelling":    id(nothing, single("completed", "Approved"), start),
		"links":       id(func(c *kyc.Case) { c.Apply(kyc.LinksRevoked{At: start}) }, single("waiting_review", ""), start),
		"moment":      id(nothing, single("waiting_review", ""), start.Add(1)),
	} {
		require.Empty(t, ids[changed], "%s makes no difference", name)
		ids[changed] = name
	}
	require.Equal(t, "evt_49c668d1e1d0e3481d8a6eadabdba52b", base, "ids are for ever")
	require.NotContains(t, fmt.Sprint(ids), person)
}
