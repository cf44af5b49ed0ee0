package kyc

import (
	"slices"
	"time"
)

// View is a case as a person, a page or a program needs it.
type View struct {
	Reference     string       `json:"reference"`
	CustomerID    string       `json:"customerId"`
	CustomerType  CustomerType `json:"customerType"`
	ApplicationID string       `json:"applicationId"`
	AggregatorID  string       `json:"aggregatorId,omitempty"`
	Status        Status       `json:"status,omitempty"` // of the application: ConnectFi's last word
	RawOutcome    Outcome      `json:"said,omitempty"`   // its outcome, in ConnectFi's spelling
	Stage         Stage        `json:"stage"`
	Outcome       Outcome      `json:"outcome"` // approved, denied or empty
	WaitingOn     WaitingOn    `json:"waitingOn"`
	Until         time.Time    `json:"until,omitzero"`    // when something happens at the latest; zero once final
	OnDeadline    string       `json:"then,omitempty"`    // what happens then, in one sentence
	Reason        string       `json:"reason,omitempty"`  // why it is held, or how it ended
	Ground        string       `json:"ground,omitempty"`  // why it is held: one of HoldReasons
	Refusal       *Refusal     `json:"refusal,omitempty"` // ConnectFi's last no, until something changes
	// ConnectFi's id of the answer that Status and Stage follow from, and the SHA-256 of that answer's body
	RequestID string `json:"requestId,omitempty"`
	AnswerSum string `json:"answerSha256,omitempty"`
	// submissions on their way to ConnectFi, also of entities it no longer names
	Queued    int          `json:"queued,omitempty"`
	Entities  []EntityView `json:"entities"` // the customer first, then in the order of their ids
	Timeline  []Entry      `json:"timeline"` // oldest first
	StartedAt time.Time    `json:"startedAt"`
	EndedAt   time.Time    `json:"endedAt,omitzero"`
	// how often links to the applicant's page were revoked: a link contains the number it was made under
	Links   int    `json:"links"`
	Hints   int    `json:"hints,omitempty"`   // how often something hinted at a change
	Covered int    `json:"covered,omitempty"` // how many of these an answer of ConnectFi's covers
	Version int    `json:"version"`           // rises with every change
	Webhook string `json:"webhook,omitempty"` // a hash of the address of the caller's receiver; empty for none

	// when ConnectFi was last asked for the status and when it is asked next, while it decides; Temporal alone knows,
	// so cases.Client adds them and the case itself leaves them out
	CheckedAt   time.Time `json:"checkedAt,omitzero"`
	NextCheckAt time.Time `json:"nextCheckAt,omitzero"`
}

// ResetAt says that an operator reset the case in Temporal at this time. The case
// itself cannot know what its earlier run went through after the line before.
func (v *View) ResetAt(at time.Time) {
	behind := slices.IndexFunc(v.Timeline, func(e Entry) bool { return e.At.After(at) })
	if behind < 0 {
		behind = len(v.Timeline)
	}
	v.Timeline = slices.Insert(v.Timeline, behind, Entry{At: at, What: EntryReset, By: ActorTemporal})
}

// EntityView is one person or business of the case.
type EntityView struct {
	ID         string   `json:"id"`
	IsCustomer bool     `json:"isCustomer"`
	Status     Status   `json:"status"`  // ConnectFi's word
	Outcome    Outcome  `json:"outcome"` // ConnectFi's word, or empty
	Missing    []string `json:"missing"` // what is wanted of this entity, each in a few words
	Sending    bool     `json:"sending"` // what it sent is on its way to ConnectFi
}

// Refusal is ConnectFi's clear no to something we asked, by its code. It
// contains no text of ConnectFi's: that may be personal data.
type Refusal struct {
	Step string `json:"step"` // StepIdentification, StepStatus or StepDocuments
	Code string `json:"code"`
}

// View tells the case as it stands.
func (c *Case) View() View {
	v := View{
		Reference: c.Reference, CustomerID: c.CustomerID, CustomerType: CustomerTypeOf(c.CustomerID),
		ApplicationID: c.ApplicationID, AggregatorID: c.Reading.AggregatorID, Status: c.Reading.Status,
		RawOutcome: c.Reading.Outcome, Stage: c.Stage, WaitingOn: c.Stage.WaitingOn(),
		Reason: c.Reason, Ground: c.HoldReason(), Refusal: c.Refusal,
		RequestID: c.Reading.RequestID, AnswerSum: c.Reading.SHA256, StartedAt: c.StartedAt, EndedAt: c.EndedAt,
		Links: c.LinkEpoch,
		Hints: c.HintsReceived, Covered: c.Answered, Version: c.Version, Queued: len(c.Queue),
		Timeline: slices.Clone(c.Timeline), Entities: []EntityView{},
	}
	switch c.Stage {
	case Approved:
		v.Outcome = OutcomeApproved
	case Denied:
		v.Outcome = OutcomeDenied
	}
	if !c.Stage.Final() {
		v.Until, v.OnDeadline = c.Until(), c.then()
	}
	for _, e := range c.Reading.Entities {
		v.Entities = append(v.Entities, EntityView{
			ID: e.ID, IsCustomer: e.IsCustomer, Status: e.Status, Outcome: e.Outcome,
			Missing: c.missingDocuments(e, v.CustomerType),
			Sending: slices.ContainsFunc(c.Queue, func(s Submission) bool { return s.Entity == e.ID }),
		})
	}
	return v
}

// then says what happens at Until.
func (c *Case) then() string {
	if c.ApplicationID == "" {
		return "the case expires"
	}
	return "the status is read once more; the case expires if nothing was decided"
}

// missingDocuments says what is missing of an entity. ConnectFi does not name the
// documents it wants; a driver's license from both sides is what its pages show (C).
func (c *Case) missingDocuments(e EntitySnapshot, customer CustomerType) []string {
	switch {
	case c.Stage.Final():
	case c.missing(e) && e.IsCustomer && customer == Business:
		return []string{"documents of the business"}
	case c.missing(e):
		return []string{"an identity document: front and back of a driver's license, or a passport"}
	case e.Status.kind() == wantsData:
		return []string{dataWanted}
	}
	return []string{}
}

// dataWanted says who can change what of a customer [Customer/API/Update] (C).
// Which data is wanted, no visible field says.
const dataWanted = "data that ConnectFi does not name: you can change e-mail, addresses and phones with its POST " +
	"/customer/update; a wrong name, birth date, SSN or FEIN only PayGears can change"

// Headline says in one line where the case stands.
func (v View) Headline() string {
	line := headlines[v.Stage]
	if v.Reason != "" {
		line += ": " + v.Reason
	}
	return line
}

var headlines = map[Stage]string{
	Identifying:       "Identifying: creating the application at ConnectFi",
	Processing:        "Processing: ConnectFi is processing the application",
	AwaitingDocuments: "Awaiting documents from the applicant",
	AwaitingData:      "Awaiting data: ConnectFi needs more or different customer data",
	InReview:          "In manual review at ConnectFi",
	Held:              "Held for an operator",
	Approved:          "Approved",
	Denied:            "Denied",
	Expired:           "Expired without a decision",
	Withdrawn:         "Withdrawn",
}
