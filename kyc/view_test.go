package kyc_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// The customer stands first and the others in the order of their ids, however ConnectFi orders them; and the same in
// another order is no change.
func TestTheOrderOfEntitiesMeansNothing(t *testing.T) {
	// The customer's id is the last one.
	entities := []kyc.EntitySnapshot{{ID: "cstap_9", IsCustomer: true, Status: "running"},
		{ID: "cstap_1", Status: "running"}, {ID: "cstap_2", Status: "running"}, {ID: "cstap_3", Status: "running"}}
	want := []string{"cstap_9", "cstap_1", "cstap_2", "cstap_3"}
	c := kyc.New("A1", "cstap_9", kyc.DefaultPolicy(), start)
	first := reading("running", "", entities...)
	answered(&c, 0, first)
	version := c.Version
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}, {1, 3, 0, 2}} {
		r := reading("running", "")
		for _, i := range order {
			r.Entities = append(r.Entities, entities[i])
		}
		given := slices.Clone(r.Entities)
		answered(&c, time.Hour, r)
		require.Equal(t, given, r.Entities, "what is given stays as it is")
		require.Equal(t, version, c.Version)
		require.Equal(t, first.Fingerprint(), r.Fingerprint())
		var ids []string
		for _, e := range c.View().Entities {
			ids = append(ids, e.ID)
		}
		require.Equal(t, want, ids)
	}
}

// An entity that ConnectFi has done with is told once, whatever becomes of the others.
func TestACompletedEntityIsToldOnce(t *testing.T) {
	c := kyc.New("B1", business, kyc.DefaultPolicy(), start)
	for i, step := range []struct {
		reading kyc.Snapshot
		done    []string
	}{
		{team("pending_step_up", "pending_step_up", "pending_step_up"), []string{business}},
		{team("pending_step_up", "completed", "pending_step_up"), []string{business, "cstap_1"}},
		{team("waiting_review", "completed", "waiting_review"), []string{business, "cstap_1"}},
		{team("waiting_review", "waiting_review", "completed"), []string{business, "cstap_1", "cstap_2"}},
		// it was taken back
		{team("waiting_review", "completed", "completed"), []string{business, "cstap_1", "cstap_2", "cstap_1"}},
	} {
		answered(&c, time.Duration(i)*time.Hour, step.reading)
		require.Equal(t, step.done, lines(c, kyc.EntryEntityDone), "%d", i)
	}
	require.Equal(t, "ConnectFi completed cstap_1: approved", c.Timeline[len(c.Timeline)-1].String())
}

// What was handed in before gets the same answer again, whatever the case wants by then, and is not handed in twice.
func TestASubmissionThatIsThroughIsWelcome(t *testing.T) {
	c := newCase()
	answered(&c, 0, single("pending_step_up", ""))
	require.Empty(t, c.DoneSubmissions, "an answer to no submission settles none")
	c.Apply(kyc.Submitted{At: start, Submission: license("s1", person)})
	require.False(t, c.SubmissionDone("s1"))
	c.Apply(kyc.StatusReceived{At: start, Reading: single("waiting_review", ""), Submission: "s1"})
	require.True(t, c.SubmissionDone("s1"))
	require.Equal(t, []string{"s1"}, c.DoneSubmissions)
	require.NoError(t, c.CheckSubmission(license("s1", person)))
	require.ErrorIs(t, c.CheckSubmission(license("s2", person)), kyc.ErrDocumentsNotRequested)
	c.Apply(kyc.Submitted{At: start, Submission: license("s1", person)})
	require.Empty(t, c.Queue)
	answered(&c, time.Hour, single("completed", "denied"))
	require.NoError(t, c.CheckSubmission(license("s1", person)))
	require.ErrorIs(t, c.CheckSubmission(license("s2", person)), kyc.ErrEnded)
}

// An entity's turn counts what ConnectFi asked of it and what it turned down.
func TestTheTurnOfAnEntity(t *testing.T) {
	c := kyc.New("B1", business, kyc.DefaultPolicy(), start)
	turns := func() []int { v := c.View(); return []int{v.RequestRound("cstap_1"), v.RequestRound("cstap_2")} }
	require.Equal(t, []int{0, 0}, turns())
	answered(&c, 0, team("pending_step_up", "pending_step_up", "completed"))
	require.Equal(t, []int{1, 0}, turns())
	c.Apply(kyc.Submitted{At: start, Submission: license("s1", "cstap_1")})
	c.Apply(kyc.RequestRejected{At: start, Step: kyc.StepDocuments, Code: "x", Submission: "s1"})
	require.Equal(t, []int{2, 0}, turns())
	answered(&c, time.Hour, team("pending_step_up", "completed", "pending_step_up"))
	require.Equal(t, []int{2, 1}, turns())
}

func TestWhatAStatusMeans(t *testing.T) {
	for status, want := range map[kyc.Status][3]bool{
		"pending_step_up": {true, false, false}, "pending_documents": {true, false, false},
		"waiting_review": {false, true, false}, "pending_journey_application_review": {false, true, false},
		"completed": {false, false, true}, "running": {}, "data_request": {}, "strange": {}, "": {},
	} {
		require.Equal(t, want, [3]bool{status.WantsDocuments(), status.InReview(), status.Completed()}, status)
	}
}

// What a person reads of a case: where it stands, why, and what happens next by itself.
func TestTheWordsOfAView(t *testing.T) {
	c := newCase()
	v := c.View()
	require.Equal(t, "Identifying: creating the application at ConnectFi", v.Headline())
	require.Equal(t, "the case expires", v.OnDeadline)
	answered(&c, 0, single("data_request", ""))
	v = c.View()
	require.Equal(t, "Awaiting data: ConnectFi needs more or different customer data", v.Headline())
	require.Equal(t, "the status is read once more; the case expires if nothing was decided", v.OnDeadline)
	require.Equal(t, []string{"data that ConnectFi does not name: you can change e-mail, addresses and phones with its " +
		"POST /customer/update; a wrong name, birth date, SSN or FEIN only PayGears can change"}, v.Entities[0].Missing)
	answered(&c, time.Hour, single("pending_step_up", ""))
	require.Equal(t, []string{"an identity document: front and back of a driver's license, or a passport"},
		c.View().Entities[0].Missing)
	answered(&c, 2*time.Hour, single("strange", ""))
	v = c.View()
	require.Equal(t, "Held for an operator: ConnectFi returned the status “strange”, which its documentation does not list",
		v.Headline())
	require.Equal(t, []string{}, v.Entities[0].Missing)
	answered(&c, 90*day, single("waiting_review", ""))
	v = c.View()
	require.Equal(t, "Expired without a decision: no decision before the deadline; the last stage was in_review",
		v.Headline())
	require.Empty(t, v.OnDeadline)
}
