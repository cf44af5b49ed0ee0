package kyc_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// team is an answer about a business and representatives of it, each by its status.
func team(status kyc.Status, statuses ...kyc.Status) kyc.Snapshot {
	r := reading(status, "", kyc.EntitySnapshot{ID: business, IsCustomer: true, Status: "completed", Outcome: "approved"})
	for i, s := range statuses {
		e := kyc.EntitySnapshot{ID: "cstap_" + string(rune('1'+i)), Status: s}
		if s == "completed" {
			e.Outcome = "approved"
		}
		r.Entities = append(r.Entities, e)
	}
	return r
}

// lines are the entities that the timeline says something of, in order.
func lines(c kyc.Case, what string) (all []string) {
	for _, e := range c.Timeline {
		if e.What == what {
			all = append(all, e.Entity)
		}
	}
	return all
}

// Of several entities, the timeline names those that are wanted anew, and only these start the applicant's time again.
func TestOfSeveralEntitiesTheNewlyWantedAreNamed(t *testing.T) {
	const done, wanted = kyc.Status("completed"), kyc.Status("pending_step_up")
	c := kyc.New("B1", business, kyc.DefaultPolicy(), start)
	for day, step := range []struct {
		reading kyc.Snapshot
		named   []string
		asked   int // the day on which documents were last asked for
	}{
		{team(wanted, wanted, wanted, done), []string{"cstap_1", "cstap_2"}, 0},
		{team(wanted, wanted, wanted, done), nil, 0},
		{team(wanted, done, "pending_documents", wanted), []string{"cstap_3"}, 2},
		{team(wanted, done, wanted, wanted), nil, 2},
		{team(wanted, done, done, wanted), nil, 2},
		{team(wanted, wanted, done, wanted, wanted), []string{"cstap_1", "cstap_4"}, 5},
		{team("waiting_review", done, done, "waiting_review", "waiting_review"), nil, 5},
		{team(wanted, done, wanted, done, done), []string{"cstap_2"}, 7},
	} {
		before := lines(c, kyc.EntryWanted)
		answered(&c, time.Duration(day)*24*time.Hour, step.reading)
		require.Equal(t, append(before, step.named...), lines(c, kyc.EntryWanted), "day %d", day)
		require.Equal(t, start.Add(time.Duration(step.asked)*24*time.Hour), c.AskedAt, "day %d", day)
	}
}

// Documents are taken for the entity that wants them, and for no other.
func TestAnEntityThatWantsNothingGetsNothing(t *testing.T) {
	c := kyc.New("B1", business, kyc.DefaultPolicy(), start)
	answered(&c, 0, team("pending_step_up", "completed", "pending_step_up", "waiting_review"))
	require.Equal(t, kyc.AwaitingDocuments, c.Stage)
	require.NoError(t, c.CheckSubmission(license("s1", "cstap_2")))
	for _, entity := range []string{business, "cstap_1", "cstap_3"} {
		require.ErrorIs(t, c.CheckSubmission(license("s2", entity)), kyc.ErrDocumentsNotRequested, entity)
	}
	// What one representative sends keeps no other waiting.
	answered(&c, time.Hour, team("pending_step_up", "pending_step_up", "pending_step_up", "waiting_review"))
	c.Apply(kyc.Submitted{At: start.Add(2 * time.Hour), Submission: license("s1", "cstap_2")})
	require.NoError(t, c.CheckSubmission(license("s2", "cstap_1")))
	view := c.View()
	require.NotEmpty(t, view.Entities[1].Missing)
	require.False(t, view.Entities[1].Sending)
	require.Empty(t, view.Entities[2].Missing)
	require.True(t, view.Entities[2].Sending)
	answered(&c, 3*time.Hour, team("pending_step_up", "pending_step_up", "pending_step_up", "waiting_review"))
	// The stage decides first: a status of the application that nobody knows holds the case, whoever wants what.
	answered(&c, 4*time.Hour, team("strange", "pending_step_up"))
	require.ErrorIs(t, c.CheckSubmission(license("s3", "cstap_1")), kyc.ErrDocumentsNotRequested)
}

// A second refusal for another reason is told like the first; the same again is told once.
func TestARefusalWhileHeld(t *testing.T) {
	c := newCase()
	refuse := func(hours time.Duration, step, code string) {
		c.Apply(kyc.RequestRejected{At: start.Add(hours * time.Hour), Step: step, Code: code})
	}
	for _, step := range []struct {
		hours      time.Duration
		step, code string
		notices    int
		changed    time.Duration
	}{
		{1, kyc.StepIdentification, "customerNotFound", 1, 1},
		{2, kyc.StepIdentification, "customerNotFound", 1, 1},
		{3, kyc.StepIdentification, "requestValidateError", 2, 3},
		{4, kyc.StepStatus, "requestValidateError", 3, 4},
		{5, kyc.StepStatus, "requestValidateError", 3, 4},
	} {
		refuse(step.hours, step.step, step.code)
		require.Equal(t, kyc.Held, c.Stage)
		require.Equal(t, "ConnectFi refused the "+step.step+" with “"+step.code+"”", c.Reason)
		require.Equal(t, kyc.Refusal{Step: step.step, Code: step.code}, *c.Refusal)
		require.Len(t, c.Notices, step.notices)
		require.Equal(t, start.Add(step.changed*time.Hour), c.ChangedAt)
	}
	require.Len(t, lines(c, kyc.EntryRefused), 5, "each is on record")
	require.Len(t, lines(c, string(kyc.Held)), 3)
}

// A reminder is for an applicant who can act: in no stage but awaiting_documents, and not while documents are on their
// way.
func TestNoReminderOutsideOfAwaitingDocuments(t *testing.T) {
	reminded := func(c kyc.Case) int { return len(lines(c, kyc.EntryReminder)) }
	for name, r := range map[string]kyc.Snapshot{
		"held, and an entity wants documents": reading("strange", "", entity(person, "pending_step_up", "")),
		"in review":                           single("waiting_review", ""),
		"awaiting data":                       single("data_request", ""),
		"processing":                          single("running", ""),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCase()
			answered(&c, 0, single("pending_step_up", ""))
			answered(&c, day, r)
			answered(&c, 8*day, r)
			require.Zero(t, reminded(c))
			require.Zero(t, c.Reminded)
		})
	}
	c := newCase()
	answered(&c, 0, single("pending_step_up", ""))
	c.Apply(kyc.Submitted{At: start.Add(day), Submission: license("s1", person)})
	answered(&c, 8*day, single("pending_step_up", ""))
	require.Zero(t, reminded(c), "its documents are on their way")
	c.Apply(kyc.RequestRejected{At: start.Add(8 * day), Step: kyc.StepDocuments, Code: "x", Submission: "s1"})
	answered(&c, 8*day, single("pending_step_up", ""))
	require.Equal(t, 1, reminded(c))
	answered(&c, 14*day-time.Nanosecond, single("pending_step_up", ""))
	require.Equal(t, 1, reminded(c))
	answered(&c, 14*day, single("pending_step_up", ""))
	require.Equal(t, 2, reminded(c), "at its hour")
	require.Equal(t, 3, c.Reminded)
}

// Whoever follows the version sees each change, and no change twice.
func TestAVersionRisesOnceForEachLine(t *testing.T) {
	c := newCase()
	require.Equal(t, 1, c.Version)
	for i, step := range []struct {
		event kyc.Event
		rises int
		why   string
	}{
		{kyc.StatusReceived{At: start, Reading: single("running", "")}, 2, "identified, and a stage"},
		{kyc.StatusReceived{At: start, Reading: single("running", "")}, 0, "the same"},
		{kyc.StatusReceived{At: start, Reading: single("waiting_review", "")}, 1, "another stage"},
		{kyc.StatusReceived{At: start, Reading: single("pending_journey_application_review", "")}, 1,
			"another word, and no line"},
		{kyc.StatusReceived{At: start, Reading: single("pending_step_up", "")}, 2, "a stage, and an entity that is wanted"},
		{kyc.StatusReceived{At: start, Reading: reading("pending_step_up", "", entity(person, "pending_step_up", ""),
			entity(rep, "pending_step_up", ""))}, 1, "another one is wanted"},
		{kyc.ChangeHinted{At: start, By: kyc.HintCallback}, 1, "a callback"},
		{kyc.ChangeHinted{At: start, By: kyc.HintCallback}, 1, "another, in the same line"},
		{kyc.LinksRevoked{At: start}, 1, "links revoked"},
		{kyc.TimerFired{At: start}, 0, "nothing"},
	} {
		before := c.Version
		c.Apply(step.event)
		require.Equal(t, step.rises, c.Version-before, "%d: %s", i, step.why)
	}
}

// Callbacks in a row share a line of the timeline; nothing else does.
func TestOnlyHintsShareALine(t *testing.T) {
	c := newCase()
	c.Apply(kyc.LinksRevoked{At: start})
	c.Apply(kyc.LinksRevoked{At: start})
	require.Len(t, lines(c, kyc.EntryRevoked), 2)
	require.Equal(t, 2, c.LinkEpoch)
	answered(&c, 0, single("waiting_review", ""))
	for range 3 {
		c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintCallback, ApplicationID: "iapp_1"})
	}
	require.Equal(t, "ConnectFi sent a callback (3 times)", c.Timeline[len(c.Timeline)-1].String())
	c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintCallback, ApplicationID: "iapp_2"})
	require.Equal(t, "ConnectFi sent a callback, but it named another application", c.Timeline[len(c.Timeline)-1].String())
	c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintRefresh})
	require.Equal(t, "a status read was requested", c.Timeline[len(c.Timeline)-1].String())
	early := newCase() // no application is known yet that it could differ from
	early.Apply(kyc.ChangeHinted{At: start, By: kyc.HintCallback, ApplicationID: "iapp_2"})
	require.Equal(t, "ConnectFi sent a callback", early.Timeline[1].String())
}

// A case remembers the ids of its last 64 callbacks.
func TestRememberedCallbacks(t *testing.T) {
	c := newCase()
	id := func(n int) string { return "r" + time.Duration(n).String() }
	for n := range 65 {
		c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintCallback, ID: id(n)})
	}
	require.Equal(t, 65, c.HintsReceived)
	require.Len(t, c.SeenCallbackIDs, 64)
	c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintCallback, ID: id(1)})
	require.Equal(t, 65, c.HintsReceived, "the second one is remembered")
	c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintCallback, ID: id(0)})
	require.Equal(t, 66, c.HintsReceived, "the first one is forgotten")
}
