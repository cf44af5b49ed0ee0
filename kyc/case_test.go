package kyc_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

const (
	person   = "cstap_6reGTr3k8vpAu8uFV7EdiN"
	business = "cstab_7BX5DO49J48VeWKsJ6gWNb"
	rep      = "cstab_7BX5DPJcbmipymiokecA6d"
	day      = 24 * time.Hour
)

func reading(status kyc.Status, outcome kyc.Outcome, entities ...kyc.EntitySnapshot) kyc.Snapshot {
	return kyc.Snapshot{ApplicationID: "iapp_1", Status: status, Outcome: outcome, Entities: entities}
}

func entity(id string, status kyc.Status, outcome kyc.Outcome) kyc.EntitySnapshot {
	return kyc.EntitySnapshot{ID: id, IsCustomer: id != rep, Status: status, Outcome: outcome}
}

// single is an application of one person whose status is the application's.
func single(status kyc.Status, outcome kyc.Outcome) kyc.Snapshot {
	return reading(status, outcome, entity(person, status, outcome))
}

func answered(c *kyc.Case, after time.Duration, r kyc.Snapshot) {
	at := start.Add(after)
	c.Apply(kyc.StatusReceived{At: at, Reading: r, Covers: c.Next(at).UpToHint})
}

func newCase() kyc.Case { return kyc.New("A1", person, kyc.DefaultPolicy(), start) }

func TestEveryStatusHasItsStage(t *testing.T) {
	approvedPerson := entity(person, "completed", "approved")
	tests := []struct {
		name    string
		reading kyc.Snapshot
		stage   kyc.Stage
		on      kyc.WaitingOn
	}{
		{"step-up", single("pending_step_up", ""), kyc.AwaitingDocuments, kyc.OnApplicant},
		{"step-up, other spelling", single("pending_documents", ""), kyc.AwaitingDocuments, kyc.OnApplicant},
		{"review", single("waiting_review", ""), kyc.InReview, kyc.OnReviewer},
		{"review, other spelling", single("pending_journey_application_review", ""), kyc.InReview, kyc.OnReviewer},
		{"running", single("running", ""), kyc.Processing, kyc.OnConnectFi},
		{"data request", single("data_request", ""), kyc.AwaitingData, kyc.OnClient},
		{"approved", single("completed", "approved"), kyc.Approved, kyc.OnNobody},
		{"approved with a capital", reading("completed", "Approved", approvedPerson), kyc.Approved, kyc.OnNobody},
		{"denied", single("completed", "Denied"), kyc.Denied, kyc.OnNobody},
		{"unlisted status", single("pending_action_expired", ""), kyc.Held, kyc.OnOperator},
		{"empty status", single("", ""), kyc.Held, kyc.OnOperator},
		{"unlisted status of an entity", reading("running", "", entity(person, "error", "")), kyc.Held, kyc.OnOperator},
		{"completed without outcome", single("completed", ""), kyc.Held, kyc.OnOperator},
		{"completed with an unlisted outcome", single("completed", "maybe"), kyc.Held, kyc.OnOperator},
		{"approved, an entity denied", reading("completed", "Approved", approvedPerson, entity(rep, "completed", "denied")),
			kyc.Held, kyc.OnOperator},
		{"approved, an entity unfinished", reading("completed", "Approved", approvedPerson, entity(rep, "pending_step_up",
			"")), kyc.Held, kyc.OnOperator},
		{"approved, unknown entity at all", reading("completed", "Approved"), kyc.Held, kyc.OnOperator},
		{"approved, the customer not named", reading("completed", "Approved", entity(rep, "completed", "approved")), kyc.Held,
			kyc.OnOperator},
		{"the representative first, as the page prints it", reading("pending_step_up", "",
			entity(rep, "pending_step_up", ""), entity(business, "completed", "approved")), kyc.AwaitingDocuments,
			kyc.OnApplicant},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newCase()
			answered(&c, time.Second, test.reading)
			require.Equal(t, test.stage, c.Stage)
			view := c.View()
			require.Equal(t, test.on, view.WaitingOn)
			require.Equal(t, test.stage == kyc.Held, view.Reason != "", "a held case says why")
			require.Equal(t, test.stage.Final(), view.Until.IsZero())
		})
	}
}

func TestDecisionsAreFinal(t *testing.T) {
	for _, first := range []kyc.Snapshot{single("completed", "approved"), single("completed", "denied")} {
		c := newCase()
		answered(&c, time.Second, first)
		before := c.View()
		answered(&c, time.Minute, single("pending_step_up", ""))
		answered(&c, time.Hour, single("completed", "denied"))
		answered(&c, time.Hour, single("completed", "approved"))
		c.Apply(kyc.WithdrawRequested{At: start.Add(time.Hour)})
		c.Apply(kyc.TimerFired{At: start.Add(400 * day)})
		require.Equal(t, before, c.View())
		require.Equal(t, kyc.ActionNone, c.Next(start.Add(time.Hour)).Action)
	}
}

func TestDecisionAfterWithdrawalIsToldAndChangesNothing(t *testing.T) {
	c := newCase()
	c.Apply(kyc.WithdrawRequested{At: start})
	c.Apply(kyc.ChangeHinted{At: start.Add(day), By: kyc.HintCallback, ID: "r1"})
	answered(&c, day, single("completed", "approved"))
	require.Equal(t, kyc.Withdrawn, c.Stage)
	require.Equal(t, kyc.EntryLate, c.Timeline[len(c.Timeline)-1].What)
}

func TestStatusesMayGoBack(t *testing.T) {
	c := newCase()
	answered(&c, 0, single("pending_step_up", ""))
	require.Equal(t, start.Add(30*day), c.Until())
	answered(&c, day, single("waiting_review", ""))
	require.Equal(t, start.Add(90*day), c.Until())
	answered(&c, 5*day, single("pending_step_up", ""))
	require.Equal(t, kyc.AwaitingDocuments, c.Stage)
	require.Equal(t, start.Add(35*day), c.Until(), "asked anew, the applicant has the whole time again")
}

func TestNothingOutlivesTheCase(t *testing.T) {
	c := newCase()
	answered(&c, 80*day, single("pending_step_up", ""))
	require.Equal(t, start.Add(90*day), c.Until())
}

func TestLateEntityAsksAnew(t *testing.T) {
	c := kyc.New("B1", business, kyc.DefaultPolicy(), start)
	answered(&c, 0, reading("pending_step_up", "", entity(business, "pending_step_up", "")))
	answered(&c, 20*day, reading("pending_step_up", "", entity(rep, "pending_step_up", ""),
		entity(business, "pending_step_up", "")))
	require.Equal(t, start.Add(50*day), c.Until())
	require.Equal(t, business, c.View().Entities[0].ID, "the customer stands first")
	require.Equal(t, []string{"documents of the business"}, c.View().Entities[0].Missing)
	require.NotEmpty(t, c.View().Entities[1].Missing)
}

// wanting lives through the time in which documents are wanted, as the workflow
// does: it waits and reads as the case says, and tells when the status was read
// and when somebody was reminded.
func wanting(t *testing.T, c *kyc.Case, end time.Time) (reads, reminders []time.Duration) {
	for now := start; !c.Stage.Final(); {
		require.Less(t, len(reads), 100, "it gets nowhere")
		need := c.Next(now)
		switch need.Action {
		case kyc.ActionWait:
			require.True(t, need.At.After(now), "waiting makes progress")
			now = need.At
			before := len(c.Timeline)
			c.Apply(kyc.TimerFired{At: now})
			require.Len(t, c.Timeline, before, "nobody is reminded unread")
			continue
		case kyc.ActionPollStatus:
			if len(reads) > 0 && now.Equal(start.Add(reads[len(reads)-1])) {
				_, every := c.ReadEvery()
				now = now.Add(every + every/10) // a watch may be that much late
			}
			if now.After(need.At) {
				now = need.At
			}
		default:
			require.Equal(t, kyc.ActionReadStatus, need.Action)
		}
		require.False(t, now.After(end))
		reads = append(reads, now.Sub(start))
		before := len(c.Notices)
		c.Apply(kyc.StatusReceived{At: now, Reading: single("pending_step_up", ""), Covers: need.UpToHint})
		if len(c.Notices) > before && c.Notices[before].Type == kyc.NoticeReminder {
			reminders = append(reminders, now.Sub(start))
		}
	}
	return reads, reminders
}

func TestRemindersAreAbsoluteAndOnce(t *testing.T) {
	c := newCase()
	answered(&c, 0, single("pending_step_up", ""))
	reads, reminders := wanting(t, &c, start.Add(30*day))
	require.Equal(t, []time.Duration{3 * day, 7 * day, 14 * day, 28 * day}, reminders)
	for i := range reads[1:] {
		require.LessOrEqual(t, reads[i+1]-reads[i], day, "once a day, at least: %v", reads)
	}
	require.LessOrEqual(t, reads[0], day)
	require.Equal(t, 30*day, reads[len(reads)-1], "one last look")
	require.Equal(t, kyc.Expired, c.Stage)
}

// A case that was started before there was read_documents reads once a day, too;
// a shorter time is kept.
func TestHowOftenIsReadWhileDocumentsAreWanted(t *testing.T) {
	for every, first := range map[time.Duration]time.Duration{0: day, day: day, time.Hour: time.Hour} {
		policy := kyc.DefaultPolicy()
		policy.ReadDocuments = kyc.Duration(every)
		c := kyc.New("A1", person, policy, start)
		answered(&c, 0, single("pending_step_up", ""))
		require.Equal(t, kyc.NextStep{Action: kyc.ActionWait, At: start.Add(first)}, c.Next(start))
		need := c.Next(start.Add(first))
		require.Equal(t, kyc.ActionPollStatus, need.Action)
		require.Equal(t, start.Add(3*day), need.At, "it is read before the reminder")
		shortest, longest := c.ReadEvery()
		require.Equal(t, shortest, longest)
		require.LessOrEqual(t, longest+longest/10, first)
		answered(&c, 3*day, single("completed", "approved"))
		require.Equal(t, kyc.Approved, c.Stage)
		require.NotContains(t, c.Timeline, kyc.Entry{At: start.Add(3 * day), What: kyc.EntryReminder})
	}
}

// A town puts its clocks forward between the question and the first reminder,
// and the case takes no notice.
func TestAnHourIsAnHourInEveryTown(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	asked := time.Date(2026, 3, 28, 12, 0, 0, 0, berlin)
	c := kyc.New("A1", person, kyc.DefaultPolicy(), asked)
	c.Apply(kyc.StatusReceived{At: asked, Reading: single("pending_step_up", "")})
	reminder := c.Next(asked.Add(24 * time.Hour)).At
	require.Equal(t, 72*time.Hour, reminder.Sub(asked))
	require.Equal(t, 720*time.Hour, c.Until().Sub(asked))
	require.Equal(t, 13, reminder.Hour(), "by the clocks of that town it is an hour later")
}

func TestOverdueRemindersAreOne(t *testing.T) {
	c := newCase()
	answered(&c, 0, single("pending_step_up", ""))
	require.Equal(t, kyc.ActionReadStatus, c.Next(start.Add(15*day)).Action)
	answered(&c, 15*day, single("pending_step_up", ""))
	require.Equal(t, kyc.EntryReminder, c.Timeline[len(c.Timeline)-1].What)
	require.Equal(t, start.Add(28*day), c.Next(start.Add(16*day)).At)
}

func TestLastLookMayStillDecide(t *testing.T) {
	c := newCase()
	answered(&c, 0, single("waiting_review", ""))
	require.Equal(t, kyc.ActionReadStatus, c.Next(start.Add(90*day)).Action)
	answered(&c, 90*day, single("completed", "approved"))
	require.Equal(t, kyc.Approved, c.Stage)
}

func TestDocumentsSentInTimeAreNotExpiredOnTheirWay(t *testing.T) {
	c := newCase()
	answered(&c, 0, single("pending_step_up", ""))
	c.Apply(kyc.Submitted{At: start.Add(29 * day), Submission: license("s1", person)})
	late := start.Add(31 * day)
	require.Equal(t, kyc.ActionSubmit, c.Next(late).Action)
	c.Apply(kyc.StatusReceived{At: late, Reading: single("waiting_review", ""), Submission: "s1"})
	require.Equal(t, kyc.InReview, c.Stage)
}

func license(id, entity string) kyc.Submission {
	return kyc.Submission{ID: id, Entity: entity, Type: "license", Consent: kyc.ConsentElsewhere(), Images: []kyc.Image{
		{Key: id + "/f", Side: kyc.Front, Extension: "jpg"}, {Key: id + "/b", Side: kyc.Back, Extension: "png"}}}
}

func TestSubmissions(t *testing.T) {
	c := newCase()
	require.ErrorContains(t, c.CheckSubmission(license("s1", person)), "unknown entity")
	answered(&c, 0, single("pending_step_up", ""))
	require.NoError(t, c.CheckSubmission(license("s1", person)))
	var invalid *kyc.SubmissionError
	require.ErrorAs(t, c.CheckSubmission(license("s1", "cstap_other")), &invalid)
	one := license("s1", person)
	one.Images = one.Images[:1]
	require.ErrorContains(t, c.CheckSubmission(one), "the back of the license is missing")

	c.Apply(kyc.Submitted{At: start, Submission: license("s1", person)})
	c.Apply(kyc.Submitted{At: start, Submission: license("s1", person)})
	require.Len(t, c.Queue, 1, "the same submission twice is one")
	require.True(t, c.View().Entities[0].Sending)
	require.Empty(t, c.View().Entities[0].Missing)
	require.ErrorIs(t, c.CheckSubmission(license("s2", person)), kyc.ErrDocumentsNotRequested)
	require.NoError(t, c.CheckSubmission(license("s1", person)))

	c.Apply(kyc.StatusReceived{At: start, Reading: single("pending_step_up", ""), Submission: "s1"})
	require.Equal(t, kyc.EntryStillWanted, c.Timeline[len(c.Timeline)-1].What)
	require.NoError(t, c.CheckSubmission(license("s2", person)))

	c.Apply(kyc.Submitted{At: start, Submission: license("s2", person)})
	c.Apply(kyc.RequestRejected{At: start, Step: kyc.StepDocuments, Code: "statusApplicationEntity", Submission: "s2"})
	require.Equal(t, kyc.AwaitingDocuments, c.Stage, "a refused document decides nothing")
	require.Equal(t, kyc.ActionReadStatus, c.Next(start).Action, "but it may mean that the case has moved on")
	require.Equal(t, "statusApplicationEntity", c.View().Refusal.Code)

	answered(&c, time.Second, single("completed", "approved"))
	require.ErrorIs(t, c.CheckSubmission(license("s3", person)), kyc.ErrEnded)
}

func TestRefusedIdentificationHoldsUntilSomebodyAsksAgain(t *testing.T) {
	c := newCase()
	c.Apply(kyc.RequestRejected{At: start, Step: kyc.StepIdentification, Code: "customerNotFound"})
	require.Equal(t, kyc.Held, c.Stage)
	require.Contains(t, c.Reason, "customerNotFound")
	require.Equal(t, kyc.NextStep{Action: kyc.ActionWait, At: start.Add(90 * day)}, c.Next(start))
	c.Apply(kyc.ChangeHinted{At: start.Add(time.Hour), By: kyc.HintRefresh})
	require.Equal(t, kyc.ActionIdentify, c.Next(start.Add(time.Hour)).Action)
	answered(&c, time.Hour, single("completed", "approved"))
	require.Equal(t, kyc.Approved, c.Stage)

	c = newCase()
	c.Apply(kyc.RetriesExhausted{At: start.Add(89 * day), Step: kyc.StepIdentification})
	c.Apply(kyc.TimerFired{At: start.Add(90 * day)})
	require.Equal(t, kyc.Expired, c.Stage)
}

func TestRefusedReadHoldsAndTheNextAnswerReleases(t *testing.T) {
	c := newCase()
	answered(&c, 0, single("waiting_review", ""))
	c.Apply(kyc.RequestRejected{At: start.Add(time.Hour), Step: kyc.StepStatus, Code: "applicationNotFound"})
	require.Equal(t, kyc.Held, c.Stage)
	answered(&c, 2*time.Hour, single("waiting_review", ""))
	require.Equal(t, kyc.InReview, c.Stage)
}

func TestHints(t *testing.T) {
	c := newCase()
	answered(&c, 0, single("waiting_review", ""))
	require.Equal(t, kyc.ActionWait, c.Next(start).Action)
	require.Equal(t, start.Add(time.Minute), c.Next(start).At, "the first read is a minute off")
	require.Equal(t, kyc.ActionPollStatus, c.Next(start.Add(time.Minute)).Action)

	for i := range 5 {
		c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintCallback, ID: fmt.Sprint(i % 3)})
	}
	require.Equal(t, 3, c.Timeline[len(c.Timeline)-1].Count, "two with one id are one")
	asked := c.Next(start)
	require.Equal(t, kyc.ActionReadStatus, asked.Action)
	c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintCallback, ID: "later"})
	c.Apply(kyc.StatusReceived{At: start, Reading: single("waiting_review", ""), Covers: asked.UpToHint})
	require.Equal(t, kyc.ActionReadStatus, c.Next(start).Action, "a hint that came after the question needs another look")
	answered(&c, 0, single("waiting_review", ""))
	require.Equal(t, kyc.ActionWait, c.Next(start).Action)
}

func TestCaseSurvivesItsOwnJSON(t *testing.T) {
	c := newCase()
	answered(&c, 0, single("pending_step_up", ""))
	c.Apply(kyc.Submitted{At: start, Submission: license("s1", person)})
	c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintCallback, ID: "r"})
	text, err := json.Marshal(c)
	require.NoError(t, err)
	var back kyc.Case
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, c.View(), back.View())
	require.Equal(t, c.Next(start), back.Next(start))
}

func TestParsePolicy(t *testing.T) {
	p, err := kyc.ParsePolicy(`{"documents":"48h","reminders":["1h"]}`)
	require.NoError(t, err)
	require.Equal(t, kyc.Duration(48*time.Hour), p.Documents)
	require.Equal(t, kyc.Duration(90*day), p.Case)
	for name, text := range map[string]string{
		"a number": `{"documents":48}`, "unknown name": `{"document":"48h"}`, "negative": `{"case":"-1h"}`,
		"falling reminders": `{"reminders":["2h","1h"]}`, "first over max": `{"read_first":"7h"}`, "not JSON": `48h`,
		"two values": `{} {}`, "too long": `{"case":"99999h"}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := kyc.ParsePolicy(text)
			require.ErrorContains(t, err, "policy: ")
		})
	}
}

// A reset stands in the timeline where it happened: after what it kept.
func TestAResetStandsInTheTimeline(t *testing.T) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	whats := func(reset time.Time) (all []string) {
		v := kyc.View{Timeline: []kyc.Entry{{At: at(0), What: kyc.EntryStarted}, {At: at(2), What: kyc.EntryIdentified}}}
		v.ResetAt(reset)
		for _, e := range v.Timeline {
			all = append(all, e.What)
		}
		return all
	}
	require.Equal(t, []string{kyc.EntryStarted, kyc.EntryReset, kyc.EntryIdentified}, whats(at(1)))
	require.Equal(t, []string{kyc.EntryStarted, kyc.EntryIdentified, kyc.EntryReset}, whats(at(3)))
	require.Contains(t, kyc.Entry{What: kyc.EntryReset}.String(), "earlier run")
}
