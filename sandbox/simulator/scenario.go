package simulator

import (
	"slices"

	"durablekyc.example/connectfi"
)

// Scenario is what becomes of a customer. For an individual it is the
// customer's own; for a business its representatives' ids decide, and the
// business itself is approved from the start, as on the page (S).
type Scenario string

// The scenarios. All are ours (A) but what the vendor's sandbox is known for:
// an ordinary individual is asked for documents, and WaitReview goes through
// StepUpReview (C).
const (
	Approve       Scenario = "approve"        // decided at once
	Deny          Scenario = "deny"           // decided at once
	StepUp        Scenario = "step_up"        // documents, then approved
	StepUpReview  Scenario = "step_up_review" // documents, then manual review
	Review        Scenario = "review"         // manual review from the start
	DataRequest   Scenario = "data_request"   // data wanted; only the sandbox's status call ends it
	Running       Scenario = "running"        // approves by itself after Config.Delay
	UnknownStatus Scenario = "unknown_status" // a status the pages do not list; only the status call ends it
	BackAndForth  Scenario = "back_and_forth" // documents, review, after Config.Delay documents again, then approved
)

// statusUnlisted is one of Alloy's that ConnectFi's cut table does not show (A).
const statusUnlisted connectfi.Status = "pending_action"

// state is the state of an entity.
type state struct {
	status  connectfi.Status
	outcome connectfi.Outcome
}

var (
	approved           = state{connectfi.StatusCompleted, "approved"}
	denied             = state{connectfi.StatusCompleted, "denied"}
	documentsRequested = state{status: connectfi.StatusPendingStepUp}
	inReview           = state{status: connectfi.StatusWaitingReview}
)

// script is a scenario written out.
type script struct {
	start state
	// documents are the states that complete documents lead to: the first
	// time, the second, …; the last one from then on.
	documents []state
	// automatic are the steps taken after Config.Delay without anybody's request,
	// so each of them has its callback.
	automatic map[connectfi.Status]state
}

var scripts = map[Scenario]script{
	Approve:      {start: approved},
	Deny:         {start: denied},
	StepUp:       {start: documentsRequested, documents: []state{approved}},
	StepUpReview: {start: documentsRequested, documents: []state{inReview}},
	Review:       {start: inReview},
	DataRequest:  {start: state{status: connectfi.StatusDataRequest}},
	Running: {start: state{status: connectfi.StatusRunning},
		automatic: map[connectfi.Status]state{connectfi.StatusRunning: approved}},
	UnknownStatus: {start: state{status: statusUnlisted}},
	BackAndForth: {start: documentsRequested, documents: []state{inReview, approved},
		automatic: map[connectfi.Status]state{connectfi.StatusWaitingReview: documentsRequested}},
}

// after says where complete documents lead, having been complete n times
// before. A scenario that never asks for any gets there only by the status
// call, and is approved then.
func (s script) after(n int) state {
	if len(s.documents) == 0 {
		return approved
	}
	return s.documents[min(n, len(s.documents)-1)]
}

// lastNames are the triggers at /customer/init. WaitReview is the vendor's (C);
// the others are ours (A). Any other name is an ordinary customer: StepUp (C).
var lastNames = map[string]Scenario{
	"WaitReview":    StepUpReview,
	"Approve":       Approve,
	"Deny":          Deny,
	"StepUp":        StepUp,
	"StepUpReview":  StepUpReview,
	"Review":        Review,
	"DataRequest":   DataRequest,
	"Running":       Running,
	"UnknownStatus": UnknownStatus,
	"BackAndForth":  BackAndForth,
}

func scenarioOf(lastName string) Scenario {
	if s, ok := lastNames[lastName]; ok {
		return s
	}
	return StepUp
}

// entity is one person or business within an application.
type entity struct {
	id         string
	isCustomer bool
	scenario   Scenario
	state
	moves    int      // how often the state changed, to see that it has not since
	complete int      // how often its documents were complete
	sides    []string // sides of a license linked since documents were wanted
}

// enter moves the entity.
func (e *entity) enter(to state) {
	e.state = to
	e.moves++
	e.sides = nil
}

func (e *entity) wantsDocuments() bool {
	return e.status == connectfi.StatusPendingStepUp || e.status == connectfi.StatusPendingDocuments
}

// show counts one linked image and reports whether the documents are complete
// with it: a license wants front and back (C), of every other type one image
// is enough (A).
func (e *entity) show(documentType, side string) bool {
	if documentType != "license" {
		return true
	}
	if !slices.Contains(e.sides, side) {
		e.sides = append(e.sides, side)
	}
	return len(e.sides) == 2
}
