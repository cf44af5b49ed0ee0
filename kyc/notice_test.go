package kyc_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"durablekyc.example/kyc"
)

// lives are cases as the sandbox's scenarios and the calendar make them, and
// the notices of each.
var lives = map[string]struct {
	events func(c *kyc.Case)
	want   []kyc.NoticeType
}{
	"approve": {answers(single("completed", "approved")), types(kyc.NoticeApproved)},
	"deny":    {answers(single("completed", "Denied")), types(kyc.NoticeDenied)},
	"step_up": {answers(single("pending_step_up", ""), single("completed", "approved")),
		types(kyc.NoticeDocuments, kyc.NoticeApproved)},
	"step_up_review": {answers(single("pending_step_up", ""), single("waiting_review", ""),
		single("completed", "approved")),
		types(kyc.NoticeDocuments, kyc.NoticeReview, kyc.NoticeApproved)},
	"review": {answers(single("waiting_review", ""), single("completed", "denied")), types(kyc.NoticeReview,
		kyc.NoticeDenied)},
	"data_request": {answers(single("data_request", ""), single("completed", "approved")),
		types(kyc.NoticeData, kyc.NoticeApproved)},
	"running": {answers(single("running", ""), single("completed", "approved")), types(kyc.NoticeApproved)},
	"unknown_status": {answers(single("strange", ""), single("stranger", ""), single("stranger", ""),
		single("completed", "approved")),
		types(kyc.NoticeHeld, kyc.NoticeHeld, kyc.NoticeApproved)},
	"back_and_forth": {answers(single("pending_step_up", ""), single("waiting_review", ""), single("pending_step_up", ""),
		single("completed", "denied")),
		types(kyc.NoticeDocuments, kyc.NoticeReview, kyc.NoticeDocuments, kyc.NoticeDenied)},
	"another spelling is no news": {answers(single("waiting_review", ""), single("pending_journey_application_review",
		"")), types(kyc.NoticeReview)},
	"an entity newly wanted": {answers(
		reading("pending_step_up", "", entity(person, "completed", "approved"), entity(rep, "pending_step_up", "")),
		reading("pending_step_up", "", entity(person, "pending_step_up", ""), entity(rep, "pending_step_up", "")),
		reading("pending_step_up", "", entity(person, "completed", "approved"), entity(rep, "pending_step_up", ""))),
		types(kyc.NoticeDocuments, kyc.NoticeDocuments)},
	"refused": {func(c *kyc.Case) {
		c.Apply(kyc.RequestRejected{At: start, Step: kyc.StepIdentification, Code: "customerNotFound"})
		c.Apply(kyc.RequestRejected{At: start.Add(day), Step: kyc.StepIdentification, Code: "customerNotFound"})
		c.Apply(kyc.WithdrawRequested{At: start.Add(2 * day)})
	}, types(kyc.NoticeHeld, kyc.NoticeWithdrawn)},
	"reminded and expired": {func(c *kyc.Case) {
		answers(single("pending_step_up", ""))(c)
		for _, days := range []time.Duration{3, 8, 29} { // two that fell due together are one
			c.Apply(kyc.StatusReceived{At: start.Add(days * day), Reading: single("pending_step_up", "")})
		}
		c.Apply(kyc.StatusReceived{At: start.Add(31 * day), Reading: single("pending_step_up", "")})
	}, types(kyc.NoticeDocuments, kyc.NoticeReminder, kyc.NoticeReminder, kyc.NoticeReminder, kyc.NoticeExpired)},
	"nothing after the end": {func(c *kyc.Case) {
		answers(single("completed", "approved"), single("completed", "denied"))(c)
		c.Apply(kyc.WithdrawRequested{At: start.Add(day)})
		c.Apply(kyc.ChangeHinted{At: start.Add(day), By: kyc.HintCallback})
	}, types(kyc.NoticeApproved)},
	"hints and links are nobody's news": {func(c *kyc.Case) {
		c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintCallback, ID: "r1"})
		c.Apply(kyc.LinksRevoked{At: start})
	}, nil},
}

func types(all ...kyc.NoticeType) []kyc.NoticeType { return all }

func answers(readings ...kyc.Snapshot) func(*kyc.Case) {
	return func(c *kyc.Case) {
		for i, r := range readings {
			c.Apply(kyc.StatusReceived{At: start.Add(time.Duration(i) * time.Hour), Reading: r, Covers: c.HintsReceived})
		}
	}
}

func TestNoticesOfEveryLife(t *testing.T) {
	for name, life := range lives {
		t.Run(name, func(t *testing.T) {
			c := newCase()
			life.events(&c)
			var got []kyc.NoticeType
			for i, n := range c.Notices {
				require.Regexp(t, `^evt_[0-9a-f]{32}$`, n.ID)
				require.Equal(t, n.Final(), n.Until.IsZero())
				require.Equal(t, i == len(c.Notices)-1 && c.Stage.Final(), n.Final(), "the last one alone is final")
				got = append(got, n.Type)
			}
			require.Equal(t, life.want, got)
			again := newCase()
			life.events(&again)
			require.Equal(t, c.Notices, again.Notices, "the same events, the same notices")
		})
	}
}

func TestANoticeIsWhatWasSoThen(t *testing.T) {
	c := newCase()
	c.Apply(kyc.LinksRevoked{At: start})
	answers(single("pending_step_up", ""), single("completed", "Denied"))(&c)
	require.Equal(t, []kyc.Notice{
		{ID: c.Notices[0].ID, Type: "case.documents_requested", At: start, Stage: kyc.AwaitingDocuments,
			Reading: single("pending_step_up", ""), Links: 1, Until: start.Add(30 * day)},
		{ID: c.Notices[1].ID, Type: "case.denied", At: start.Add(time.Hour), Stage: kyc.Denied, Reading: single("completed",
			"Denied"), Links: 1},
	}, c.Notices)
}

func TestWhoseWordANoticeIs(t *testing.T) {
	for name, want := range map[string][]bool{
		"step_up_review": {true, true, true}, "unknown_status": {true, true, true},
		"refused": {false, false}, "reminded and expired": {true, false, false, false, false},
	} {
		c := newCase()
		lives[name].events(&c)
		var said []bool
		for _, n := range c.Notices {
			said = append(said, n.FromProvider())
			require.Equal(t, n.Type == "case.documents_requested" || n.Type == "case.reminder", n.ForApplicant())
		}
		require.Equal(t, want, said, name)
	}
}

// Wherever a case is written down, and however often notices are handed on
// between, they are the same.
func TestNoticesSurviveBeingCarried(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole, carried := newCase(), newCase()
		var got []kyc.Notice
		for i := range rapid.IntRange(1, 12).Draw(t, "reads") {
			e := kyc.StatusReceived{At: start.Add(time.Duration(i) * time.Hour), Reading: drawReading(t)}
			whole.Apply(e)
			carried.Apply(e)
			if rapid.Bool().Draw(t, "hand on") {
				n := rapid.IntRange(0, len(carried.Notices)).Draw(t, "how many")
				got = append(got, carried.Notices[:n]...)
				carried.AckNotices(n)
			}
			if rapid.Bool().Draw(t, "carry") {
				text, err := json.Marshal(carried)
				require.NoError(t, err)
				carried = kyc.Case{}
				require.NoError(t, json.Unmarshal(text, &carried))
			}
		}
		got = append(got, carried.Notices...)
		carried.AckNotices(len(carried.Notices))
		require.Nil(t, carried.Notices)
		want, err := json.Marshal(whole.Notices)
		require.NoError(t, err)
		have, err := json.Marshal(got)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(have))
	})
}
