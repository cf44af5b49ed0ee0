package simulator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"durablekyc.example/connectfi"
)

// controlError is a call to /sandbox/… that cannot be done, in one sentence.
type controlError struct {
	httpStatus int
	sentence   string
}

func (m *controlError) Error() string { return m.sentence }

func badControl(sentence string) error { return &controlError{http.StatusBadRequest, sentence} }

// control answers in plain JSON: these endpoints are the sandbox's own.
func (s *Sandbox) control(call endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, err := call(r)
		if err == nil {
			writeJSON(w, http.StatusOK, data)
			return
		}
		status := http.StatusInternalServerError
		if m, ok := errors.AsType[*controlError](err); ok {
			status = m.httpStatus
		}
		writeJSON(w, status, map[string]string{"error": err.Error()})
	}
}

func decodeControl[T any](r *http.Request) (T, error) {
	var request T
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return request, badControl("invalid body (see GET /sandbox/): " + strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return request, badControl("the body has more than one JSON value")
	}
	return request, nil
}

// maxAtOnce bounds how many customers one call makes, and how many
// representatives a business has.
const (
	maxAtOnce          = 100_000
	maxRepresentatives = 20
)

type customersRequest struct {
	Type            string   `json:"type"`
	Scenario        Scenario `json:"scenario"`
	Count           int      `json:"count"`           // default 1
	Representatives int      `json:"representatives"` // of each business; default 1
}

func (c *customersRequest) check() error {
	c.Count, c.Representatives = cmp.Or(c.Count, 1), cmp.Or(c.Representatives, 1)
	_, known := scripts[c.Scenario]
	switch {
	case c.Type != "individual" && c.Type != "business":
		return badControl("type must be individual or business")
	case !known:
		names := make([]string, 0, len(scripts))
		for s := range scripts {
			names = append(names, string(s))
		}
		slices.Sort(names)
		return badControl("scenario must be one of " + strings.Join(names, ", "))
	case c.Count < 1 || c.Count > maxAtOnce:
		return badControl(fmt.Sprintf("count must be 1 to %d", maxAtOnce))
	case c.Representatives < 1 || c.Representatives > maxRepresentatives:
		return badControl(fmt.Sprintf("representatives must be 1 to %d", maxRepresentatives))
	}
	return nil
}

// makeCustomers is POST /sandbox/customers.
func (s *Sandbox) makeCustomers(r *http.Request) (any, error) {
	request, err := decodeControl[customersRequest](r)
	if err == nil {
		err = request.check()
	}
	if err != nil {
		return nil, err
	}
	made := make([]*customer, request.Count)
	ids := make([]string, request.Count)
	for i := range made {
		now := s.config.Clock()
		if request.Type == "individual" {
			made[i] = newIndividual(connectfi.NewID(connectfi.PrefixIndividual, now), request.Scenario)
		} else {
			made[i] = newBusiness(connectfi.NewID(connectfi.PrefixBusiness, now), now,
				slices.Repeat([]Scenario{request.Scenario}, request.Representatives)...)
		}
		ids[i] = made[i].id
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range made {
		s.customers[c.id] = c
	}
	return map[string][]string{"customerIds": ids}, nil
}

// ApplicationEntry is one line of GET /sandbox/applications.
type ApplicationEntry struct {
	Reference     string            `json:"reference"`
	ApplicationID string            `json:"applicationId"`
	CustomerID    string            `json:"customerId"`
	Status        connectfi.Status  `json:"status"`
	Outcome       connectfi.Outcome `json:"outcome"` // null until decided
	WebhookURL    string            `json:"webhookUrl"`
}

func (a *application) entry() ApplicationEntry {
	status, outcome := a.status()
	return ApplicationEntry{a.reference, a.id, a.customerID, status, outcome, a.webhookURL}
}

// showApplications is GET /sandbox/applications, in the order they were made;
// ?reference= leaves the others out.
func (s *Sandbox) showApplications(r *http.Request) (any, error) {
	only := r.URL.Query().Get("reference")
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := []ApplicationEntry{}
	for _, a := range s.inOrder {
		if only == "" || only == a.reference {
			entries = append(entries, a.entry())
		}
	}
	return entries, nil
}

// showLedger is GET /sandbox/ledger; ?reference= leaves the others out.
func (s *Sandbox) showLedger(r *http.Request) (any, error) {
	only := r.URL.Query().Get("reference")
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := []LedgerEntry{}
	for _, entry := range s.ledger.inOrder {
		if only == "" || only == entry.Reference {
			entries = append(entries, *entry)
		}
	}
	return entries, nil
}

// review is POST /sandbox/applications/:id/review: what the vendor needs a
// person for (C). It decides every entity that is in review.
func (s *Sandbox) review(r *http.Request) (any, error) {
	request, err := decodeControl[struct {
		Outcome connectfi.Outcome `json:"outcome"`
	}](r)
	if err != nil {
		return nil, err
	}
	if request.Outcome != approved.outcome && request.Outcome != denied.outcome {
		return nil, badControl("outcome must be approved or denied")
	}
	return s.moveEntities(r, func(a *application) ([]*entity, state, error) {
		waiting := slices.DeleteFunc(slices.Clone(a.entities), func(e *entity) bool {
			return e.status != connectfi.StatusWaitingReview && e.status != connectfi.StatusPendingReview
		})
		if len(waiting) == 0 {
			return nil, state{}, &controlError{http.StatusConflict, "the application is not in review"}
		}
		return waiting, state{connectfi.StatusCompleted, request.Outcome}, nil
	})
}

// move is POST /sandbox/applications/:id/status: it puts the entities that play
// the scenario, and so the application, anywhere: also back, also to a status
// or an outcome that nobody lists. A business itself stays approved.
func (s *Sandbox) move(r *http.Request) (any, error) {
	request, err := decodeControl[struct {
		Status  connectfi.Status  `json:"status"`
		Outcome connectfi.Outcome `json:"outcome"`
	}](r)
	switch {
	case err != nil:
		return nil, err
	case request.Status == "":
		return nil, badControl("status is required")
	case request.Outcome != "" && request.Status != connectfi.StatusCompleted:
		return nil, badControl("only the status completed has an outcome")
	}
	return s.moveEntities(r, func(a *application) ([]*entity, state, error) {
		return a.scenarioEntities(), state{request.Status, request.Outcome}, nil
	})
}

// moveEntities moves the entities that choose names and sends the callback.
func (s *Sandbox) moveEntities(r *http.Request, choose func(*application) ([]*entity, state, error)) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.applications[r.PathValue("id")]
	if a == nil {
		return nil, &controlError{http.StatusNotFound, "no application has this id: GET /sandbox/applications lists them"}
	}
	entities, to, err := choose(a)
	if err != nil {
		return nil, err
	}
	s.changeWithCallback(a, func() {
		for _, e := range entities {
			e.enter(to)
		}
	})
	return a.entry(), nil
}
