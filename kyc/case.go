package kyc

import (
	"cmp"
	"slices"
	"time"
)

// Case is one identity check. The zero Case is not usable: see New. Its fields
// are exported so that it can be carried between runs of a workflow; only
// Apply changes them.
type Case struct {
	Reference string `json:"reference"`
	// distinguishes this case from an earlier one under its reference: set it before the first event
	Identity      string    `json:"identity,omitempty"`
	CustomerID    string    `json:"customerId"`
	Policy        Policy    `json:"policy"`
	StartedAt     time.Time `json:"startedAt"`
	ApplicationID string    `json:"applicationId,omitempty"`
	Stage         Stage     `json:"stage"`
	Reason        string    `json:"reason,omitempty"`
	EndedAt       time.Time `json:"endedAt,omitzero"`

	Reading   Snapshot  `json:"reading"`            // ConnectFi's last word, entities sorted
	ReadAt    time.Time `json:"readAt,omitzero"`    // when it was heard
	ChangedAt time.Time `json:"changedAt"`          // when it last differed: polling starts here
	AskedAt   time.Time `json:"askedAt,omitzero"`   // when documents were last requested again
	Reminded  int       `json:"reminded,omitempty"` // reminders of that request already passed
	Refusal   *Refusal  `json:"refusal,omitempty"`  // ConnectFi's last no, until something changes

	HintsReceived   int          `json:"hints,omitempty"`    // how often something hinted at a change
	Answered        int          `json:"answered,omitempty"` // how many of these an answer covers
	SeenCallbackIDs []string     `json:"seen,omitempty"`     // ids of the latest callbacks
	LinkEpoch       int          `json:"links,omitempty"`    // how often links to the applicant's page were revoked
	Queue           []Submission `json:"queue,omitempty"`    // sent by applicants, not yet taken by ConnectFi
	DoneSubmissions []string     `json:"settled,omitempty"`  // ids of the latest submissions that are through

	Notices   []Notice `json:"notices,omitempty"`   // for the outside, and not handed on yet
	NoticeSeq int      `json:"noticed,omitempty"`   // how many there were in all
	Requested string   `json:"requested,omitempty"` // the id of the last one that asked for documents

	Timeline []Entry `json:"timeline"`
	Version  int     `json:"version"` // rises with every change that a person can see
}

// maxRemembered bounds what a case keeps to recognise repetitions.
const maxRemembered = 64

// New is a case at its first moment: nothing was asked of ConnectFi yet.
func New(reference, customerID string, policy Policy, at time.Time) Case {
	c := Case{Reference: reference, CustomerID: customerID, Policy: policy,
		StartedAt: at, ChangedAt: at, Stage: Identifying}
	c.note(Entry{At: at, What: EntryStarted, By: ActorSystem})
	return c
}

// StartedBy names who started the case. It is called right after New.
func (c *Case) StartedBy(by Actor) {
	c.Timeline[0].By = by.checked()
}

// Apply lets an event happen. After a decision, an expiry or a withdrawal
// nothing changes any more, except that late hints are recorded.
func (c *Case) Apply(e Event) {
	if c.Stage.Final() {
		if h, ok := e.(ChangeHinted); ok && !c.markSeen(h.ID) {
			c.note(Entry{At: h.At, What: EntryLate, By: h.actor(), Count: 1})
		}
		return
	}
	e.apply(c)
}

// Until is when this stage ends at the latest. Documents have their own
// patience; nothing outlives the case's.
func (c *Case) Until() time.Time {
	end := c.StartedAt.Add(time.Duration(c.Policy.Case))
	if c.Stage == AwaitingDocuments {
		if documents := c.AskedAt.Add(time.Duration(c.Policy.Documents)); documents.Before(end) {
			return documents
		}
	}
	return end
}

func (e StatusReceived) apply(c *Case) {
	c.answer(e.Covers)
	c.settle(e.Submission)
	c.ReadAt = e.At
	reading := e.Reading
	reading.Entities = sorted(reading.Entities)
	entity := c.entityOf(e.Submission)
	if entity != "" {
		c.note(Entry{At: e.At, What: EntryHandedOver, By: ActorSystem, Entity: entity, RequestID: reading.RequestID})
	}
	if c.ApplicationID == "" {
		c.ApplicationID = reading.ApplicationID
		c.note(said(reading, Entry{At: e.At, What: EntryIdentified}))
	}
	if !equal(reading, c.Reading) {
		c.change(reading, e.At)
	} else if i := c.find(entity); i >= 0 && c.Reading.Entities[i].Status.kind() == wantsDocuments {
		c.note(said(reading, Entry{At: e.At, What: EntryStillWanted, Entity: entity}))
	}
	c.dequeue(e.Submission)
	c.expireIfDue(e.At)
	c.remindIfDue(e.At)
}

// change takes over a reading that differs from the last one.
func (c *Case) change(reading Snapshot, at time.Time) {
	before := c.Reading
	c.Reading, c.ChangedAt, c.Refusal = reading, at, nil
	stage, reason := reading.stage()
	moved := stage != c.Stage || reason != c.Reason
	wanted := newlyWanted(before, reading)
	asked := stage == AwaitingDocuments && (c.Stage != AwaitingDocuments || len(wanted) > 0)
	if asked {
		c.AskedAt, c.Reminded = at, 0
	}
	c.Stage, c.Reason = stage, reason
	if moved {
		c.note(said(reading, Entry{At: at, What: string(stage), Note: reason}))
	}
	for _, id := range wanted {
		c.note(said(reading, Entry{At: at, What: EntryWanted, Entity: id}))
	}
	for _, e := range reading.Entities {
		if e.Status.kind() == completed && !slices.ContainsFunc(before.Entities,
			func(b EntitySnapshot) bool { return b == e }) {
			c.note(said(reading, Entry{At: at, What: EntryEntityDone, Entity: e.ID, Note: string(e.Outcome)}))
		}
	}
	if !moved && len(wanted) == 0 {
		c.Version++
	}
	if stage.Final() {
		c.end(at)
	}
	if moved || asked {
		c.notify(noticeForStage[stage], at)
	}
}

// said makes a line one that ConnectFi caused by an answer.
func said(answer Snapshot, e Entry) Entry {
	e.By, e.RequestID = ActorConnectFi, answer.RequestID
	return e
}

// Refused: the case does not decide on a no. It is held for an operator, or,
// if only documents were refused, goes on wanting them after another look.
func (e RequestRejected) apply(c *Case) {
	c.refuse(e)
	if e.Step != StepDocuments {
		c.expireIfDue(e.At)
	}
}

// RetriesExhausted is handled like a refusal with the code CodeNoAnswer.
func (e RetriesExhausted) apply(c *Case) {
	RequestRejected{At: e.At, Step: e.Step, Code: CodeNoAnswer, Covers: e.Covers, Submission: e.Submission}.apply(c)
}

// CodeNoAnswer is the code of a Refusal where ConnectFi gave no code because it gave no answer.
const CodeNoAnswer = "noAnswer"

// unanswered says that ConnectFi answered none of the attempts of a step.
func unanswered(step string) string {
	return "no answer from ConnectFi to the " + step + " request after all retries"
}

func (c *Case) refuse(e RequestRejected) {
	at, step, code := e.At, e.Step, e.Code
	c.answer(e.Covers)
	c.Refusal = &Refusal{Step: step, Code: code}
	entity := c.entityOf(e.Submission)
	by := ActorConnectFi
	if code == CodeNoAnswer {
		by = ActorSystem
	}
	c.note(Entry{At: at, What: EntryRefused, By: by, Entity: entity, Note: step + ": " + quote(code),
		RequestID: e.RequestID})
	if step == StepDocuments {
		c.settle(e.Submission)
		c.dequeue(e.Submission)
		c.HintsReceived++ // it may be refused because the case has moved on: look
		return
	}
	reason := "ConnectFi refused the " + step + " with " + quote(code)
	if code == CodeNoAnswer {
		reason = unanswered(step)
	}
	if c.Stage != Held || c.Reason != reason {
		c.Stage, c.Reason, c.ChangedAt = Held, reason, at
		// The next answer is a change, even if it repeats the last one heard.
		c.Reading = Snapshot{Entities: c.Reading.Entities}
		c.note(Entry{At: at, What: string(Held), By: by, Note: reason, RequestID: e.RequestID})
		c.notify(NoticeHeld, at)
	}
}

func (e ChangeHinted) apply(c *Case) {
	if c.markSeen(e.ID) {
		return
	}
	c.HintsReceived++
	entry := Entry{At: e.At, What: e.By, By: e.actor(), Count: 1}
	if e.ApplicationID != "" && c.ApplicationID != "" && e.ApplicationID != c.ApplicationID {
		entry.Note = "it named another application"
	}
	c.note(entry)
}

func (e Submitted) apply(c *Case) {
	s := e.Submission
	if c.SubmissionDone(s.ID) || slices.ContainsFunc(c.Queue, func(q Submission) bool { return q.ID == s.ID }) {
		return
	}
	c.Queue = append(c.Queue, s)
	if s.Visit != nil {
		c.note(Entry{At: e.At, What: EntryVisited, By: s.By, Entity: s.Entity, Note: s.Visit.String()})
	}
	c.noteConsent(e.At, s)
	c.note(Entry{At: e.At, What: EntrySubmitted, By: s.By, Entity: s.Entity, Note: s.Label()})
}

// noteConsent notes what was agreed to, and where. A submission without a
// consent is from before there was one elsewhere.
func (c *Case) noteConsent(at time.Time, s Submission) {
	switch consent := s.Consent; {
	case consent == nil:
	case consent.Elsewhere:
		c.note(Entry{At: at, What: EntryConsentElsewhere, By: s.By, Entity: s.Entity})
	default:
		c.note(Entry{At: consent.At, What: EntryConsented, By: s.By, Entity: s.Entity,
			Consent: consent})
	}
}

func (e LinksRevoked) apply(c *Case) {
	c.LinkEpoch++
	c.note(Entry{At: e.At, What: EntryRevoked, By: e.By})
}

func (e TimerFired) apply(c *Case) {
	if c.ApplicationID == "" {
		c.expireIfDue(e.At) // there is nothing to read once more
	}
}

// remindIfDue reminds the applicant, as ConnectFi has just said that documents
// are still wanted.
func (c *Case) remindIfDue(at time.Time) {
	if c.Stage != AwaitingDocuments || !c.documentsOutstanding() {
		return
	}
	passed := c.Reminded
	for passed < len(c.Policy.Reminders) && !c.reminder(passed).After(at) {
		passed++
	}
	if passed > c.Reminded { // several that fell due together are one
		c.Reminded = passed
		c.note(Entry{At: at, What: EntryReminder, By: ActorSystem})
		c.notify(NoticeReminder, at)
	}
}

func (e WithdrawRequested) apply(c *Case) {
	c.Stage, c.Reason = Withdrawn, ""
	c.note(Entry{At: e.At, What: string(Withdrawn), By: e.By})
	c.end(e.At)
	c.notify(NoticeWithdrawn, e.At)
}

// expireIfDue ends a case whose last look was taken and found no decision.
func (c *Case) expireIfDue(at time.Time) {
	if c.Stage.Final() || len(c.Queue) > 0 || at.Before(c.Until()) {
		return
	}
	why := "no decision before the deadline; the last stage was " + string(c.Stage)
	c.Stage, c.Reason = Expired, why
	c.note(Entry{At: at, What: string(Expired), By: ActorSystem, Note: why})
	c.end(at)
	c.notify(NoticeExpired, at)
}

func (c *Case) end(at time.Time) {
	c.EndedAt, c.Queue = at, nil
	c.Answered = c.HintsReceived
}

func (c *Case) answer(covers int) { c.Answered = max(c.Answered, covers) }

func (c *Case) reminder(i int) time.Time { return c.AskedAt.Add(time.Duration(c.Policy.Reminders[i])) }

// markSeen remembers a callback's id and says whether it was known already.
func (c *Case) markSeen(id string) bool {
	if id == "" {
		return false
	}
	if slices.Contains(c.SeenCallbackIDs, id) {
		return true
	}
	c.SeenCallbackIDs = truncateOldest(append(c.SeenCallbackIDs, id))
	return false
}

func (c *Case) settle(submission string) {
	if submission != "" && !c.SubmissionDone(submission) {
		c.DoneSubmissions = truncateOldest(append(c.DoneSubmissions, submission))
	}
}

func (c *Case) dequeue(submission string) {
	c.Queue = slices.DeleteFunc(c.Queue, func(s Submission) bool { return s.ID == submission })
}

// entityOf is the entity a queued submission is for, or empty.
func (c *Case) entityOf(submission string) string {
	if i := slices.IndexFunc(c.Queue, func(s Submission) bool { return s.ID == submission }); i >= 0 {
		return c.Queue[i].Entity
	}
	return ""
}

func (c *Case) find(entity string) int {
	return slices.IndexFunc(c.Reading.Entities, func(e EntitySnapshot) bool { return e.ID == entity })
}

func truncateOldest(ids []string) []string {
	return slices.Clone(ids[max(0, len(ids)-maxRemembered):])
}

// sorted puts the customer first and the others in the order of their ids:
// position means nothing in ConnectFi's answers (S).
func sorted(entities []EntitySnapshot) []EntitySnapshot {
	entities = slices.Clone(entities)
	slices.SortFunc(entities, func(a, b EntitySnapshot) int {
		if a.IsCustomer != b.IsCustomer {
			if a.IsCustomer {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return entities
}

func equal(a, b Snapshot) bool {
	return a.ApplicationID == b.ApplicationID && a.Status == b.Status && a.Outcome == b.Outcome &&
		slices.Equal(a.Entities, b.Entities)
}

// newlyWanted lists the entities of which documents are wanted now and were not before.
func newlyWanted(before, now Snapshot) []string {
	var ids []string
	for _, e := range now.Entities {
		if e.Status.kind() != wantsDocuments {
			continue
		}
		i := slices.IndexFunc(before.Entities, func(b EntitySnapshot) bool { return b.ID == e.ID })
		if i < 0 || before.Entities[i].Status.kind() != wantsDocuments {
			ids = append(ids, e.ID)
		}
	}
	return ids
}
