package simulator

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"durablekyc.example/connectfi"
)

// identify is POST /akepa/identification (S). It makes an application every
// time: what ConnectFi does with a reference it knows is not documented, and
// this stand-in must not hide a caller's second post (A). syncMode changes
// nothing, its meaning being unclear (S): the answer says what is known at
// once, and what comes later comes by callback.
func (s *Sandbox) identify(r *http.Request) (any, error) {
	request, err := decode[connectfi.IdentificationRequest](r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.known(request.CustomerID)
	if err != nil {
		return nil, err
	}
	if known := slices.IndexFunc(c.applications,
		func(a *application) bool { return a.reference == request.Reference }); known >= 0 &&
		s.dial.roll(func(f Faults) float64 { return f.ReferenceExists }) {
		return nil, referenceExists(request.Reference, c.applications[known].id)
	}
	now := s.config.Clock()
	made := &application{
		id:         connectfi.NewID(connectfi.PrefixApplication, now),
		reference:  request.Reference,
		customerID: request.CustomerID,
		webhookURL: request.WebhookURL,
		created:    now,
		entities:   c.begin(),
	}
	c.applications = append(c.applications, made)
	s.customers[c.id] = c
	s.applications[made.id] = made
	s.inOrder = append(s.inOrder, made)
	s.ledger.of(made.reference).Applications++
	s.scheduleOwnSteps(made, made.entities...)
	return made.body(s.config.AggregatorID), nil
}

// status is POST /akepa/status (C).
func (s *Sandbox) status(r *http.Request) (any, error) {
	request, err := decode[connectfi.StatusRequest](r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.find(request.CustomerID, request.ApplicationID)
	if err != nil {
		return nil, err
	}
	return a.body(s.config.AggregatorID), nil
}

// find wants the application to be the customer's. The caller holds s.mu.
func (s *Sandbox) find(customerID, applicationID string) (*application, error) {
	if _, err := s.known(customerID); err != nil {
		return nil, err
	}
	a := s.applications[applicationID]
	if a == nil || a.customerID != customerID {
		return nil, applicationNotFound(applicationID)
	}
	return a, nil
}

// defaultRecords is how many records a page has if the caller does not say (A).
const defaultRecords = 100

// list is POST /akepa/list (C): the customer's applications, oldest first (A).
func (s *Sandbox) list(r *http.Request) (any, error) {
	request, err := decode[connectfi.ListRequest](r)
	if err != nil {
		return nil, err
	}
	from, err := date("dateCreateFrom", request.DateCreateFrom, time.Time{})
	if err != nil {
		return nil, err
	}
	to, err := date("dateCreateTo", request.DateCreateTo, time.Unix(1<<40, 0))
	if err != nil {
		return nil, err
	}
	if from.After(to) {
		return nil, invalidDateRange()
	}
	if s.dial.roll(func(f Faults) float64 { return f.NarrowLists }) {
		if err := tooWide(request, from, to); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.known(request.CustomerID)
	if err != nil {
		return nil, err
	}
	page := connectfi.ListPage{Applications: []connectfi.Application{}}
	if s.dial.roll(func(f Faults) float64 { return f.LateLists }) {
		return page, nil
	}
	skip, room := request.SkipRecords, request.NumberOfRecords
	if room == 0 {
		room = defaultRecords
	}
	for _, a := range c.applications {
		switch {
		case a.created.Before(from) || a.created.After(to):
		case skip > 0:
			skip--
		case len(page.Applications) == room:
			page.More = true
			return page, nil
		default:
			page.Applications = append(page.Applications, a.body(s.config.AggregatorID))
		}
	}
	if len(page.Applications) == 0 && s.dial.roll(func(f Faults) float64 { return f.NullLists }) {
		return []any{nil, map[string]any{}, map[string]any{"applications": nil}}[s.dial.pick(3)], nil
	}
	return page, nil
}

// The limits of a list that narrow_lists has (A).
const (
	maxNarrowRecords = 49
	maxNarrowDays    = 31
)

// tooWide refuses a list as the errors page has it (C). Which code is for what was
// not seen (A).
func tooWide(request connectfi.ListRequest, from, to time.Time) error {
	switch {
	case cmp.Or(request.NumberOfRecords, defaultRecords) > maxNarrowRecords:
		return &refusal{http.StatusBadRequest, connectfi.CodeGreaterNumberOfRecords,
			map[string]int{"maxNumberOfRecords": maxNarrowRecords}, "The number of records is too great."}
	case request.DateCreateFrom == "" || request.DateCreateTo == "":
		return &refusal{http.StatusBadRequest, connectfi.CodeBadTimeFrameRequest, nil, "Bad time frame."}
	case to.Sub(from) > maxNarrowDays*24*time.Hour:
		return invalidDateRange()
	}
	return nil
}

// date reads a moment, or a day at midnight UTC; which of them ConnectFi takes
// was not seen (A).
func date(property, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, invalid([]connectfi.Problem{connectfi.NewProblem("/"+property,
		"format", "format", "date-time", `must match format "date-time"`)})
}
