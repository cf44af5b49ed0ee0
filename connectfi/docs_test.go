package connectfi_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

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
	ok := connectfi.GenerateRequest{Workflow: "PERSONAL", Name: "licence, front", Extension: "jpg", Type: "license"}
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

func TestC_Errors_AreJudgedByCode(t *testing.T) {
	for code, test := range map[string]struct {
		status    int
		temporary bool
	}{
		"extAkepa": {400, true}, "requestValidateError": {400, false}, "customerNotFound": {400, false},
		"applicationNotFound": {404, false}, "documentNotFound": {400, false}, "fileNotFound": {400, false},
		"statusApplicationEntity": {400, false}, "referenceExists": {400, false}, "customerExists": {400, false},
		"unauthorized": {401, true}, "somethingNew": {400, true}, "tooMany": {429, true},
	} {
		t.Run(code, func(t *testing.T) {
			_, err := client(t, status(test.status, `{"requestId":"x","code":"`+code+
				`","message":"Jane Doe","context":{"name":"Jane Doe"}}`)).Status(t.Context(), ask)
			refused := failure(t, err)
			require.Equal(t, code, refused.Code)
			require.Equal(t, test.status, refused.HTTPStatus)
			require.Equal(t, test.temporary, refused.Temporary())
			require.True(t, refused.Answered())
		})
	}
}

func TestC_Errors_ContextAndMessageAreEachSometimesAbsent(t *testing.T) {
	for name, code := range map[string]string{
		"error_unauthorized": connectfi.CodeUnauthorized, "error_customer_not_found": connectfi.CodeCustomerNotFound,
		"error_application_not_found":     connectfi.CodeApplicationNotFound,
		"error_status_application_entity": connectfi.CodeStatusApplicationEntity,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, status(400, string(printed(t, name)))).Status(t.Context(), ask)
			refused := failure(t, err)
			require.Equal(t, code, refused.Code)
			require.Equal(t, "135520d078d411eeb5658f28ab5fe311", refused.RequestID)
			require.Empty(t, refused.Problems)
		})
	}
}

func TestC_Errors_ARequestValidateErrorCarriesARawAjvList(t *testing.T) {
	_, err := client(t, status(400, string(printed(t, "error_request_validate")))).Status(t.Context(), ask)
	require.Equal(t, []connectfi.Problem{
		{Keyword: "additionalProperties", Params: map[string]any{"additionalProperty": nil}},
		{InstancePath: "/reference", Keyword: "pattern", Params: map[string]any{"pattern": nil}},
	}, failure(t, err).Problems, "no value and no message")
	for name, context := range map[string]string{
		"a path with a value": `[{"instancePath":"/Jane Doe","keyword":"type"}]`,
		"a sentence":          `[{"instancePath":"","keyword":"Jane Doe"}]`,
		"an object":           `{"name":"Jane"}`, "other things": `[1,"Jane"]`, "nulls": `[null]`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, status(400, `{"code":"requestValidateError","context":`+context+`}`)).Status(t.Context(), ask)
			require.Empty(t, failure(t, err).Problems)
		})
	}
	many := strings.Repeat(`{"instancePath":"/a","keyword":"type"},`, 99)
	_, err = client(t, status(400, `{"code":"requestValidateError","context":[`+strings.TrimSuffix(many, ",")+
		`]}`)).Status(t.Context(), ask)
	require.Len(t, failure(t, err).Problems, 50)
}

func TestC_Callback_IsTheSameEnvelope(t *testing.T) {
	a, requestID, err := connectfi.ParseCallback(printed(t, "callback"))
	require.NoError(t, err)
	require.Equal(t, "2e4d99a0cc3311eebb061f991c0df212", requestID)
	require.Equal(t, "extRefAk124", a.Reference)
	require.Equal(t, connectfi.Outcome("Approved"), a.Outcome, "capital here")
	require.Equal(t, connectfi.Outcome("approved"), a.EntityApplications[0].Outcome, "and small there: kept as they come")
	for _, hint := range []string{`{"applicationId":"a"}`, `{"reference":"r"}`,
		`{"applicationId":"a","status":"of tomorrow","new":1}`} {
		_, _, err := connectfi.ParseCallback([]byte(`{"code":"0","data":` + hint + `}`))
		require.NoError(t, err, "a hint says enough if it says about what")
	}
	for name, body := range map[string]string{
		"nothing": ``, "not JSON": `Jane`, "a list": `[]`, "null": `null`, "no code": `{"data":{"applicationId":"a"}}`,
		"no data":         `{"code":"0"}`,
		"data of nothing": `{"code":"0","data":{}}`, "an error": string(printed(t, "error_customer_not_found")),
		"two": `{"code":"0","data":{"reference":"r"}}{}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := connectfi.ParseCallback([]byte(body))
			require.ErrorIs(t, err, connectfi.ErrNotCallback)
		})
	}
}

func TestD_Ids_CarryTheTimeTheyWereMade(t *testing.T) {
	// The times are those that another language's UUID library reads.
	for id, want := range map[string]string{
		"iapp_AwXROkAVhfKmkhXjOTmuK":   "2023-11-01 16:31:14.827",
		"iapp_3TjDAthM8ZoyKRQOJBUOZk":  "2023-11-01 17:24:23.380",
		"iapp_6HdIlzPVvBdPRMOLVb7BGW":  "2024-02-09 12:15:05.853",
		"cstap_6reGTr3k8vpAu8uFV7EdiN": "2023-11-01 16:07:59.324",
	} {
		at, err := connectfi.IDTime(id)
		require.NoError(t, err)
		require.Equal(t, want, at.Format("2006-01-02 15:04:05.000"), id)
	}
	a, requestID, err := connectfi.ParseCallback(printed(t, "callback"))
	require.NoError(t, err)
	made, err := connectfi.IDTime(a.ApplicationID)
	require.NoError(t, err)
	called, err := connectfi.RequestIDTime(requestID)
	require.NoError(t, err)
	require.Equal(t, 6, int(called.Sub(made).Hours()/24),
		"the printed callback came six days after its application was made")
}

func TestD_Ids_AreMadeOfTheDocumentedForm(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	for _, prefix := range []string{connectfi.PrefixIndividual, connectfi.PrefixBusiness, connectfi.PrefixApplication,
		connectfi.PrefixDocument} {
		id := connectfi.NewID(prefix, now)
		require.Regexp(t, "^"+prefix+"[0-9a-zA-Z]{20,22}$", id)
		at, err := connectfi.IDTime(id)
		require.NoError(t, err)
		require.Equal(t, now, at)
		require.NotEqual(t, id, connectfi.NewID(prefix, now))
	}
	requestID := connectfi.NewRequestID(now)
	require.Regexp(t, "^[0-9a-f]{12}1[0-9a-f]{3}[89ab][0-9a-f]{15}$", requestID)
	at, err := connectfi.RequestIDTime(requestID)
	require.NoError(t, err)
	require.Equal(t, now, at)
	for _, bad := range []string{"", "x", "cstap_", "cstap_!", "cstap_1", "cstap_+reGTr3k8vpAu8uFV7EdiN",
		"cstap_-reGTr3k8vpAu8uFV7EdiN", "cstap_0" + "6reGTr3k8vpAu8uFV7EdiN", "6reGTr3k8vpAu8uFV7EdiN", "cstap_" +
			strings.Repeat("Z", 22), "cstap_" + strings.Repeat("Z", 1<<20)} {
		_, err := connectfi.IDTime(bad)
		require.Error(t, err)
	}
	for _, bad := range []string{"", "x", requestID + "00", strings.Repeat("0", 32)} {
		_, err := connectfi.RequestIDTime(bad)
		require.Error(t, err, bad)
	}
}
