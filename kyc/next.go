package kyc

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Do is what a case needs from the world.
type Do string

// The needs.
const (
	Identify Do = "identify" // find or make the application under this reference
	Submit   Do = "submit"   // hand a submission over to ConnectFi
	Read     Do = "read"     // read the status now
	Watch    Do = "watch"    // read the status now and then, and come back when it differs
	Wait     Do = "wait"     // nothing, until the hour
	Nothing  Do = "nothing"  // the case has ended
)

// Need is what a case needs next. It follows from the case and the time alone:
// whoever lost a need asks again and gets it again.
type Need struct {
	Do         Do
	At         time.Time   // Wait: the hour of Elapsed. Otherwise: when this stage ends at the latest
	Covers     int         // hand it back in the answer: the hints that were known when this was asked
	Submission *Submission // Submit only
}

// Next says what the case needs at this time. Every need but Nothing has a
// time at which something happens.
func (c *Case) Next(now time.Time) Need {
	until := c.Until()
	need := func(do Do) Need { return Need{Do: do, At: until, Covers: c.Hints} }
	switch {
	case c.Stage.Final():
		return Need{Do: Nothing}
	case c.Stage == Identifying, c.ApplicationID == "" && c.Hints > c.Answered:
		return need(Identify)
	case c.ApplicationID == "":
		return need(Wait) // refused: only a hint or the deadline moves it
	case len(c.Queue) > 0:
		n := need(Submit)
		n.Submission = &c.Queue[0]
		return n
	case c.Hints > c.Answered, !now.Before(c.wake()):
		return need(Read)
	}
	first := c.firstRead()
	if !now.Before(first) {
		n := need(Watch)
		n.At = c.wake()
		return n
	}
	return Need{Do: Wait, At: earlier(first, c.wake()), Covers: c.Hints}
}

// wake is when the status is read at the latest: at the end of the stage, and
// before a reminder, for who was decided meanwhile is not reminded.
func (c *Case) wake() time.Time {
	if c.Stage == AwaitingDocuments && c.Reminded < len(c.Policy.Reminders) && c.someoneMissing() {
		return earlier(c.reminder(c.Reminded), c.Until())
	}
	return c.Until()
}

// firstRead is when the status is read by itself for the first time. While
// documents are wanted the applicant acts as a rule, and reads are far between.
func (c *Case) firstRead() time.Time {
	if c.Stage == AwaitingDocuments {
		return c.ReadAt.Add(c.Policy.readDocuments())
	}
	return c.ChangedAt.Add(time.Duration(c.Policy.ReadFirst))
}

// ReadEvery is the shortest and the longest time between two reads of a watch.
// While documents are wanted they are the same, and leave room for the tenth
// that a watch may add by chance.
func (c *Case) ReadEvery() (shortest, longest time.Duration) {
	if c.Stage == AwaitingDocuments {
		every := c.Policy.readDocuments() * 10 / 11
		return every, every
	}
	return time.Duration(c.Policy.ReadFirst), time.Duration(c.Policy.ReadMax)
}

// Why a case does not take a submission.
var (
	ErrEnded     = errors.New("the case has ended")
	ErrNotWanted = errors.New("no documents are wanted")
)

// CheckSubmission says whether the case wants this submission now: nil, or
// ErrEnded, ErrNotWanted or a *SubmissionError, each with its reason. One that
// was handed in before is welcome: it gets the same answer again.
func (c *Case) CheckSubmission(s Submission) error {
	if err := s.Validate(); err != nil {
		return &SubmissionError{err}
	}
	if c.Handled(s.ID) {
		return nil
	}
	if c.Stage.Final() {
		return fmt.Errorf("%w: it is %s", ErrEnded, c.Stage)
	}
	i := c.find(s.Entity)
	if i < 0 {
		return &SubmissionError{fmt.Errorf("the case has no entity %q", s.Entity)}
	}
	if c.Stage != AwaitingDocuments || c.Reading.Entities[i].Status.kind() != wantsDocuments {
		return fmt.Errorf("%w of this entity: the case is %s", ErrNotWanted, c.Stage)
	}
	for _, q := range c.Queue {
		// Whoever links by themselves may link one after the other: each is ConnectFi's to judge.
		if q.Entity == s.Entity && q.ID != s.ID && !s.AtConnectFi() {
			return fmt.Errorf("%w of this entity: others are on their way to ConnectFi already", ErrNotWanted)
		}
	}
	return nil
}

// SubmissionError says what is wrong with a submission in itself.
type SubmissionError struct{ problem error }

func (e *SubmissionError) Error() string { return e.problem.Error() }
func (e *SubmissionError) Unwrap() error { return e.problem }

// Handled reports whether this submission is through, taken or refused.
func (c *Case) Handled(submission string) bool { return slices.Contains(c.Settled, submission) }

// someoneMissing reports whether an applicant has something to do: documents
// that are on their way are not missing.
func (c *Case) someoneMissing() bool {
	return slices.ContainsFunc(c.Reading.Entities, func(e EntityReading) bool { return c.missing(e) })
}

func (c *Case) missing(e EntityReading) bool {
	return e.Status.kind() == wantsDocuments &&
		!slices.ContainsFunc(c.Queue, func(s Submission) bool { return s.Entity == e.ID })
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
