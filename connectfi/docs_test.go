package connectfi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

// Each test names the sentence it holds the code to, and its mark.

func printed(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile("testdata/" + name + ".json")
	require.NoError(t, err)
	return body
}

func TestS_PrintedAnswersAreReadAndWrittenAlike(t *testing.T) {
	for _, name := range []string{"identification_individual", "identification_business", "callback"} {
		t.Run(name, func(t *testing.T) {
			var envelope connectfi.Envelope[connectfi.Application]
			require.NoError(t, json.Unmarshal(printed(t, name), &envelope))
			require.Equal(t, connectfi.CodeOK, envelope.Code)
			again, err := json.Marshal(envelope)
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(string(printed(t, name))), string(again), "to the letter, null included")
		})
	}
}

func TestS_TheRepresentativeStandsBeforeTheCustomer(t *testing.T) {
	a, requestID, err := connectfi.ParseCallback(printed(t, "identification_business"))
	require.NoError(t, err)
	require.Equal(t, "7fe10b9078db11eeb5658f28ab5fe311", requestID)
	require.False(t, a.EntityApplications[0].IsCustomer)
	require.True(t, a.EntityApplications[1].IsCustomer)
	require.Empty(t, a.Outcome)
	require.Equal(t, connectfi.Outcome("approved"), a.EntityApplications[1].Outcome)
}

func TestD_TheExampleReferenceBreaksThePagesOwnPattern(t *testing.T) {
	r := connectfi.IdentificationRequest{CustomerID: "cstap_5mBHiIx3QbkvEpjGfKsI9k", Reference: "UNIQUE_REFERENCE_ID"}
	problems := r.Validate()
	require.Len(t, problems, 1)
	require.Equal(t, connectfi.Problem{InstancePath: "/reference", SchemaPath: "#/properties/reference/pattern", Keyword: "pattern",
		Params: map[string]any{"pattern": "^[0-9a-zA-Z]+$"}, Message: `must match pattern "^[0-9a-zA-Z]+$"`}, problems[0])
	r.Reference = "extRefApp100"
	require.Empty(t, r.Validate())
}

func TestS_SchemaOfIdentification(t *testing.T) {
	ok := connectfi.IdentificationRequest{CustomerID: "a_1", Reference: "A1", WebhookURL: "https://example.test/A1"}
	require.Empty(t, ok.Validate())
	for name, change := range map[string]func(*connectfi.IdentificationRequest){
		"no reference":            func(r *connectfi.IdentificationRequest) { r.Reference = "" },
		"reference of 33":         func(r *connectfi.IdentificationRequest) { r.Reference = strings.Repeat("a", 33) },
		"reference with a line":   func(r *connectfi.IdentificationRequest) { r.Reference = "A1\n" },
		"customer id of 37":       func(r *connectfi.IdentificationRequest) { r.CustomerID = strings.Repeat("a", 37) },
		"customer id with a dash": func(r *connectfi.IdentificationRequest) { r.CustomerID = "a-b" },
		"webhookUrl of 501":       func(r *connectfi.IdentificationRequest) { r.WebhookURL = strings.Repeat("ä", 501) },
		"webhookUrl with <":       func(r *connectfi.IdentificationRequest) { r.WebhookURL = "https://a/<" },
		"webhookUrl, two lines":   func(r *connectfi.IdentificationRequest) { r.WebhookURL = "https://a/\u2028" },
	} {
		t.Run(name, func(t *testing.T) {
			r := ok
			change(&r)
			require.NotEmpty(t, r.Validate())
		})
	}
	require.Len(t, connectfi.IdentificationRequest{Reference: "_", CustomerID: "-", WebhookURL: ">"}.Validate(), 3, "all problems at once")
}

func TestS_SyncModeAndWebhookURLOnTheWire(t *testing.T) {
	body, err := json.Marshal(connectfi.IdentificationRequest{CustomerID: "c", Reference: "r", WebhookURL: "u"})
	require.NoError(t, err)
	require.JSONEq(t, `{"customerId":"c","reference":"r","webhookUrl":"u"}`, string(body))
	no := false
	body, err = json.Marshal(connectfi.IdentificationRequest{CustomerID: "c", Reference: "r", SyncMode: &no})
	require.NoError(t, err)
	require.JSONEq(t, `{"customerId":"c","reference":"r","syncMode":false}`, string(body))
}

func TestC_ErrorsAreJudgedByCode(t *testing.T) {
	for _, test := range []struct {
		code      string
		status    int
		temporary bool
	}{
		{"extAkepa", 400, true}, {"requestValidateError", 400, false}, {"customerNotFound", 400, false},
		{"applicationNotFound", 404, false}, {"documentNotFound", 400, false}, {"fileNotFound", 400, false},
		{"statusApplicationEntity", 400, false}, {"referenceExists", 400, false}, {"customerExists", 400, false},
		{"somethingNew", 400, true}, {"tooMany", 429, true},
	} {
		t.Run(test.code, func(t *testing.T) {
			c := client(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(test.status)
				w.Write([]byte(`{"requestId":"x","code":"` + test.code + `","message":"John Doe","context":{"name":"John Doe"}}`))
			})
			_, err := c.Status(t.Context(), connectfi.StatusRequest{CustomerID: "c", ApplicationID: "a"})
			var refused *connectfi.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, test.code, refused.Code)
			require.Equal(t, test.temporary, refused.Temporary())
			require.True(t, refused.Answered())
			require.NotContains(t, err.Error(), "John", "nothing of a body in an error")
		})
	}
}

func TestD_IdsCarryTheTimeTheyWereMade(t *testing.T) {
	// The printed callback came six days after its application was made.
	a, requestID, err := connectfi.ParseCallback(printed(t, "callback"))
	require.NoError(t, err)
	made, err := connectfi.IDTime(a.ApplicationID)
	require.NoError(t, err)
	called, err := connectfi.RequestIDTime(requestID)
	require.NoError(t, err)
	require.Equal(t, 6, int(called.Sub(made).Hours()/24))

	now := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	id := connectfi.NewID(connectfi.PrefixIndividual, now)
	require.Len(t, id, len("cstap_6reGTr3k8vpAu8uFV7EdiN"))
	at, err := connectfi.IDTime(id)
	require.NoError(t, err)
	require.Equal(t, now, at)
	require.NotEqual(t, id, connectfi.NewID(connectfi.PrefixIndividual, now))
	at, err = connectfi.RequestIDTime(connectfi.NewRequestID(now))
	require.NoError(t, err)
	require.Equal(t, now, at)
	for _, bad := range []string{"", "x", "cstap_!", "cstap_" + strings.Repeat("Z", 30), "cstap_1"} {
		_, err := connectfi.IDTime(bad)
		require.Error(t, err, bad)
	}
}

// client speaks to a server that gives out tokens and leaves the rest to handle.
func client(t testing.TB, handle http.HandlerFunc) *connectfi.Client {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/get-token", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"code":"0","data":{"token":"T","dtsExpireAt":"2099-10-07T08:18:57.360Z"}}`))
	})
	mux.HandleFunc("/", handle)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c, err := connectfi.New(connectfi.Config{BaseURL: server.URL, Login: "login", Password: "secret-password", Timeout: 2 * time.Second})
	require.NoError(t, err)
	return c
}
