package server_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/server"
)

// The story of a backend that changed one base URL: our own client, pointed at
// our own webhook.
func TestABackendThatChangedOneURL(t *testing.T) {
	b := newBackend(t)
	ts := httptest.NewServer(b.Public())
	t.Cleanup(ts.Close)
	client, err := connectfi.New(connectfi.Config{BaseURL: ts.URL, Login: apiLogin, Password: apiPassword})
	require.NoError(t, err)
	customer := b.customer("step_up")
	a, err := client.Identify(t.Context(), connectfi.IdentificationRequest{CustomerID: customer, Reference: "A1",
		WebhookURL: "https://a.test/A1"})
	require.NoError(t, err)
	require.Equal(t, connectfi.StatusPendingStepUp, a.Status)
	update := connectfi.UpdateRequest{ApplicationID: a.ApplicationID, CustomerID: customer, EntityID: customer}
	for _, side := range []string{"front", "back"} {
		d, err := client.GenerateDocument(t.Context(), connectfi.GenerateRequest{Workflow: "PERSONAL", Name: side,
			Extension: "png", Type: "license"})
		require.NoError(t, err)
		picture, err := imagecheck.Specimen("1", side)
		require.NoError(t, err)
		require.NoError(t, client.UploadDocument(t.Context(), d.ID, side+".png", "image/png", bytes.NewReader(picture)))
		update.Documents = append(update.Documents, connectfi.DocumentLink{DocumentID: d.ID, Side: side})
	}

	// The front alone leaves it wanting, as at ConnectFi (C); the same again is the same.
	front := update
	front.Documents = update.Documents[:1]
	for range 2 {
		after, err := client.Update(t.Context(), front)
		require.NoError(t, err)
		require.Equal(t, connectfi.StatusPendingStepUp, after.Status)
	}
	require.Equal(t, 1, b.ledger("A1").Attachments)
	after, err := client.Update(t.Context(), update)
	require.NoError(t, err)
	require.Equal(t, connectfi.StatusCompleted, after.Status)
	now, err := client.Status(t.Context(), connectfi.StatusRequest{CustomerID: customer, ApplicationID: a.ApplicationID})
	require.NoError(t, err)
	require.Equal(t, bare(after), bare(now))
	require.Equal(t, connectfi.Outcome("Approved"), now.Outcome)
	page, err := client.List(t.Context(), connectfi.ListRequest{CustomerID: customer})
	require.NoError(t, err)
	require.Len(t, page.Applications, 1)
	require.Equal(t, bare(now), bare(page.Applications[0]))
	require.Equal(t, counts{"A1", 1, 2, 3}, b.ledger("A1"))

	_, err = client.Update(t.Context(), update)
	var decided *connectfi.Error
	require.ErrorAs(t, err, &decided)
	require.Equal(t, connectfi.CodeStatusApplicationEntity, decided.Code)
}

// ConnectFi says something else than the case knows: the case reads it itself.
func TestAStatusThatDiffersIsAHint(t *testing.T) {
	b := newBackend(t)
	customer := b.customer("review")
	a := b.identified("A1", customer)
	asked := `{"customerId":"` + customer + `","applicationId":"` + a.ApplicationID + `"}`
	for range 3 {
		status, text := b.call("/akepa/status", asked)
		require.Equal(t, http.StatusOK, status, text)
	}
	require.Zero(t, b.office.refreshed, "nothing to look for")
	b.script(http.MethodPost, "/sandbox/applications/"+a.ApplicationID+"/review", map[string]string{"outcome": "denied"},
		nil)
	for range 3 {
		_, text := b.call("/akepa/status", asked)
		require.Equal(t, connectfi.Outcome("Denied"), into[connectfi.Envelope[connectfi.Application]](t, text).Data.Outcome)
	}
	require.Equal(t, 1, b.office.refreshed)
	v, err := b.office.Show(t.Context(), "A1")
	require.NoError(t, err)
	require.Equal(t, kyc.Denied, v.Stage)
}

// ConnectFi is away: whoever started the case here is told by the case.
func TestConnectFiIsAway(t *testing.T) {
	b := newBackend(t)
	customer := b.customer("review")
	a := b.identified("A1", customer)
	b.script(http.MethodPut, "/sandbox/faults", map[string]any{"ext_akepa": 1}, nil)
	status, text := b.call("/akepa/status", `{"customerId":"`+customer+`","applicationId":"`+a.ApplicationID+`"}`)
	require.Equal(t, http.StatusOK, status, text)
	require.Equal(t, a, into[connectfi.Envelope[connectfi.Application]](t, text).Data)
	b.office.forget("A1") // Temporal keeps no case for ever, and ConnectFi may well know this one
	for path, body := range map[string]string{
		"/akepa/status":            `{"customerId":"` + customer + `","applicationId":"` + a.ApplicationID + `"}`,
		"/akepa/list":              `{"customerId":"` + customer + `"}`,
		"/akepa/document/generate": `{"workflow":"PERSONAL","name":"a","extension":"png","type":"license"}`,
	} {
		answer := b.with(http.MethodPost, path, strings.NewReader(body), map[string]string{connectfi.TokenHeader: apiToken})
		refused(t, http.StatusServiceUnavailable, connectfi.CodeExtAkepa, answer.Code, answer.Body.String())
		require.NotEmpty(t, answer.Header().Get("Retry-After"))
	}
}

// What was begun at ConnectFi directly goes on through us: a backend may move
// while its checks are under way.
func TestAnApplicationThatIsNoCase(t *testing.T) {
	b := newBackend(t)
	customer := b.customer("step_up")
	theirs, err := b.theirs.Identify(t.Context(), connectfi.IdentificationRequest{CustomerID: customer, Reference: "B1"})
	require.NoError(t, err)
	status, text := b.call("/akepa/status", `{"customerId":"`+customer+`","applicationId":"`+theirs.ApplicationID+`"}`)
	require.Equal(t, http.StatusOK, status, text)
	require.Equal(t, bare(theirs), into[connectfi.Envelope[connectfi.Application]](t, text).Data)
	ours := b.identified("A1", customer)
	_, text = b.call("/akepa/list", `{"customerId":"`+customer+`"}`)
	require.Equal(t, []connectfi.Application{bare(theirs), bare(ours)}, into[connectfi.Envelope[connectfi.ListPage]](t,
		text).Data.Applications)
	status, text = b.call("/akepa/update", `{"customerId":"`+customer+`","applicationId":"`+theirs.ApplicationID+
		`","entityId":"`+customer+
		`","documents":[{"documentId":"`+b.document("front")+`","side":"front"}]}`)
	require.Equal(t, http.StatusOK, status, text)
	require.Equal(t, 1, b.ledger("B1").Attachments)
}

// The list tells a case's status, and what ended without a decision has none.
func TestACaseThatEndedWithoutADecision(t *testing.T) {
	b := newBackend(t)
	customer := b.customer("review")
	a := b.identified("A1", customer)
	b.office.apply("A1", kyc.WithdrawRequested{At: time.Now()})
	b.script(http.MethodPost, "/sandbox/applications/"+a.ApplicationID+"/review", map[string]string{"outcome": "approved"},
		nil)
	_, text := b.call("/akepa/status", `{"customerId":"`+customer+`","applicationId":"`+a.ApplicationID+`"}`)
	require.Equal(t, connectfi.StatusCompleted, into[connectfi.Envelope[connectfi.Application]](t, text).Data.Status,
		"ConnectFi's own word")
	status, text := b.call("/akepa/update", `{"customerId":"`+customer+`","applicationId":"`+a.ApplicationID+
		`","entityId":"`+customer+
		`","documents":[{"documentId":"doc_1","side":"front"}]}`)
	s := refused(t, http.StatusBadRequest, connectfi.CodeStatusApplicationEntity, status, text)
	require.Equal(t, "Entity has status withdrawn. Action cannot be completed.", s.Message)
}

// Every way to be refused, each in the documented envelope.
func TestRefusals(t *testing.T) {
	b := newBackend(t, func(c *server.Config) {
		c.Limits = imagecheck.Limits{MaxBytes: 100_000, MaxPixels: 60_000_000, MinEdge: 300, MaxEdge: 12000}
	})
	customer, done := b.customer("step_up"), b.customer("approve")
	a, decided := b.identified("A1", customer), b.identified("A2", done)
	update := func(customer, application, entity, documents string) string {
		return `{"customerId":"` + customer + `","applicationId":"` + application + `","entityId":"` + entity +
			`","documents":[` + documents + `]}`
	}
	const front = `{"documentId":"doc_1","side":"front"}`
	for name, test := range map[string]struct {
		path, body string
		status     int
		code       string
		context    string
	}{
		"a customer nobody knows": {"/akepa/list", `{"customerId":"unknownCustomerId"}`, 400, "customerNotFound",
			`{"customerId":"unknownCustomerId"}`},
		"and the status of one": {"/akepa/status", `{"customerId":"unknownCustomerId","applicationId":"iapp_1"}`, 400,
			"customerNotFound", `{"customerId":"unknownCustomerId"}`},
		"an application nobody knows": {"/akepa/status", `{"customerId":"` + customer + `","applicationId":"iapp_1"}`, 404,
			"applicationNotFound", `{"applicationId":"iapp_1"}`},
		"another customer's": {"/akepa/status", `{"customerId":"` + done + `","applicationId":"` + a.ApplicationID +
			`"}`, 404, "applicationNotFound", `{"applicationId":"` + a.ApplicationID + `"}`},
		"a reference nobody knows": {"/akepa/status", `{"customerId":"` + customer + `","applicationId":"ref_A9"}`, 404,
			"applicationNotFound", `{"applicationId":"ref_A9"}`},
		"an update of no application": {"/akepa/update", update(customer, "iapp_1", customer, front), 404,
			"applicationNotFound", `{"applicationId":"iapp_1"}`},
		"an update of no entity": {"/akepa/update", update(customer, a.ApplicationID, "cstap_none", front), 400,
			"customerNotFound", `{"customerId":"cstap_none"}`},
		"no such document": {"/akepa/update", update(customer, a.ApplicationID, customer, front), 400,
			"documentNotFound", ""},
		"a document twice": {"/akepa/update", update(customer, a.ApplicationID, customer, front+","+front), 400,
			"requestValidateError", ""},
		"after the decision": {"/akepa/update", update(done, decided.ApplicationID, done, front), 400,
			"statusApplicationEntity", ""},
		"a strange side": {"/akepa/update", update(customer, a.ApplicationID, customer,
			`{"documentId":"doc_1","side":"left"}`), 400, "requestValidateError", ""},
		"a strange property": {"/akepa/status", `{"customerId":"a","applicationId":"b","c":1}`, 400,
			"requestValidateError", ""},
		"a date of no kind": {"/akepa/list", `{"customerId":"` + customer + `","dateCreateFrom":"soon"}`, 400,
			"requestValidateError", ""},
		"a type of no kind": {"/akepa/document/generate",
			`{"workflow":"PERSONAL","name":"a","extension":"png","type":"selfie"}`, 400, "requestValidateError", ""},
		"no form": {"/akepa/document/upload/doc_1", `{}`, 400, "requestValidateError", ""},
		"a large body": {"/akepa/status", `{"customerId":"` + strings.Repeat("a", 64<<10) + `"}`, 413,
			"payloadTooLarge", ""},
		"an address of no kind": {"/akepa/other", `{}`, 404, "notFound", ""},
		"a slash too many":      {"/akepa/status//", `{}`, 400, "requestValidateError", ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := b.call(test.path, test.body)
			s := refused(t, test.status, test.code, status, text)
			if test.context != "" {
				require.JSONEq(t, test.context, string(s.Context))
			}
			require.NotEmpty(t, s.Message)
		})
	}
	answer := b.with(http.MethodGet, "/akepa/status", nil, map[string]string{connectfi.TokenHeader: apiToken})
	refused(t, http.StatusMethodNotAllowed, "methodNotAllowed", answer.Code, answer.Body.String())
	require.Equal(t, "POST", answer.Header().Get("Allow"))
	picture, err := imagecheck.Specimen("1", "front")
	require.NoError(t, err)
	status, text := b.upload("doc_unknown", "file", picture)
	s := refused(t, http.StatusBadRequest, connectfi.CodeDocumentNotFound, status, text)
	require.JSONEq(t, `{"documentId":"doc_unknown"}`, string(s.Context))
	status, text = b.upload("doc-1", "file", picture)
	refused(t, http.StatusBadRequest, connectfi.CodeRequestValidateError, status, text)
	status, text = b.upload("doc_1", "file", nil)
	refused(t, http.StatusBadRequest, connectfi.CodeFileNotFound, status, text)
	status, text = b.upload("doc_1", "picture", picture)
	refused(t, http.StatusBadRequest, connectfi.CodeRequestValidateError, status, text)
	status, text = b.upload("doc_1", "file", bytes.Repeat([]byte("x"), 150_000))
	refused(t, http.StatusRequestEntityTooLarge, "payloadTooLarge", status, text)
	for _, name := range []string{"file", "something-before-it"} {
		body := &endless{start: []byte("--b\r\nContent-Disposition: form-data; name=\"" + name +
			"\"; filename=\"x.jpg\"\r\n\r\n")}
		answer = b.with(http.MethodPost, "/akepa/document/upload/doc_1", io.LimitReader(body, 100_000_000),
			map[string]string{connectfi.TokenHeader: apiToken, "Content-Type": "multipart/form-data; boundary=b"})
		refused(t, http.StatusRequestEntityTooLarge, "payloadTooLarge", answer.Code, answer.Body.String())
		require.Less(t, body.read, 1_000_000)
	}
}

// A handler that breaks tells nobody how.
func TestABrokenHandlerTellsNothing(t *testing.T) {
	b := newBackend(t, func(c *server.Config) { display(c, breaking{}) })
	status, text := b.call("/akepa/status", `{"customerId":"`+person+`","applicationId":"ref_A1"}`)
	s := refused(t, http.StatusInternalServerError, "internalError", status, text)
	require.Equal(t, "Internal error.", s.Message)
	require.NotContains(t, text, "Marker")
}

type breaking struct{ displayer }

func (breaking) Show(context.Context, string) (kyc.View, error) { panic("Marker") }

// Our own login at ConnectFi is wrong: that is no fault of the caller's, whose
// token is good.
func TestOurOwnLoginIsNotTheCallers(t *testing.T) {
	b := newBackend(t, func(c *server.Config) {
		ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"requestId":"1","code":"unauthorized","message":"Marker"}`))
		}))
		t.Cleanup(ts.Close)
		var err error
		c.API.ConnectFi, err = connectfi.New(connectfi.Config{BaseURL: ts.URL, Login: "l", Password: "p"})
		require.NoError(t, err)
	})
	status, text := b.call("/akepa/list", `{"customerId":"`+person+`"}`)
	refused(t, http.StatusServiceUnavailable, connectfi.CodeExtAkepa, status, text)
	require.NotContains(t, text+b.log.String(), "Marker")
}

// A body that does not come is not waited for, on a new connection or one that was used.
func TestASlowCallIsCutOff(t *testing.T) {
	b := newBackend(t, func(c *server.Config) {
		c.BodyTimeout, c.UploadTimeout = 20*time.Millisecond,
			20*time.Millisecond
	})
	public, _, stop := serving(t, b.testServer)
	for _, used := range []bool{false, true} {
		for path, kind := range map[string]string{"/akepa/status": "application/json", "/auth/get-token": "application/json",
			"/akepa/document/upload/doc_1": "multipart/form-data; boundary=b"} {
			slow, err := net.Dial("tcp", public)
			require.NoError(t, err)
			defer slow.Close()
			answers := bufio.NewReader(slow)
			if used {
				fmt.Fprint(slow, "GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n")
				before, err := http.ReadResponse(answers, nil)
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, before.Body)
				require.NoError(t, err)
			}
			fmt.Fprintf(slow, "POST %s HTTP/1.1\r\nHost: x\r\n%s: %s\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n--b\r\n",
				path, connectfi.TokenHeader, apiToken, kind)
			response, err := http.ReadResponse(answers, nil)
			require.NoError(t, err)
			text, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			refused(t, http.StatusRequestTimeout, "requestTimeout", response.StatusCode, string(text))
		}
	}
	require.NoError(t, stop())
}

// bare is what an answer says, whichever answer it is.
func bare(a connectfi.Application) connectfi.Application {
	a.Answer = connectfi.Answer{}
	return a
}
