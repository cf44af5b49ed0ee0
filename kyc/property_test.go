package kyc_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"durablekyc.example/kyc"
)

var statuses = []kyc.Status{"pending_step_up", "pending_documents", "waiting_review",
	"pending_journey_application_review", "running", "data_request", "completed", "pending_action"}

func drawReading(t *rapid.T) kyc.Snapshot {
	outcome := rapid.SampledFrom([]kyc.Outcome{"", "approved", "Approved", "denied", "Denied", "maybe"})
	r := reading(rapid.SampledFrom(statuses).Draw(t, "status"), outcome.Draw(t, "outcome"))
	for i := range rapid.IntRange(0, 3).Draw(t, "entities") {
		r.Entities = append(r.Entities, kyc.EntitySnapshot{ID: fmt.Sprintf("cstab_%d", i), IsCustomer: i == 0,
			Status: rapid.SampledFrom(statuses).Draw(t, "entity status"), Outcome: outcome.Draw(t, "entity outcome")})
	}
	return r
}

// bruteStage is the rule of the stages said once more, as plainly as possible.
func bruteStage(r kyc.Snapshot) kyc.Stage {
	all := []string{string(r.Status)}
	unanimous, customer := true, false
	for _, e := range r.Entities {
		all = append(all, string(e.Status))
		unanimous = unanimous && e.Status == "completed" && strings.EqualFold(string(e.Outcome), "approved")
		customer = customer || e.IsCustomer
	}
	has := func(words ...string) bool {
		return slices.ContainsFunc(all, func(s string) bool { return slices.Contains(words, s) })
	}
	switch {
	case r.Status == "pending_action":
		return kyc.Held
	case r.Status == "completed" && strings.EqualFold(string(r.Outcome), "denied"):
		return kyc.Denied
	case r.Status == "completed" && strings.EqualFold(string(r.Outcome), "approved") && unanimous && customer:
		return kyc.Approved
	case r.Status == "completed":
		return kyc.Held
	case has("pending_step_up", "pending_documents"):
		return kyc.AwaitingDocuments
	case has("pending_action"):
		return kyc.Held
	case has("data_request"):
		return kyc.AwaitingData
	case has("running"):
		return kyc.Processing
	}
	return kyc.InReview
}

func TestStageAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawReading(t)
		c := newCase()
		answered(&c, 0, r)
		require.Equal(t, bruteStage(r), c.Stage)
	})
}

// bare is a case without the traces that hints leave.
func bare(c kyc.Case) string {
	v := c.View()
	v.Version, v.Hints, v.Covered = 0, 0, 0
	v.Timeline = slices.DeleteFunc(v.Timeline, func(e kyc.Entry) bool {
		return e.What == kyc.HintCallback || e.What == kyc.HintRefresh || e.What == kyc.EntryLate
	})
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Any order, repetition or loss of hints around the same reads ends in the same case.
func TestHintsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quiet, noisy := newCase(), newCase()
		at := start
		for range rapid.IntRange(1, 8).Draw(t, "reads") {
			at = at.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "hours")) * time.Hour)
			for range rapid.IntRange(0, 3).Draw(t, "hints") {
				noisy.Apply(kyc.ChangeHinted{At: at, By: kyc.HintCallback, ID: rapid.StringMatching(`[a-d]?`).Draw(t, "id")})
			}
			r := drawReading(t)
			quiet.Apply(kyc.StatusReceived{At: at, Reading: r})
			noisy.Apply(kyc.StatusReceived{At: at, Reading: r, Covers: rapid.IntRange(0, noisy.HintsReceived).Draw(t, "covers")})
		}
		require.Equal(t, bare(quiet), bare(noisy))
	})
}

// Repeating a read changes nothing, and the last read wins until a decision.
func TestReadsAreIdempotentAndTheLastWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCase()
		for i := range rapid.IntRange(1, 6).Draw(t, "reads") {
			at := start.Add(time.Duration(i) * time.Hour)
			r := drawReading(t)
			decided := c.Stage.Final()
			before := c.View()
			c.Apply(kyc.StatusReceived{At: at, Reading: r})
			if decided {
				require.Equal(t, before, c.View())
				continue
			}
			require.Equal(t, bruteStage(r), c.Stage)
			once := c.View()
			c.Apply(kyc.StatusReceived{At: at.Add(time.Minute), Reading: r})
			require.Equal(t, once, c.View())
		}
	})
}

// TestEveryOpenCaseHasANextNeedAndAnHour steps random lives, always doing what
// Next asks, and sees every one of them end by the case's deadline.
func TestEveryOpenCaseHasANextNeedAndAnHour(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, now := newCase(), start
		end := start.Add(90 * day)
		for step := 0; !c.Stage.Final(); step++ {
			require.Less(t, step, 500, "a case that gets nowhere: %+v", c)
			need := c.Next(now)
			require.NotEqual(t, kyc.ActionNone, need.Action)
			require.False(t, need.At.IsZero())
			require.False(t, need.At.After(end))
			if rapid.IntRange(0, 9).Draw(t, "hint") == 0 {
				c.Apply(kyc.ChangeHinted{At: now, By: kyc.HintCallback})
			}
			switch need.Action {
			case kyc.ActionWait:
				now = need.At
				c.Apply(kyc.TimerFired{At: now})
			case kyc.ActionPollStatus:
				now = now.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "days")) * day)
				if now.After(need.At) {
					now = need.At
				}
				c.Apply(kyc.StatusReceived{At: now, Reading: drawReading(t), Covers: need.UpToHint})
			default:
				now = now.Add(time.Minute)
				submission := ""
				if need.Submission != nil {
					submission = need.Submission.ID
				}
				switch rapid.IntRange(0, 5).Draw(t, "fate") {
				case 0:
					c.Apply(kyc.RequestRejected{At: now, Step: kyc.StepStatus, Code: "x", Covers: need.UpToHint,
						Submission: submission})
				default:
					c.Apply(kyc.StatusReceived{At: now, Reading: drawReading(t), Covers: need.UpToHint, Submission: submission})
				}
			}
			if c.Stage == kyc.AwaitingDocuments && rapid.Bool().Draw(t, "send") {
				for _, e := range c.View().Entities {
					if s := license(fmt.Sprintf("s%d", step), e.ID); c.CheckSubmission(s) == nil {
						c.Apply(kyc.Submitted{At: now, Submission: s})
					}
				}
			}
		}
		require.False(t, c.EndedAt.After(end.Add(24*time.Hour)))
	})
}
