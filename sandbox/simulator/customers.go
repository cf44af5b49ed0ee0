package simulator

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"durablekyc.example/connectfi"
)

// The customers that the page prints (S); they exist from the start.
const (
	PageIndividual     = "cstap_6reGTr3k8vpAu8uFV7EdiN"
	PageBusiness       = "cstab_7BX5DO49J48VeWKsJ6gWNb"
	PageRepresentative = "cstab_7BX5DPJcbmipymiokecA6d" // of PageBusiness
)

// customer is whom a check can be made of. An individual plays its scenario
// itself, a business through its representatives.
type customer struct {
	id              string
	scenario        Scenario
	representatives []representative
	applications    []*application
}

type representative struct {
	id       string
	scenario Scenario
}

func pageCustomers() map[string]*customer {
	return map[string]*customer{
		PageIndividual: {id: PageIndividual, scenario: StepUp},
		PageBusiness: {id: PageBusiness, scenario: Approve, representatives: []representative{{PageRepresentative,
			StepUp}}},
	}
}

func newIndividual(id string, scenario Scenario) *customer {
	return &customer{id: id, scenario: scenario}
}

// newBusiness has a representative for each scenario, with an id like the
// page's: of the business's own prefix (S).
func newBusiness(id string, now time.Time, scenarios ...Scenario) *customer {
	c := &customer{id: id, scenario: Approve}
	for _, scenario := range scenarios {
		c.representatives = append(c.representatives, representative{connectfi.NewID(connectfi.PrefixBusiness, now),
			scenario})
	}
	return c
}

var wellFormed = regexp.MustCompile(`^cst(ap|ab)_[0-9a-zA-Z]+$`)

// known finds a customer. A well-formed id is never unknown: nobody should have
// to create customers before trying a check (A). It is remembered by the first
// identification only, so reading about it costs no memory. The caller holds
// s.mu.
func (s *Sandbox) known(id string) (*customer, error) {
	switch c := s.customers[id]; {
	case c != nil:
		return c, nil
	case !wellFormed.MatchString(id):
		return nil, customerNotFound(id)
	case strings.HasPrefix(id, connectfi.PrefixBusiness):
		return newBusiness(id, s.config.Clock(), StepUp), nil
	default:
		return newIndividual(id, StepUp), nil
	}
}

// begin makes the customer's entities for a new application.
func (c *customer) begin() []*entity {
	var entities []*entity
	for _, r := range c.representatives {
		entities = append(entities, &entity{id: r.id, scenario: r.scenario, state: scripts[r.scenario].start})
	}
	return append(entities, &entity{id: c.id, isCustomer: true, scenario: c.scenario, state: scripts[c.scenario].start})
}

// initCustomer is POST /customer/init. Of an individual the last name is the
// trigger (C). The business's body was not seen: here it has representatives,
// a list of persons with last names of their own (A); without any it gets an
// ordinary one. The rest of the body is not looked at, because its rules are
// not known. The same customerReference again is refused (C).
func (s *Sandbox) initCustomer(r *http.Request) (any, error) {
	request, err := decode[connectfi.CustomerRequest](r)
	if err != nil {
		return nil, err
	}
	var person struct {
		LastName        string `json:"lastName"`
		Representatives []struct {
			LastName string `json:"lastName"`
		} `json:"representatives"`
	}
	if json.Unmarshal(request.Customer, &person) != nil {
		return nil, invalid([]connectfi.Problem{connectfi.NewProblem("/customer", "type", "type", "object",
			"must be object")})
	}
	now := s.config.Clock()
	made := newIndividual(connectfi.NewID(connectfi.PrefixIndividual, now), scenarioOf(person.LastName))
	if request.CustomerType == "business" {
		var scenarios []Scenario
		for _, one := range person.Representatives {
			scenarios = append(scenarios, scenarioOf(one.LastName))
		}
		if len(scenarios) == 0 {
			scenarios = []Scenario{StepUp}
		}
		made = newBusiness(connectfi.NewID(connectfi.PrefixBusiness, now), now, scenarios...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.references[request.CustomerReference] {
		return nil, &refusal{http.StatusBadRequest, connectfi.CodeReferenceExists,
			map[string]string{"customerReference": request.CustomerReference}, "Reference exists."}
	}
	s.references[request.CustomerReference] = true
	s.customers[made.id] = made
	return connectfi.Customer{CustomerID: made.id}, nil
}
