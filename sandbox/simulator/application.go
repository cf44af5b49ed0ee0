package simulator

import (
	"slices"
	"strings"
	"time"

	"durablekyc.example/connectfi"
)

// application is one run of the check. The entities stand as the page prints
// them: a business after its representatives (S).
type application struct {
	id, reference, customerID, webhookURL string
	created                               time.Time
	entities                              []*entity
	before                                *connectfi.Application // as it was before the last change that had a callback
}

// status derives the application's status from its entities: as the
// least finished one (S); decided only when all are, and approved only when
// all are (C).
func (a *application) status() (connectfi.Status, connectfi.Outcome) {
	least := slices.MinFunc(a.entities, func(x, y *entity) int { return finished(x.status) - finished(y.status) })
	if least.status != connectfi.StatusCompleted {
		return least.status, ""
	}
	worst := least.outcome
	for _, e := range a.entities {
		if e.outcome == denied.outcome || worst == approved.outcome {
			worst = e.outcome
		}
	}
	return connectfi.StatusCompleted, capital(worst)
}

// capital spells an entity's outcome as an application's: approved, Approved (S, C).
func capital(o connectfi.Outcome) connectfi.Outcome {
	if o == "" {
		return o
	}
	return connectfi.Outcome(strings.ToUpper(string(o[:1]))) + o[1:]
}

// finished ranks the statuses. That documents wanted come first is printed (S);
// the order of the rest is assumed (A).
func finished(s connectfi.Status) int {
	switch s {
	case connectfi.StatusPendingStepUp, connectfi.StatusPendingDocuments:
		return 0
	case connectfi.StatusDataRequest:
		return 2
	case connectfi.StatusRunning:
		return 3
	case connectfi.StatusWaitingReview, connectfi.StatusPendingReview:
		return 4
	case connectfi.StatusCompleted:
		return 5
	}
	return 1 // not listed: nobody knows how far it is
}

// body is the application as ConnectFi answers it (S).
func (a *application) body(aggregator string) connectfi.Application {
	status, outcome := a.status()
	body := connectfi.Application{ApplicationID: a.id, AggregatorID: aggregator, CustomerID: a.customerID,
		Reference: a.reference, Status: status, Outcome: outcome}
	for _, e := range a.entities {
		body.EntityApplications = append(body.EntityApplications, connectfi.EntityApplication{
			EntityID: e.id, IsCustomer: e.isCustomer, Status: e.status, Outcome: e.outcome})
	}
	return body
}

// scenarioEntities are the entities that play the customer's scenario.
func (a *application) scenarioEntities() []*entity {
	if len(a.entities) == 1 {
		return a.entities
	}
	return slices.DeleteFunc(slices.Clone(a.entities), func(e *entity) bool { return e.isCustomer })
}

// changeWithCallback makes a change that no request to ConnectFi's own endpoints
// caused: the only kind that has a callback (C). The caller holds s.mu.
func (s *Sandbox) changeWithCallback(a *application, change func()) {
	before := a.body(s.config.AggregatorID)
	a.before = &before
	change()
	s.callBack(a)
}

// scheduleOwnSteps arranges for the steps that these entities take by themselves from
// where they stand now. The caller holds s.mu.
func (s *Sandbox) scheduleOwnSteps(a *application, entities ...*entity) {
	moves := map[*entity]int{}
	for _, e := range entities {
		if _, ok := scripts[e.scenario].automatic[e.status]; ok {
			moves[e] = e.moves
		}
	}
	if len(moves) == 0 {
		return
	}
	s.later.after(s.config.Delay, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		var still []*entity
		for e, then := range moves {
			if e.moves == then {
				still = append(still, e)
			}
		}
		if len(still) == 0 {
			return
		}
		s.changeWithCallback(a, func() {
			for _, e := range still {
				e.enter(scripts[e.scenario].automatic[e.status])
			}
		})
	})
}
