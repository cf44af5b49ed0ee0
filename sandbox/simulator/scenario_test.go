package simulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/sandbox/simulator"
)

// stories walk every scenario. A step is who does something, then where the
// application stands and how many callbacks were sent by then.
var stories = map[simulator.Scenario]string{
	simulator.Approve: `identify → completed Approved, 0`,
	simulator.Deny:    `identify → completed Denied, 0`,
	simulator.StepUp:  `identify → pending_step_up, 0; front → pending_step_up, 0; back → completed Approved, 0`,
	simulator.StepUpReview: `identify → pending_step_up, 0; license → waiting_review, 0; wait → waiting_review, 0; ` +
		`approved → completed Approved, 1`,
	simulator.Review: `identify → waiting_review, 0; wait → waiting_review, 0; denied → completed Denied, 1`,
	simulator.DataRequest: `identify → data_request, 0; wait → data_request, 0; move running → running, 1; move ` +
		`completed → completed Approved, 2`,
	simulator.Running: `identify → running, 0; wait → completed Approved, 1`,
	simulator.UnknownStatus: `identify → pending_action, 0; wait → pending_action, 0; move waiting_review → ` +
		`waiting_review, 1; approved → completed Approved, 2`,
	simulator.BackAndForth: `identify → pending_step_up, 0; license → waiting_review, 0; wait → pending_step_up, 1;` +
		` front → pending_step_up, 1; back → completed Approved, 1; wait → completed Approved, 1`,
}

func TestScenariosByPlainHTTP(t *testing.T) {
	for scenario, story := range stories {
		for _, kind := range []string{"individual", "business"} {
			t.Run(fmt.Sprintf("%s/%s", scenario, kind), func(t *testing.T) {
				run(t, simulator.Config{}, func(t *testing.T, b *bench) {
					tell(t, b, b.customers(kind, scenario, 1)[0], story)
				})
			})
		}
	}
}

func tell(t *testing.T, b *bench, customer, story string) {
	var a connectfi.Application
	for step := range strings.SplitSeq(story, "; ") {
		who, where, _ := strings.Cut(step, " → ")
		switch doing, status, _ := strings.Cut(who, " "); doing {
		case "identify":
			a = b.identify(customer, "R1")
		case "license":
			a = b.license(a, a.EntityApplications[0].EntityID)
		case "front", "back":
			a = b.link(a, a.EntityApplications[0].EntityID,
				connectfi.DocumentLink{DocumentID: b.document("license", "image"), Side: doing})
		case "wait":
			pass(3 * time.Second)
		case "approved", "denied":
			b.review(a, doing)
		case "move":
			outcome := ""
			if status == "completed" {
				outcome = "approved"
			}
			b.move(a, status, outcome)
		}
		read := b.read(a)
		now := strings.TrimSpace(fmt.Sprintf("%s %s", read.Status, read.Outcome))
		require.Equal(t, where, fmt.Sprintf("%s, %d", now, b.ledger("R1").Callbacks), who)
		if told := b.arrived(); len(told) > 0 {
			require.Equal(t, read.ApplicationID, told[len(told)-1].ApplicationID)
		}
		for _, e := range read.EntityApplications[1:] {
			require.True(t, e.IsCustomer, "a business stands last")
			require.Equal(t, connectfi.Outcome("approved"), e.Outcome, "and is approved itself")
		}
	}
}

// The same through connectfi's own client, which must agree on every byte.
func TestScenariosByTheClient(t *testing.T) {
	for scenario := range stories {
		t.Run(string(scenario), func(t *testing.T) {
			run(t, simulator.Config{}, func(t *testing.T, b *bench) {
				ctx, c := t.Context(), b.client
				id := b.customers("individual", scenario, 1)[0]
				a, err := c.Identify(ctx, connectfi.IdentificationRequest{CustomerID: id, Reference: "R1", WebhookURL: hook})
				require.NoError(t, err)
				for range 9 {
					switch a.Status {
					case connectfi.StatusCompleted:
						outcome := connectfi.Outcome("Approved")
						if scenario == simulator.Deny {
							outcome = "Denied"
						}
						require.Equal(t, outcome, a.Outcome)
						return
					case connectfi.StatusPendingStepUp:
						var sides []connectfi.DocumentLink
						for _, side := range []string{"front", "back"} {
							d, err := c.GenerateDocument(ctx, connectfi.GenerateRequest{Workflow: "PERSONAL", Name: side, Extension: "png",
								Type: "license"})
							require.NoError(t, err)
							require.NoError(t, c.UploadDocument(ctx, d.ID, side+".png", "image/png", strings.NewReader(side)))
							sides = append(sides, connectfi.DocumentLink{DocumentID: d.ID, Side: side})
						}
						a, err = c.Update(ctx, connectfi.UpdateRequest{ApplicationID: a.ApplicationID, CustomerID: id, EntityID: id,
							Documents: sides})
						require.NoError(t, err)
						continue
					case connectfi.StatusWaitingReview:
						if scenario != simulator.BackAndForth {
							b.review(a, "approved")
						}
					case connectfi.StatusDataRequest, "pending_action":
						b.move(a, "completed", "approved")
					}
					pass(3 * time.Second)
					a, err = c.Status(ctx, connectfi.StatusRequest{CustomerID: id, ApplicationID: a.ApplicationID})
					require.NoError(t, err)
				}
				t.Fatalf("it never ended: %s", a.Status)
			})
		})
	}
}

func TestEveryRepresentativeCarriesTheScenario(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		a := b.identify(b.customers("business", simulator.StepUpReview, 2)[0], "R1")
		require.Len(t, a.EntityApplications, 3)
		first, second := a.EntityApplications[0].EntityID, a.EntityApplications[1].EntityID
		require.Equal(t, connectfi.StatusPendingStepUp, b.license(a, first).Status, "the other one still wants documents")
		require.Equal(t, connectfi.StatusWaitingReview, b.license(a, second).Status)
		b.review(a, "denied")
		require.Equal(t, connectfi.Outcome("Denied"), b.read(a).Outcome)
		require.Equal(t, 1, b.ledger("R1").Callbacks, "one change, one callback")
	})
}

func TestOneImageOfAnotherType(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		a := b.identify(simulator.PageIndividual, "R1")
		a = b.link(a, simulator.PageIndividual, links(b.document("passport", "image"))...)
		require.Equal(t, connectfi.StatusCompleted, a.Status)
	})
}

func TestTheSameSideTwiceIsNotALicense(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		a := b.identify(simulator.PageIndividual, "R1")
		front := links(b.document("license", "image"))[0]
		b.link(a, simulator.PageIndividual, front)
		a = b.link(a, simulator.PageIndividual, front)
		require.Equal(t, connectfi.StatusPendingStepUp, a.Status)
		require.Equal(t, simulator.LedgerEntry{Reference: "R1", Applications: 1, Documents: 1, Attachments: 2},
			b.ledger("R1"),
			"the doubled link shows")
	})
}

func TestADecisionDuringTheDelayStands(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		a := b.identify(b.customers("individual", simulator.Running, 1)[0], "R1")
		b.move(a, "completed", "denied")
		pass(3 * time.Second)
		require.Equal(t, connectfi.Outcome("Denied"), b.read(a).Outcome)
		require.Equal(t, 1, b.ledger("R1").Callbacks)
	})
}

func TestACustomerWithoutAWebhookIsNotCalled(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		a := application(b, "/akepa/identification",
			`{"customerId":"cstap_1","reference":"R1","webhookUrl":null,"syncMode":null}`)
		b.move(a, "running", "")
		require.Equal(t, 0, b.ledger("R1").Callbacks)
	})
}

func TestLastNames(t *testing.T) {
	for name, status := range map[string]string{
		"WaitReview": "pending_step_up", "Smith": "pending_step_up", "Approve": "completed", "Deny": "completed",
		"StepUp": "pending_step_up", "StepUpReview": "pending_step_up", "Review": "waiting_review",
		"DataRequest": "data_request",
		"Running":     "running", "UnknownStatus": "pending_action", "BackAndForth": "pending_step_up",
	} {
		t.Run(name, func(t *testing.T) {
			run(t, simulator.Config{}, func(t *testing.T, b *bench) {
				for kind, customer := range map[string]string{
					"individual": `{"firstName":"A","lastName":"` + name + `"}`,
					"business":   `{"representatives":[{"lastName":"` + name + `"}]}`,
				} {
					made := good[connectfi.Envelope[connectfi.Customer]](b, http.MethodPost, "/customer/init",
						`{"customerReference":"`+kind+`","customerType":"`+kind+`","customer":`+customer+`}`).Data.CustomerID
					a := b.identify(made, kind)
					require.Equal(t, status, string(a.Status))
					if name == "WaitReview" {
						require.Equal(t, connectfi.StatusWaitingReview, b.license(a, a.EntityApplications[0].EntityID).Status)
					}
				}
			})
		})
	}
}
