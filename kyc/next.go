package kyc

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Action is what a case needs done outside.
type Action string

// The actions.
const (
	ActionIdentify   Action = "identify" // find the application under this reference, or create it
	ActionSubmit     Action = "submit"   // send a submission to ConnectFi
	ActionReadStatus Action = "read"     // read the status now
	ActionPollStatus Action = "watch"    // poll the status, and return when it has changed
	ActionWait       Action = "wait"     // do nothing until NextStep.At
	ActionNone       Action = "nothing"  // the case has ended
)

// NextStep is what a case needs next. It follows from the case and the time alone:
// a caller that has lost it asks again and gets the same.
type NextStep struct {
	Action     Action
	At         time.Time   // ActionWait: when TimerFired is due. Otherwise: when the stage ends at the latest
	UpToHint   int         // to be returned in the answer: how many hints had been received when this was asked
	Submission *Submission // ActionSubmit only
}

// Next returns what the case needs at this time. Every step but ActionNone has a
// time at which something happens.
func (c *Case) Next(now time.Time) NextStep {
	until := c.Until()
	step := func(do Action) NextStep { return NextStep{Action: do, At: until, UpToHint: c.HintsReceived} }
	switch {
	case c.Stage.Final():
		return NextStep{Action: ActionNone}
	case c.Stage == Identifying, c.ApplicationID == "" && c.HintsReceived > c.Answered:
		return step(ActionIdentify)
	case c.ApplicationID == "":
		return step(ActionWait) // refused: only a hint or the deadline moves it
	case len(c.Queue) > 0:
		n := step(ActionSubmit)
		n.Submission = &c.Queue[0]
		return n
	case c.HintsReceived > c.Answered, !now.Before(c.wake()):
		return step(ActionReadStatus)
	}
	first := c.firstRead()
	if !now.Before(first) {
		n := step(ActionPollStatus)
		n.At = c.wake()
		return n
	}
	return NextStep{Action: ActionWait, At: earlier(first, c.wake()), UpToHint: c.HintsReceived}
}

// wake is when the status is read at the latest: at the end of the stage, and
// before a reminder, for who was decided meanwhile is not reminded.
func (c *Case) wake() time.Time {
	if c.Stage == AwaitingDocuments && c.Reminded < len(c.Policy.Reminders) && c.documentsOutstanding() {
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
	ErrEnded                 = errors.New("the case has ended")
	ErrDocumentsNotRequested = errors.New("the case is not waiting for documents")
)

// CheckSubmission says whether the case wants this submission now: nil, or
// ErrEnded, ErrDocumentsNotRequested or a *SubmissionError, each with its reason. One that
// was handed in before is welcome: it gets the same answer again.
func (c *Case) CheckSubmission(s Submission) error {
	if err := s.Validate(); err != nil {
		return &SubmissionError{err}
	}
	if c.SubmissionDone(s.ID) {
		return nil
	}
	if c.Stage.Final() {
		return fmt.Errorf("%w (stage %s)", ErrEnded, c.Stage)
	}
	i := c.find(s.Entity)
	if i < 0 {
		return &SubmissionError{fmt.Errorf("unknown entity %q", s.Entity)}
	}
	if c.Stage != AwaitingDocuments || c.Reading.Entities[i].Status.kind() != wantsDocuments {
		return fmt.Errorf("%w of this entity (stage %s)", ErrDocumentsNotRequested, c.Stage)
	}
	for _, q := range c.Queue {
		// Whoever links by themselves may link one after the other: each is ConnectFi's to judge.
		if q.Entity == s.Entity && q.ID != s.ID && !s.AlreadyUploaded() {
			return fmt.Errorf("%w of this entity: its documents are already being sent to ConnectFi", ErrDocumentsNotRequested)
		}
	}
	return nil
}

// SubmissionError says what is wrong with a submission in itself.
type SubmissionError struct{ problem error }

func (e *SubmissionError) Error() string { return e.problem.Error() }
func (e *SubmissionError) Unwrap() error { return e.problem }

// SubmissionDone reports whether this submission is through, taken or refused.
func (c *Case) SubmissionDone(submission string) bool {
	return slices.Contains(c.DoneSubmissions, submission)
}

// documentsOutstanding reports whether an applicant has something to do: documents
// that are on their way are not missing.
func (c *Case) documentsOutstanding() bool {
	return slices.ContainsFunc(c.Reading.Entities, func(e EntitySnapshot) bool { return c.missing(e) })
}

func (c *Case) missing(e EntitySnapshot) bool {
	return e.Status.kind() == wantsDocuments &&
		!slices.ContainsFunc(c.Queue, func(s Submission) bool { return s.Entity == e.ID })
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
