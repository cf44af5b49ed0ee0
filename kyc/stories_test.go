package kyc_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"durablekyc.example/kyc"
)

// TestStories plays the texts of testdata/stories and compares what the case
// answers after each command. With -rewrite it writes the answers into them.
// README.md there explains the commands.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		if strings.HasSuffix(path, ".md") {
			return
		}
		s := &story{}
		datadriven.RunTest(t, path, s.play)
	})
}

// clock is how stories write a time, which is UTC.
const clock = "2 January 2006 15:04"

// story is a case and what has been printed of it.
type story struct {
	c     kyc.Case
	now   time.Time
	names map[string]string // of the customer and the representatives, by id
	lines []string          // of the timeline, as printed
}

// play runs one command and returns what the case answers.
func (s *story) play(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	s.advance(t, d)
	switch d.Cmd {
	case "start":
		s.start(t, d)
	case "connectfi-answers":
		need := s.asked(t, d)
		s.c.Apply(kyc.StatusReceived{At: s.now, Reading: s.snapshot(t, d),
			Covers: need.UpToHint, Submission: submissionOf(need)})
	case "connectfi-refuses":
		need := s.asked(t, d)
		s.c.Apply(kyc.RequestRejected{At: s.now, Step: stepOf(need), Code: arg(t, d, "code"),
			Covers: need.UpToHint, Submission: submissionOf(need)})
	case "connectfi-is-silent":
		need := s.asked(t, d)
		s.c.Apply(kyc.RetriesExhausted{At: s.now, Step: stepOf(need),
			Covers: need.UpToHint, Submission: submissionOf(need)})
	case "connectfi-calls-back":
		s.c.Apply(kyc.ChangeHinted{At: s.now, By: kyc.HintCallback, ID: arg(t, d, "id")})
	case "refresh":
		s.c.Apply(kyc.ChangeHinted{At: s.now, By: kyc.HintRefresh})
	case "applicant-sends":
		if refusal := s.submit(t, d); refusal != "" {
			return refusal
		}
	case "client-withdraws":
		s.c.Apply(kyc.WithdrawRequested{At: s.now})
	case "time-passes":
		s.c.Apply(kyc.TimerFired{At: s.now})
	default:
		d.Fatalf(t, "unknown command %q", d.Cmd)
	}
	return s.answer()
}

// advance sets the time of the command, which is never before the last one's.
func (s *story) advance(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	at, err := time.Parse(clock, arg(t, d, "at"))
	if err != nil || d.Cmd != "start" && at.Before(s.now) {
		d.Fatalf(t, "at must be a time such as %q, and not before %s", clock, s.now.Format(clock))
	}
	s.now = at
}

func (s *story) start(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	*s = story{now: s.now, names: map[string]string{}}
	kind, prefix := "person", "cstap_"
	if d.HasArg("business") {
		kind, prefix = "business", "cstab_"
	}
	customer := arg(t, d, kind)
	id := prefix + "01"
	s.names[id] = customer
	if representatives, there := d.Arg("representatives"); there {
		for i, name := range representatives.Vals {
			s.names[fmt.Sprintf("%s%02d", prefix, i+2)] = name
		}
	}
	s.c = kyc.New("A1", id, kyc.DefaultPolicy(), s.now)
}

// asked is what the case has asked of ConnectFi: it answers nothing else.
func (s *story) asked(t *testing.T, d *datadriven.TestData) kyc.NextStep {
	t.Helper()
	need := s.c.Next(s.now)
	if need.Action == kyc.ActionWait || need.Action == kyc.ActionNone {
		d.Fatalf(t, "the case has asked ConnectFi nothing: next is %s", s.next(need))
	}
	return need
}

// snapshot reads one line for the application and one for each entity: the
// name, a colon, the status and, after a comma, the outcome.
func (s *story) snapshot(t *testing.T, d *datadriven.TestData) kyc.Snapshot {
	t.Helper()
	r := kyc.Snapshot{ApplicationID: "iapp_1"}
	for line := range strings.Lines(d.Input) {
		name, said, _ := strings.Cut(strings.TrimSpace(line), ": ")
		status, outcome, _ := strings.Cut(said, ", ")
		if name == "application" {
			r.Status, r.Outcome = kyc.Status(status), kyc.Outcome(outcome)
			continue
		}
		id := s.id(t, d, name)
		r.Entities = append(r.Entities, kyc.EntitySnapshot{ID: id, IsCustomer: id == s.c.CustomerID,
			Status: kyc.Status(status), Outcome: kyc.Outcome(outcome)})
	}
	return r
}

// submit returns the reason if the case does not take the images.
func (s *story) submit(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	kind := kyc.DocumentType(arg(t, d, "document"))
	sent := kyc.Submission{Entity: s.id(t, d, arg(t, d, "of")), Type: kind,
		Consent: &kyc.Consent{Text: fmt.Sprintf("%x", sha256.Sum256(nil)), Version: "1", Language: "en", At: s.now}}
	sums := map[kyc.Side][sha256.Size]byte{}
	sides, _ := d.Arg("sides")
	for _, side := range sides.Vals {
		sent.Images = append(sent.Images, kyc.Image{Key: side, Side: kyc.Side(side), Extension: "jpg"})
		sums[kyc.Side(side)] = sha256.Sum256([]byte(side))
	}
	sent.ID = s.c.View().SubmissionID(sent.Entity, kind, sums)
	if err := s.c.CheckSubmission(sent); err != nil {
		return "not taken: " + s.named(err.Error()) + "\n"
	}
	s.c.Apply(kyc.Submitted{At: s.now, Submission: sent})
	return ""
}

func (s *story) id(t *testing.T, d *datadriven.TestData, name string) string {
	t.Helper()
	for id, known := range s.names {
		if known == name {
			return id
		}
	}
	d.Fatalf(t, "nobody in this story is called %q", name)
	return ""
}

// stepOf is what ConnectFi refuses if it refuses what was asked.
func stepOf(need kyc.NextStep) string {
	switch need.Action {
	case kyc.ActionIdentify:
		return kyc.StepIdentification
	case kyc.ActionSubmit:
		return kyc.StepDocuments
	}
	return kyc.StepStatus
}

func submissionOf(need kyc.NextStep) string {
	if need.Submission == nil {
		return ""
	}
	return need.Submission.ID
}

// arg is an argument that the command must have.
func arg(t *testing.T, d *datadriven.TestData, name string) string {
	t.Helper()
	found, there := d.Arg(name)
	if !there || !slices.ContainsFunc(found.Vals, func(v string) bool { return v != "" }) {
		d.Fatalf(t, "%s needs %s=…", d.Cmd, name)
	}
	return found.SingleVal(t)
}
