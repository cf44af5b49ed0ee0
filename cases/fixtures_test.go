package cases_test

import (
	"time"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

const (
	person    = "cstap_6reGTr3k8vpAu8uFV7EdiN"
	day       = 24 * time.Hour
	elsewhere = "http://elsewhere.example"
)

var begin = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// single is an answer of ConnectFi's about an individual.
func single(status kyc.Status, outcome kyc.Outcome) kyc.Snapshot {
	return kyc.Snapshot{ApplicationID: "iapp_1", Status: status, Outcome: outcome,
		Entities: []kyc.EntitySnapshot{{ID: person, IsCustomer: true, Status: status, Outcome: outcome}}}
}

// reported is the notices of a case that began at this time and had these
// answers, an hour apart.
func reported(from time.Time, readings ...kyc.Snapshot) []kyc.Notice {
	c := kyc.New("A1", person, kyc.DefaultPolicy(), from)
	for i, r := range readings {
		c.Apply(kyc.StatusReceived{At: from.Add(time.Duration(i) * time.Hour), Reading: r})
	}
	return c.Notices
}

func terms() workflows.Terms {
	return workflows.Terms{CustomerID: person, WebhookURL: "http://caller.example", Notify: true,
		Until: begin.Add(93 * day)}
}
