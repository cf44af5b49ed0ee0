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

func TestValidation(t *testing.T) {
	const identification, list, generate, update = "/akepa/identification", "/akepa/list", "/akepa/document/generate",
		"/akepa/update"
	for name, c := range map[string]struct {
		path, body string
		want       string // of every problem: where, which keyword
	}{
		"another property": {identification, `{"customerId":"cstap_1","reference":"R1","webhookURL":"x"}`,
			" additionalProperties"},
		"another case": {identification, `{"customerId":"cstap_1","Reference":"R1"}`,
			" required, additionalProperties"},
		"nothing":    {identification, `{}`, " required, required"},
		"no object":  {identification, `[]`, " type"},
		"no JSON":    {identification, `{"customerId"`, " type"},
		"two values": {identification, `{} {}`, " type"},
		"another type": {identification, `{"customerId":7,"reference":null,"syncMode":"yes"}`,
			"/customerId type, /reference type, /syncMode type"},
		"the page's own reference": {identification, `{"customerId":"cstap_1","reference":"UNIQUE_REFERENCE_ID"}`,
			"/reference pattern"},
		"too long": {identification, `{"customerId":"cstap_1","reference":"` + strings.Repeat("a", 33) +
			`"}`, "/reference maxLength"},
		"all at once": {identification, `{"customerId":"","reference":"-","webhookUrl":"<","x":1}`,
			" additionalProperties, /reference pattern, /customerId minLength, /customerId pattern, /webhookUrl pattern"},
		"a page too long": {list, `{"customerId":"cstap_1","numberOfRecords":1001}`, "/numberOfRecords maximum"},
		"half a record":   {list, `{"customerId":"cstap_1","skipRecords":0.5}`, "/skipRecords type"},
		"no date":         {list, `{"customerId":"cstap_1","dateCreateFrom":"soon"}`, "/dateCreateFrom format"},
		"another document type": {generate, `{"workflow":"PERSONAL","name":"a","extension":"gif","type":"selfie"}`,
			"/extension enum, /type enum"},
		"no documents": {update, `{"applicationId":"a","customerId":"cstap_1","entityId":"a","documents":[]}`,
			"/documents minItems"},
		"inside a document": {update,
			`{"applicationId":"a","customerId":"cstap_1","entityId":"a","documents":[{"side":"left","x":1}]}`, "/documents/0 required, /documents/0 additionalProperties, /documents/0/side enum"},
		"documents of another type": {update, `{"applicationId":"a","customerId":"cstap_1","entityId":"a","documents":{}}`,
			"/documents type"},
		"a customer of no type": {"/customer/init", `{"customerReference":"a","customerType":"dog","customer":[]}`,
			"/customer type, /customerType enum"},
		"a login inside": {"/auth/get-token", `{"user":{"login":"a b","password":""}}`,
			"/user/login pattern, /user/password minLength"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, simulator.Config{}, func(t *testing.T, b *bench) {
				status, text := b.call(http.MethodPost, c.path, c.body)
				require.Equal(t, http.StatusBadRequest, status, text)
				refused := into[struct {
					RequestID, Code, Message string
					Context                  []connectfi.Problem
				}](t, text)
				require.Equal(t, connectfi.CodeRequestValidateError, refused.Code)
				require.Regexp(t, `^[0-9a-f]{32}$`, refused.RequestID)
				require.NotEmpty(t, refused.Message)
				var got []string
				for i, p := range refused.Context {
					where := p.InstancePath
					if i > 0 && where == "" {
						got = append(got, p.Keyword)
						continue
					}
					got = append(got, where+" "+p.Keyword)
					require.NotEmpty(t, p.Params)
					require.NotEmpty(t, p.Message)
					require.True(t, strings.HasPrefix(p.SchemaPath, "#/") && strings.HasSuffix(p.SchemaPath, "/"+p.Keyword),
						p.SchemaPath)
				}
				require.Equal(t, c.want, strings.Join(got, ", "))
			})
		})
	}
}

// The form of a raw Ajv error, in full.
func TestAnUnknownPropertyAsAjvSaysIt(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		_, text := b.call(http.MethodPost, "/akepa/status", `{"customerId":"cstap_1","applicationId":"iapp_1","extra":true}`)
		require.Contains(t, text, `"context":[{"instancePath":"","schemaPath":"#/additionalProperties",`+
			`"keyword":"additionalProperties",`+
			`"params":{"additionalProperty":"extra"},"message":"must NOT have additional properties"}]`)
	})
}

func TestRefusals(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		a := b.identify(simulator.PageIndividual, "R1")
		decided := b.identify(b.customers("individual", simulator.Approve, 1)[0], "R2")
		announced, uploaded := b.document("license", ""), b.document("license", "image")
		link := func(a connectfi.Application, entity, document string) string {
			return fmt.Sprintf(`{"applicationId":%q,"customerId":%q,"entityId":%q,"documents":[{"documentId":%q,`+
				`"side":"front"}]}`,
				a.ApplicationID, a.CustomerID, entity, document)
		}
		init := `{"customerReference":"C1","customerType":"individual","customer":{}}`
		good[any](b, http.MethodPost, "/customer/init", init)
		for name, c := range map[string]struct {
			path, body string
			status     int
			want       string
		}{
			"identification of nobody": {"/akepa/identification", `{"customerId":"unknownCustomerId","reference":"R3"}`, 400,
				`"code":"customerNotFound","context":{"customerId":"unknownCustomerId"},"message":"Customer not found."`},
			"list of nobody": {"/akepa/list", `{"customerId":"unknownCustomerId"}`, 400,
				`"code":"customerNotFound"`},
			"no such application": {"/akepa/status", `{"customerId":"cstap_1","applicationId":"iapp_1"}`, 404,
				`"code":"applicationNotFound","context":{"applicationId":"iapp_1"}`},
			"another's application": {"/akepa/status", `{"customerId":"cstap_1","applicationId":"` + a.ApplicationID + `"}`,
				404, `"code":"applicationNotFound"`},
			"no such document": {"/akepa/update", link(a, a.CustomerID, "doc_1"), 400, `"code":"documentNotFound"`},
			"announced only":   {"/akepa/update", link(a, a.CustomerID, announced), 400, `"code":"fileNotFound"`},
			"another entity":   {"/akepa/update", link(a, "cstap_1", uploaded), 400, `"code":"customerNotFound"`},
			"after the decision": {"/akepa/update", link(decided, decided.CustomerID, uploaded), 400,
				`"code":"statusApplicationEntity","message":"Entity has status completed. Action cannot be completed."`},
			"a list that ends before it begins": {"/akepa/list",
				`{"customerId":"cstap_1","dateCreateFrom":"2000-01-02","dateCreateTo":"2000-01-01"}`, 400,
				`"code":"invalidDateRange"`},
			"the same reference at init": {"/customer/init", init, 400, `"code":"referenceExists"`},
			"a huge body": {"/akepa/list", `{"customerId":"` + strings.Repeat("a", 1<<20) + `"}`, 413,
				`"code":"payloadTooLarge"`},
		} {
			status, text := b.call(http.MethodPost, c.path, c.body)
			require.Equal(t, c.status, status, "%s: %s", name, text)
			require.Contains(t, text, c.want, name)
		}
		require.Equal(t, 0, b.ledger("R1").Attachments, "a refused update links nothing")

		b.token = "no token"
		status, text := b.call(http.MethodPost, "/akepa/list", `{"customerId":"cstap_1"}`)
		require.Equal(t, http.StatusUnauthorized, status)
		require.Contains(t, text, `"code":"unauthorized","message":"Authentication error"`)
	})
}

func TestUploadRefusals(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		id := b.document("license", "")
		for name, c := range map[string]struct{ id, field, image, code string }{
			"unknown document": {"doc_1", "file", "image", "documentNotFound"},
			"empty file":       {id, "file", "", "fileNotFound"},
			"another field":    {id, "image", "image", "fileNotFound"},
		} {
			status, text := b.upload(c.id, c.field, c.image)
			require.Equal(t, http.StatusBadRequest, status, name)
			require.Contains(t, text, `"code":"`+c.code+`"`, name)
		}
		status, text := b.call(http.MethodPost, "/akepa/document/upload/"+id, `{}`)
		require.Equal(t, http.StatusBadRequest, status)
		require.Contains(t, text, `"code":"requestValidateError"`)
	})
}

func TestListPages(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		require.JSONEq(t, `{"applications":[]}`, mustData(b, `{"customerId":"cstap_1"}`),
			"a customer nobody has used has none")
		for i := range 5 {
			b.identify("cstap_1", fmt.Sprintf("R%d", i))
			pass(10 * time.Minute) // since 2000-01-01
		}
		for name, c := range map[string]struct {
			body, want string
			more       bool
		}{
			"all":      {`{"customerId":"cstap_1"}`, "R0 R1 R2 R3 R4", false},
			"first":    {`{"customerId":"cstap_1","numberOfRecords":2}`, "R0 R1", true},
			"middle":   {`{"customerId":"cstap_1","numberOfRecords":2,"skipRecords":2}`, "R2 R3", true},
			"last":     {`{"customerId":"cstap_1","numberOfRecords":2,"skipRecords":4}`, "R4", false},
			"exactly":  {`{"customerId":"cstap_1","numberOfRecords":5}`, "R0 R1 R2 R3 R4", false},
			"past it":  {`{"customerId":"cstap_1","skipRecords":9}`, "", false},
			"by dates": {`{"customerId":"cstap_1","dateCreateFrom":"2000-01-01T00:10:00Z","dateCreateTo":"2000-01-01T00:25:00Z"}`, "R1 R2", false},
			"by one moment": {`{"customerId":"cstap_1","dateCreateFrom":"2000-01-01T00:10:00Z",` +
				`"dateCreateTo":"2000-01-01T00:10:00Z"}`, "R1", false},
			"by days": {`{"customerId":"cstap_1","dateCreateFrom":"2000-01-02"}`, "", false},
		} {
			page := into[connectfi.ListPage](t, mustData(b, c.body))
			var got []string
			for _, a := range page.Applications {
				got = append(got, a.Reference)
			}
			require.Equal(t, c.want, strings.Join(got, " "), name)
			require.Equal(t, c.more, page.More, name)
		}
	})
}

func mustData(b *bench, body string) string {
	return string(good[connectfi.Envelope[rawData]](b, http.MethodPost, "/akepa/list", body).Data)
}

type rawData []byte

func (r *rawData) UnmarshalJSON(text []byte) error {
	*r = append([]byte(nil), text...)
	return nil
}
