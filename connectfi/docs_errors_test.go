package connectfi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

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
