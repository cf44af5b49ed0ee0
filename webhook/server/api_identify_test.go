package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/server"
	"durablekyc.example/workflows"
)

func printedPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../connectfi/testdata/" + name + ".json")
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

// unnamed replaces what differs between two runs: ids that ConnectFi draws.
func unnamed(text string) string {
	text = regexp.MustCompile(`iapp_[0-9a-zA-Z]+`).ReplaceAllString(text, "iapp_")
	return strings.TrimSpace(regexp.MustCompile(`"requestId":"[0-9a-f]{32}"`).ReplaceAllString(text, `"requestId":""`))
}

// The printed requests get the printed answers, to the letter but for ids (S).
func TestThePagesRequestsGetThePagesAnswers(t *testing.T) {
	for _, kind := range []string{"identification_individual", "identification_business"} {
		t.Run(kind, func(t *testing.T) {
			b := newBackend(t)
			status, text := b.call("/akepa/identification", printedPage(t, kind+"_request"))
			require.Equal(t, http.StatusOK, status, text)
			require.Equal(t, unnamed(printedPage(t, kind)), unnamed(text))
			require.Len(t, b.office.orders, 1)
			order := b.office.orders[0]
			require.Contains(t, order.WebhookURL, "https://your_webhook_url/")
			require.True(t, order.Notify)
			require.Nil(t, order.SyncMode)
			require.Equal(t, kyc.DefaultPolicy(), order.Policy)
			require.Equal(t, workflows.PriorityInteractive, order.Priority)
		})
	}
}

// What nobody replaced in the page's example is refused here as it is there.
func TestThePagesUnreplacedReferenceIsRefusedAlike(t *testing.T) {
	b := newBackend(t)
	for name, body := range map[string]string{
		"the page's example":  printedPage(t, "identification_example_request"),
		"everything at once":  `{"customerId":"","reference":"-","webhookUrl":"<","syncMode":"yes","x":1}`,
		"nothing":             `{}`,
		"no JSON":             `{"customerId"`,
		"null where it is no": `{"customerId":null,"reference":null,"syncMode":null,"webhookUrl":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			status, ours := b.call("/akepa/identification", body)
			refused(t, http.StatusBadRequest, connectfi.CodeRequestValidateError, status, ours)
			_, theirs := b.atConnectFi("/akepa/identification", body)
			require.Equal(t, unnamed(theirs), unnamed(ours))
		})
	}
	require.Zero(t, b.office.asked)
}

func TestBothSpellingsOfTheWebhook(t *testing.T) {
	const customer = `"customerId":"cstap_6reGTr3k8vpAu8uFV7EdiN","reference":"A1"`
	for name, test := range map[string]struct{ body, want, complaint string }{
		"as the bodies spell it": {body: `,"webhookUrl":"https://a.test/1"`, want: "https://a.test/1"},
		"as the table spells it": {body: `,"webhookURL":"https://a.test/1"`, want: "https://a.test/1"},
		"both, the same": {body: `,"webhookURL":"https://a.test/1","webhookUrl":"https://a.test/1"`,
			want: "https://a.test/1"},
		"one of them null": {body: `,"webhookURL":"https://a.test/1","webhookUrl":null`, want: "https://a.test/1"},
		"both, differently": {body: `,"webhookURL":"https://a.test/1","webhookUrl":"https://a.test/2"`,
			complaint: `"instancePath":"/webhookURL","schemaPath":"#/properties/webhookURL/const"`},
		"the table's, badly": {body: `,"webhookURL":"<"`,
			complaint: `"instancePath":"/webhookURL","schemaPath":"#/properties/webhookURL/pattern"`},
		"in a third spelling": {body: `,"webhookurl":"https://a.test/1"`,
			complaint: `"additionalProperty":"webhookurl"`},
		"of another type": {body: `,"webhookURL":7`,
			complaint: `"instancePath":"/webhookURL","schemaPath":"#/properties/webhookURL/type"`},
		"neither, and so to nowhere": {},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t)
			status, text := b.call("/akepa/identification", "{"+customer+test.body+"}")
			if test.complaint != "" {
				s := refused(t, http.StatusBadRequest, connectfi.CodeRequestValidateError, status, text)
				require.Contains(t, string(s.Context), test.complaint)
				require.Empty(t, b.office.orders)
				return
			}
			require.Equal(t, http.StatusOK, status, text)
			require.Equal(t, test.want, b.office.orders[0].WebhookURL)
		})
	}
}

// An address that no event can ever be sent to is refused while the caller is on
// the line, as every other field is; what can work is taken as it came.
func TestAWebhookThatCanNeverWorkIsRefused(t *testing.T) {
	b := newBackend(t)
	for _, address := range []string{"example.com/hook", "ftp://example.com/hook", "127.0.0.1:18099/x", "/hook",
		"//host/x", "http://", "http:///x",
		"javascript:alert(1)", " https://a.test/x", "https://a.test/x ", "https://a.test:99999/x", "https://a.test:0/x",
		`https:\\a.test\x`, `https://a.test\x`} {
		for _, spelt := range []string{"webhookUrl", "webhookURL"} {
			body, err := json.Marshal(map[string]string{"customerId": person, "reference": "A1", spelt: address})
			require.NoError(t, err)
			status, text := b.call("/akepa/identification", string(body))
			s := refused(t, http.StatusBadRequest, connectfi.CodeRequestValidateError, status, text)
			require.Contains(t, string(s.Context), `"instancePath":"/`+spelt+`"`, address)
			require.Contains(t, string(s.Context), `"keyword":"format"`, address)
		}
	}
	require.Zero(t, b.office.asked, "no case was started")
	for i, address := range []string{"", "http://127.0.0.1:18099/hook?a=b c", "https://bücher.example/ä?q=José",
		"https://your_webhook_url/x", "https://u:p@a.test/%zz"} {
		body, err := json.Marshal(map[string]string{"customerId": person, "reference": fmt.Sprint("B", i),
			"webhookUrl": address})
		require.NoError(t, err)
		status, text := b.call("/akepa/identification", string(body))
		require.Equal(t, http.StatusOK, status, text)
		require.Equal(t, address, b.office.orders[i].WebhookURL)
	}
}

// Whoever names another address for a case that is there is told that it is not taken.
func TestAnotherWebhookOfTheSameCaseIsTold(t *testing.T) {
	b := newBackend(t)
	ask := func(address string) (int, string) {
		return b.call("/akepa/identification", `{"customerId":"`+person+`","reference":"A1"`+address+`}`)
	}
	status, text := ask(`,"webhookUrl":"https://a.test/1"`)
	require.Equal(t, http.StatusOK, status, text)
	status, text = ask(`,"webhookUrl":"https://a.test/2"`)
	s := refused(t, http.StatusBadRequest, connectfi.CodeRequestValidateError, status, text)
	require.Contains(t, string(s.Context), `"instancePath":"/webhookUrl"`)
	require.Contains(t, string(s.Context), "already has another webhookUrl")
	for _, same := range []string{`,"webhookUrl":"https://a.test/1"`, "", `,"webhookUrl":null`} {
		status, text = ask(same)
		require.Equal(t, http.StatusOK, status, text)
	}
}

// A start that was answered before is answered alike by Temporal: whoever
// repeats it after the webhookUrl was changed is told so by the case as it stands.
func TestAWebhookThatWasChangedSinceIsTold(t *testing.T) {
	b := newBackend(t)
	body := `{"customerId":"` + b.customer("review") + `","reference":"A1","webhookUrl":"https://a.test/1"}`
	status, text := b.call("/akepa/identification", body)
	require.Equal(t, http.StatusOK, status, text)
	b.office.deduplicates, b.office.orders[0].WebhookURL = true, "https://a.test/2"
	status, text = b.call("/akepa/identification", body)
	s := refused(t, http.StatusBadRequest, connectfi.CodeRequestValidateError, status, text)
	require.Contains(t, string(s.Context), "already has another webhookUrl")
}

// Any number of callers at once is one case, and one answer.
func TestTheSameRequestFromACrowd(t *testing.T) {
	b := newBackend(t)
	answers := make([]string, 200)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			status, text := b.call("/akepa/identification", printedPage(t, "identification_individual_request"))
			if status == http.StatusOK {
				answers[i] = regexp.MustCompile(`"requestId":"[0-9a-f]{32}"`).ReplaceAllString(text, "")
			}
		})
	}
	all.Wait()
	require.NotEmpty(t, answers[0])
	for _, one := range answers {
		require.Equal(t, answers[0], one)
	}
	require.Len(t, b.office.orders, 1)
	require.Equal(t, 200, b.office.asked)
	require.Equal(t, 1, b.ledger("extRefApp100").Applications)
}

// The same request later tells the same application, as it stands then.
func TestTheSameRequestAfterTheDecision(t *testing.T) {
	b := newBackend(t)
	customer := b.customer("review")
	first := b.identified("A1", customer)
	require.Equal(t, connectfi.StatusWaitingReview, first.Status)
	b.script(http.MethodPost, "/sandbox/applications/"+first.ApplicationID+"/status",
		map[string]string{"status": "data_request"}, nil)
	_, err := b.office.Refresh(t.Context(), "A1", kyc.ActorSystem)
	require.NoError(t, err)
	require.Equal(t, connectfi.StatusDataRequest, b.identified("A1", customer).Status, "not the first status for ever")
	b.script(http.MethodPost, "/sandbox/applications/"+first.ApplicationID+"/status",
		map[string]string{"status": "completed", "outcome": "approved"}, nil)
	_, err = b.office.Refresh(t.Context(), "A1", kyc.ActorSystem)
	require.NoError(t, err)
	again := b.identified("A1", customer)
	require.Equal(t, first.ApplicationID, again.ApplicationID)
	require.Equal(t, connectfi.StatusCompleted, again.Status)
	require.Equal(t, connectfi.Outcome("Approved"), again.Outcome, "in ConnectFi's spelling")
}

func TestTheSameReferenceForAnotherCustomer(t *testing.T) {
	b := newBackend(t)
	b.identified("A1", b.customer("approve"))
	status, text := b.call("/akepa/identification", `{"customerId":"`+b.customer("approve")+`","reference":"A1"}`)
	s := refused(t, http.StatusBadRequest, connectfi.CodeReferenceExists, status, text)
	require.JSONEq(t, `{"reference":"A1"}`, string(s.Context))
	require.Len(t, b.office.orders, 1)
}

// A customer that ConnectFi does not know is told as ConnectFi tells it, and asked
// for again once somebody may have mended it.
func TestACustomerThatConnectFiDoesNotKnow(t *testing.T) {
	timeout := time.Hour
	b := newBackend(t, func(c *server.Config) { c.API.Timeout = timeout })
	const body = `{"customerId":"unknownCustomerId","reference":"A1"}`
	status, text := b.call("/akepa/identification", body)
	refused(t, http.StatusBadRequest, connectfi.CodeCustomerNotFound, status, text)
	_, theirs := b.atConnectFi("/akepa/identification", body)
	require.Equal(t, unnamed(theirs), unnamed(text))
	b.call("/akepa/identification", body)
	require.Zero(t, b.office.refreshed, "not in the same breath")

	soon := newBackend(t, func(c *server.Config) { c.API.Timeout = time.Nanosecond })
	soon.call("/akepa/identification", body)
	soon.call("/akepa/identification", body)
	require.Positive(t, soon.office.refreshed)
}

// No worker: the case exists, and that is the answer. Its id is one that the
// other endpoints take.
func TestACaseThatNobodyHasTakenUp(t *testing.T) {
	b := newBackend(t)
	customer := b.customer("approve")
	b.office.late = cases.ErrNoAnswer
	a := b.identified("A1", customer)
	require.Equal(t, connectfi.Application{ApplicationID: "ref_A1", CustomerID: customer, Reference: "A1",
		Status: connectfi.StatusRunning,
		EntityApplications: []connectfi.EntityApplication{{EntityID: customer, IsCustomer: true,
			Status: connectfi.StatusRunning}}}, a)
	require.Empty(t, connectfi.StatusRequest{CustomerID: customer, ApplicationID: "ref_" +
		strings.Repeat("A", 32)}.Validate())
	asked := `{"customerId":"` + customer + `","applicationId":"ref_A1"}`
	_, text := b.call("/akepa/status", asked)
	require.Equal(t, a, into[connectfi.Envelope[connectfi.Application]](t, text).Data)
	status, text := b.call("/akepa/update", `{"customerId":"`+customer+`","applicationId":"ref_A1","entityId":"`+customer+
		`","documents":[{"documentId":"doc_1","side":"front"}]}`)
	refused(t, http.StatusServiceUnavailable, connectfi.CodeExtAkepa, status, text)

	b.office.late = nil
	require.Equal(t, connectfi.StatusCompleted, b.identified("A1", customer).Status, "the worker is back")
	_, text = b.call("/akepa/status", asked)
	require.Equal(t, connectfi.StatusCompleted, into[connectfi.Envelope[connectfi.Application]](t, text).Data.Status)
	status, text = b.call("/akepa/status", `{"customerId":"`+person+`","applicationId":"ref_A1"}`)
	refused(t, http.StatusNotFound, connectfi.CodeApplicationNotFound, status, text)
}

// A case that is not there must not be told as one that goes on.
func TestTemporalIsAway(t *testing.T) {
	b := newBackend(t)
	const body = `{"customerId":"` + person + `","reference":"A1"}`
	for _, b.office.broken = range []error{cases.ErrUnavailable, cases.ErrNoAnswer} {
		answer := b.with(http.MethodPost, "/akepa/identification", strings.NewReader(body),
			map[string]string{connectfi.TokenHeader: apiToken})
		refused(t, http.StatusServiceUnavailable, connectfi.CodeExtAkepa, answer.Code, answer.Body.String())
		require.Equal(t, "5", answer.Header().Get("Retry-After"))
	}
}
