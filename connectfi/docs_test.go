package connectfi_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

// Each test names the page and the sentence it holds the code to, and how well
// that is known: S, C, D or A. The error bodies in testdata have the documented
// shape with values of ours; every other body there is printed on a page.

func TestS_Identification_PrintedAnswersAreReadAndWrittenAlike(t *testing.T) {
	for _, name := range []string{"identification_individual", "identification_business", "callback"} {
		t.Run(name, func(t *testing.T) {
			envelope := into[connectfi.Envelope[connectfi.Application]](t, printed(t, name))
			require.Equal(t, connectfi.CodeOK, envelope.Code)
			again, err := json.Marshal(envelope)
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(string(printed(t, name))), string(again), "to the letter, null included")
		})
	}
}

func TestS_Identification_PrintedRequestIsSentAndItsAnswerRead(t *testing.T) {
	for _, kind := range []string{"identification_individual", "identification_business"} {
		t.Run(kind, func(t *testing.T) {
			c := client(t, func(w http.ResponseWriter, r *http.Request) {
				got, err := io.ReadAll(r.Body)
				if err != nil || r.URL.Path != "/akepa/identification" || r.Method != http.MethodPost ||
					r.Header.Get("Content-Type") != "application/json" || r.Header.Get("x-connectfi-token") != "T1" {
					t.Errorf("%v %s %s %v", err, r.Method, r.URL, r.Header)
				}
				var want, sent any
				if json.Unmarshal(got, &sent) != nil || json.Unmarshal(printed(t, kind+"_request"), &want) != nil {
					t.Errorf("not JSON: %s", got)
				}
				if !equal(want, sent) {
					t.Errorf("sent %s", got)
				}
				w.Write(printed(t, kind))
			})
			request := into[connectfi.IdentificationRequest](t, printed(t, kind+"_request"))
			require.Contains(t, request.WebhookURL, "https://your_webhook_url/")
			a, err := c.Identify(t.Context(), request)
			require.NoError(t, err)
			want := into[connectfi.Envelope[connectfi.Application]](t, printed(t, kind))
			want.Data.Answer = connectfi.Answer{RequestID: want.RequestID,
				SHA256: fmt.Sprintf("%x", sha256.Sum256(printed(t, kind)))}
			require.Equal(t, want.Data, a)
			require.Equal(t, connectfi.StatusPendingStepUp, a.Status)
		})
	}
}

func equal(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func TestS_Identification_TheRepresentativeStandsBeforeTheCustomer(t *testing.T) {
	a := into[connectfi.Envelope[connectfi.Application]](t, printed(t, "identification_business")).Data
	require.False(t, a.EntityApplications[0].IsCustomer)
	require.True(t, a.EntityApplications[1].IsCustomer)
	require.Empty(t, a.Outcome)
	require.Equal(t, connectfi.Outcome("approved"), a.EntityApplications[1].Outcome)
}

func TestD_Identification_TheExampleReferenceBreaksThePagesOwnPattern(t *testing.T) {
	r := into[connectfi.IdentificationRequest](t, printed(t, "identification_example_request"))
	require.Equal(t, []connectfi.Problem{{InstancePath: "/reference", SchemaPath: "#/properties/reference/pattern",
		Keyword: "pattern",
		Params:  map[string]any{"pattern": "^[0-9a-zA-Z]+$"}, Message: `must match pattern "^[0-9a-zA-Z]+$"`}}, r.Validate())
	r.Reference = "extRefApp100"
	require.Empty(t, r.Validate())
}

func TestS_Identification_Schema(t *testing.T) {
	ok := connectfi.IdentificationRequest{CustomerID: "a_1", Reference: "A1", WebhookURL: "https://example.test/A1"}
	for name, test := range map[string]struct {
		change func(*connectfi.IdentificationRequest)
		broken string // path and keywords; "" if nothing is
	}{
		"as it is":        {func(*connectfi.IdentificationRequest) {}, ""},
		"reference of 32": {func(r *connectfi.IdentificationRequest) { r.Reference = strings.Repeat("a", 32) }, ""},
		"reference of 33": {func(r *connectfi.IdentificationRequest) { r.Reference = strings.Repeat("a", 33) },
			"/reference maxLength"},
		"no reference": {func(r *connectfi.IdentificationRequest) { r.Reference = "" },
			"/reference minLength /reference pattern"},
		"reference with a line":  {func(r *connectfi.IdentificationRequest) { r.Reference = "A1\n" }, "/reference pattern"},
		"reference beyond ASCII": {func(r *connectfi.IdentificationRequest) { r.Reference = "ä" }, "/reference pattern"},
		"reference with _":       {func(r *connectfi.IdentificationRequest) { r.Reference = "A_1" }, "/reference pattern"},
		"customer id of 36":      {func(r *connectfi.IdentificationRequest) { r.CustomerID = strings.Repeat("a", 36) }, ""},
		"customer id of 37": {func(r *connectfi.IdentificationRequest) { r.CustomerID = strings.Repeat("a", 37) },
			"/customerId maxLength"},
		"customer id with a dash": {func(r *connectfi.IdentificationRequest) { r.CustomerID = "a-b" }, "/customerId pattern"},
		"no webhookUrl":           {func(r *connectfi.IdentificationRequest) { r.WebhookURL = "" }, ""},
		"webhookUrl of 500":       {func(r *connectfi.IdentificationRequest) { r.WebhookURL = strings.Repeat("ä", 500) }, ""},
		"webhookUrl of 501": {func(r *connectfi.IdentificationRequest) { r.WebhookURL = strings.Repeat("ä", 501) },
			"/webhookUrl maxLength"},
		"webhookUrl with <": {func(r *connectfi.IdentificationRequest) { r.WebhookURL = "https://a/<" },
			"/webhookUrl pattern"},
		"webhookUrl with >": {func(r *connectfi.IdentificationRequest) { r.WebhookURL = "https://a/>" },
			"/webhookUrl pattern"},
		"webhookUrl, two lines": {func(r *connectfi.IdentificationRequest) { r.WebhookURL = "https://a/\n" },
			"/webhookUrl pattern"},
		"webhookUrl, LS": {func(r *connectfi.IdentificationRequest) { r.WebhookURL = "https://a/\u2028" },
			"/webhookUrl pattern"},
		// no line terminator of ECMAScript's
		"webhookUrl, NEL": {func(r *connectfi.IdentificationRequest) { r.WebhookURL = "https://a/\u0085" }, ""},
		"all of it": {func(r *connectfi.IdentificationRequest) { r.Reference, r.CustomerID, r.WebhookURL = "_", "-", ">" },
			"/reference pattern /customerId pattern /webhookUrl pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ok
			test.change(&r)
			require.Equal(t, test.broken, told(r.Validate()))
		})
	}
}

// told is a list of problems in short.
func told(problems []connectfi.Problem) string {
	var parts []string
	for _, p := range problems {
		parts = append(parts, p.InstancePath+" "+p.Keyword)
	}
	return strings.Join(parts, " ")
}

func TestS_Identification_SyncModeAndWebhookURLOnTheWire(t *testing.T) {
	no, yes := false, true
	for want, r := range map[string]connectfi.IdentificationRequest{
		`{"customerId":"c","reference":"r","webhookUrl":"u"}`: {CustomerID: "c", Reference: "r", WebhookURL: "u"},
		`{"customerId":"c","reference":"r","syncMode":false}`: {CustomerID: "c", Reference: "r", SyncMode: &no},
		`{"customerId":"c","reference":"r","syncMode":true}`:  {CustomerID: "c", Reference: "r", SyncMode: &yes},
		`{"customerId":"c","reference":"r"}`:                  {CustomerID: "c", Reference: "r"},
	} {
		body, err := json.Marshal(r)
		require.NoError(t, err)
		require.JSONEq(t, want, string(body))
	}
}

func TestC_GetToken_LoginAndPasswordForATokenInAHeader(t *testing.T) {
	var asked []string
	c := over(t, func(r *http.Request) (int, string, error) {
		text, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		asked = append(asked, r.URL.Path+" "+r.Header.Get("X-ConnectFi-Token")+" "+string(text))
		if isToken(r) {
			return 200, longLived, nil
		}
		return 200, string(printed(t, "callback")), nil
	})
	_, err := c.Status(t.Context(), ask)
	require.NoError(t, err)
	require.Equal(t, []string{`/auth/get-token  {"user":{"login":"login","password":"secret-password"}}`,
		`/akepa/status T1 {"customerId":"c","applicationId":"a"}`}, asked)
}

func TestC_GetToken_Schema(t *testing.T) {
	for name, test := range map[string]struct{ login, password, broken string }{
		"good": {"a_1", "p w", ""}, "long": {strings.Repeat("a", 36), strings.Repeat("ä", 50), ""},
		"too long": {strings.Repeat("a", 37), strings.Repeat("p", 51), "/user/login maxLength /user/password maxLength"},
		"empty":    {"", "", "/user/login minLength /user/login pattern /user/password minLength"}, "a dash": {"a-b", "p",
			"/user/login pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.broken, told(connectfi.TokenRequest{User: connectfi.Login{Login: test.login,
				Password: test.password}}.Validate()))
		})
	}
}

func TestC_StatusListCustomer_WireAndSchema(t *testing.T) {
	for name, test := range map[string]struct {
		request interface{ Validate() []connectfi.Problem }
		wire    string
		broken  string
	}{
		"status": {ask, `{"customerId":"c","applicationId":"a"}`, ""},
		"status, both ids": {connectfi.StatusRequest{CustomerID: "-", ApplicationID: "-"},
			`{"customerId":"-","applicationId":"-"}`, "/customerId pattern /applicationId pattern"},
		"list": {connectfi.ListRequest{CustomerID: "c"}, `{"customerId":"c"}`, ""},
		"list, a page": {connectfi.ListRequest{CustomerID: "c", NumberOfRecords: 1000, SkipRecords: 5},
			`{"customerId":"c","numberOfRecords":1000,"skipRecords":5}`, ""},
		"list, too many": {connectfi.ListRequest{CustomerID: "c", NumberOfRecords: 1001},
			`{"customerId":"c","numberOfRecords":1001}`, "/numberOfRecords maximum"},
		"list, negative": {connectfi.ListRequest{CustomerID: "c", NumberOfRecords: -1, SkipRecords: -1},
			`{"customerId":"c","numberOfRecords":-1,"skipRecords":-1}`, "/numberOfRecords minimum /skipRecords minimum"},
		"customer": {connectfi.CustomerRequest{CustomerReference: "r", CustomerType: "individual",
			Customer: []byte(`{"firstName":"F"}`)},
			`{"customerReference":"r","customerType":"individual","customer":{"firstName":"F"}}`, ""},
		"customer, nothing": {connectfi.CustomerRequest{}, `{"customerReference":"","customerType":"","customer":null}`,
			"/customerReference minLength /customerReference pattern /customerType enum  required"},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(test.request)
			require.NoError(t, err)
			require.Equal(t, test.wire, string(body))
			require.Equal(t, test.broken, told(test.request.Validate()))
		})
	}
}

func TestC_List_MoreIsTrueWhenMoreRemain(t *testing.T) {
	page, err := client(t, body(`{"code":"0","data":{"applications":[{"applicationId":"a","reference":"r",`+
		`"status":"running"}],"more":true}}`)).
		List(t.Context(), connectfi.ListRequest{CustomerID: "c"})
	require.NoError(t, err)
	require.True(t, page.More)
	require.Equal(t, "r", page.Applications[0].Reference, "that it is called data.applications is assumed (A)")
}

func TestC_GenerateDocument_Schema(t *testing.T) {
	ok := connectfi.GenerateRequest{Workflow: "PERSONAL", Name: "license, front", Extension: "jpg", Type: "license"}
	for kind := range strings.FieldsSeq(
		"contract license passport utility other internal identification_card residence_permit " +
			"canada_provincial_id indigenous_card paystub bank_statement w2 1099 1120 1065 t1 t4") {
		r := ok
		r.Type = kind
		require.Empty(t, r.Validate(), kind)
	}
	for name, test := range map[string]struct {
		change func(*connectfi.GenerateRequest)
		broken string
	}{
		"business, png": {func(r *connectfi.GenerateRequest) { r.Workflow, r.Extension = "BUSINESS", "png" }, ""},
		"lower case": {func(r *connectfi.GenerateRequest) {
			r.Workflow, r.Extension, r.Type = "personal", "JPG",
				"License"
		}, "/workflow enum /extension enum /type enum"},
		"name of 51":  {func(r *connectfi.GenerateRequest) { r.Name = strings.Repeat("ä", 51) }, "/name maxLength"},
		"no name":     {func(r *connectfi.GenerateRequest) { r.Name = "" }, "/name minLength"},
		"name with <": {func(r *connectfi.GenerateRequest) { r.Name = "<" }, "/name pattern"},
		"note of 500": {func(r *connectfi.GenerateRequest) { r.Note = strings.Repeat("n", 500) }, ""},
		"note of 501": {func(r *connectfi.GenerateRequest) { r.Note = strings.Repeat("n", 501) }, "/note maxLength"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ok
			test.change(&r)
			require.Equal(t, test.broken, told(r.Validate()))
		})
	}
}

func TestC_UploadDocument_IsMultipartWithTheFieldFile(t *testing.T) {
	for name, data := range map[string]string{"data": `,"data":{"id":"doc_1"}`, "no data (A)": ``,
		"null (A)": `,"data":null`} {
		t.Run(name, func(t *testing.T) {
			c := client(t, func(w http.ResponseWriter, r *http.Request) {
				file, header, err := r.FormFile("file")
				if err != nil || r.URL.Path != "/akepa/document/upload/doc_1" || header.Filename != `fr"ont.png` ||
					header.Header.Get("Content-Type") != "image/png" {
					t.Errorf("%v %s %v", err, r.URL.Path, header)
					return
				}
				if text, _ := io.ReadAll(file); string(text) != "bytes" {
					t.Errorf("%q", text)
				}
				io.WriteString(w, `{"code":"0"`+data+`}`)
			})
			require.NoError(t, c.UploadDocument(t.Context(), "doc_1", `fr"ont.png`, "image/png", strings.NewReader("bytes")))
		})
	}
}

func TestA_Update_BothSidesInOneCall(t *testing.T) {
	r := connectfi.UpdateRequest{ApplicationID: "iapp_1", CustomerID: "cstab_1", EntityID: "cstab_2",
		Documents: []connectfi.DocumentLink{{DocumentID: "doc_1", Side: "front"}, {DocumentID: "doc_2", Side: "back"}}}
	body, err := json.Marshal(r)
	require.NoError(t, err)
	require.Equal(t, `{"applicationId":"iapp_1","customerId":"cstab_1","entityId":"cstab_2",`+
		`"documents":[{"documentId":"doc_1","side":"front"},{"documentId":"doc_2","side":"back"}]}`, string(body))
	require.Empty(t, r.Validate())
	r.Documents[1] = connectfi.DocumentLink{DocumentID: "../x", Side: "top"}
	require.Equal(t, "/documents/1/documentId pattern /documents/1/side enum", told(r.Validate()))
	require.Equal(t, "#/properties/documents/items/properties/documentId/pattern", r.Validate()[0].SchemaPath)
	r.Documents = nil
	require.Equal(t, "/documents minItems", told(r.Validate()))
}
