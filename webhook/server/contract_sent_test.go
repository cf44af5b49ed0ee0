package server_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"durablekyc.example/activities"
	"durablekyc.example/internal/delivery"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/server"
)

// model is the description as values, one for each who asks: it may be changed.
func model(t *testing.T) *v3.Document {
	t.Helper()
	document, err := libopenapi.NewDocument(server.Description)
	require.NoError(t, err)
	m, err := document.BuildV3Model()
	require.NoError(t, err)
	return &m.Model
}

// sent is what the description says of our messages, as a receiver would
// describe itself: a webhook is a path of the receiver's.
func sent(t *testing.T) validator.Validator {
	m := model(t)
	paths := orderedmap.New[string, *v3.PathItem]()
	for name, item := range m.Webhooks.FromOldest() {
		paths.Set("/"+name, item)
	}
	m.Paths.PathItems = paths
	return validator.NewValidatorFromV3Model(m, config.WithRejectUndeclaredRequestBody(), config.WithFormatAssertions())
}

// lives are cases whose notices are all there are.
func lives(start time.Time) map[string]kyc.Case {
	at := func(days int) time.Time { return start.Add(time.Duration(days) * 24 * time.Hour) }
	reads := func(day int, status kyc.Status, outcome kyc.Outcome) kyc.Event {
		return kyc.StatusReceived{At: at(day), Reading: kyc.Snapshot{ApplicationID: "iapp_1", AggregatorID: "CLIENTID",
			Status: status, Outcome: outcome,
			Entities: []kyc.EntitySnapshot{{ID: person, IsCustomer: true, Status: status, Outcome: outcome}}}}
	}
	live := func(customer string, events ...kyc.Event) kyc.Case {
		k := kyc.New("A1", customer, kyc.DefaultPolicy(), start)
		for _, e := range events {
			k.Apply(e)
		}
		return k
	}
	return map[string]kyc.Case{
		"reminded and expired": live(person, reads(0, "pending_step_up", ""), reads(3, "pending_step_up", ""),
			reads(31, "pending_step_up", "")),
		"reviewed and approved": live(business, reads(0, "waiting_review", ""), reads(1, "completed", "approved")),
		"data and denied":       live(person, reads(0, "data_request", ""), reads(1, "completed", "Denied")),
		"a status nobody knows": live(person, reads(0, "strange", "")),
		"refused before it was anyone": live(person, kyc.RequestRejected{At: start, Step: kyc.StepIdentification,
			Code: "customerNotFound"}, kyc.WithdrawRequested{At: at(1)}),
	}
}

// What the worker sends is made by another room, but promised here.
func TestEverythingSentIsDescribed(t *testing.T) {
	described := sent(t)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, problems := described.ValidateHttpRequestSync(r)
		for _, p := range problems {
			assert.Fail(t, "sent, but not as described", "%s: %s: %s %v", r.URL.Path, p.Message, p.Reason,
				p.SchemaValidationErrors)
		}
	}))
	t.Cleanup(receiver.Close)
	secrets, err := delivery.ParseSecrets(delivery.NewSecret())
	require.NoError(t, err)
	hooks, err := delivery.New(delivery.Config{Secrets: secrets, AllowPrivate: true})
	require.NoError(t, err)
	do := activities.New(activities.Config{Hooks: hooks, NotifyURL: receiver.URL + "/event",
		ApplicantURL: func(string, int, time.Time) string { return "https://kyc.example/verify/link/a" }})
	var suite testsuite.WorkflowTestSuite
	worker := suite.NewTestActivityEnvironment()
	worker.RegisterActivity(do)

	heard := map[activities.Receiver][]kyc.NoticeType{}
	for name, k := range lives(time.Now()) {
		for _, n := range k.Notices {
			for _, to := range []activities.Receiver{activities.ReceiverGlobal, activities.ReceiverCaller} {
				if to == activities.ReceiverCaller && !n.FromProvider() {
					continue // no change of ConnectFi's: the workflow does not send it
				}
				_, err := worker.ExecuteActivity(do.Notify, activities.NotifyRequest{Reference: k.Reference,
					CustomerID: k.CustomerID,
					Receiver:   to, WebhookURL: receiver.URL + "/changed", Notice: n, Sequence: n.At.UnixMilli()})
				require.NoError(t, err, name)
				heard[to] = append(heard[to], n.Type)
			}
		}
	}

	var promised []kyc.NoticeType
	event, _ := model(t).Components.Schemas.Get("Event")
	kind, _ := event.Schema().Properties.Get("type")
	for _, value := range kind.Schema().Enum {
		promised = append(promised, kyc.NoticeType(value.Value))
	}
	require.ElementsMatch(t, promised, once(heard[activities.ReceiverGlobal]),
		"every kind is tried, and no other is described")
	require.ElementsMatch(t, []kyc.NoticeType{kyc.NoticeDocuments, kyc.NoticeReview, kyc.NoticeData, kyc.NoticeHeld,
		kyc.NoticeApproved,
		kyc.NoticeDenied}, once(heard[activities.ReceiverCaller]))
}

func once(all []kyc.NoticeType) []kyc.NoticeType {
	slices.Sort(all)
	return slices.Compact(all)
}
