package connectfi_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

// decodable is every request that comes in at an edge.
var decodable = []func(*testing.T, []byte){
	decodes[connectfi.IdentificationRequest], decodes[connectfi.StatusRequest], decodes[connectfi.ListRequest],
	decodes[connectfi.GenerateRequest], decodes[connectfi.UpdateRequest], decodes[connectfi.CustomerRequest],
	decodes[connectfi.TokenRequest],
}

// FuzzDecode: a request is read the way Ajv would read what JSON.parse makes of
// it, and what is wrong with another is told in Ajv's form.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"identification_individual_request", "identification_business_request",
		"identification_example_request"} {
		f.Add(byte(0), printed(f, name))
	}
	for kind, body := range []string{
		`{"customerId":"c","reference":"r","syncMode":null,"webhookUrl":"https://a.example/?b=1","extra":{"a":[]}}`,
		`{"customerId":"c","applicationId":"iapp_1"}`, `{"customerId":"c","numberOfRecords":1000,"skipRecords":0,` +
			`"dateCreateFrom":"2026-01-01"}`,
		`{"workflow":"PERSONAL","name":"n","extension":"jpg","type":"w2","note":null}`,
		`{"applicationId":"a","customerId":"c","entityId":"e","documents":[{"documentId":"d","side":"front"},` +
			`{"documentId":"d","side":"back"}]}`,
		`{"customerReference":"r","customerType":"business","customer":{"lastName":"WaitReview"}}`, `{"user":{"login":"l",` +
			`"password":"p"}}`,
	} {
		f.Add(byte(kind), []byte(body))
	}
	f.Add(byte(0), []byte(`{"customerId":"c","reference":"r","webhookUrl":"x","webhookUrl":null}`))
	f.Fuzz(func(t *testing.T, kind byte, body []byte) { decodable[int(kind)%len(decodable)](t, body) })
}

var schemaPath = regexp.MustCompile(`^#(/properties/[a-zA-Z]+|/items)*/[a-zA-Z]+$`)

func decodes[T interface{ Validate() []connectfi.Problem }](t *testing.T, body []byte) {
	request, problems := connectfi.Decode[T](body)
	_, again := connectfi.Decode[T](body)
	require.Equal(t, problems, again, "in the same order every time")
	seen := map[string]bool{}
	for _, p := range problems {
		require.Regexp(t, schemaPath, p.SchemaPath)
		require.NotEmpty(t, p.Keyword)
		require.NotEmpty(t, p.Message)
		text, err := json.Marshal(p)
		require.NoError(t, err)
		require.False(t, seen[string(text)], "said twice: %s", text)
		seen[string(text)] = true
	}
	if len(problems) > 0 {
		return
	}
	require.Empty(t, request.Validate())
	// JSON.parse takes the last of several properties of one name.
	var plain any
	numbers := json.NewDecoder(bytes.NewReader(body))
	numbers.UseNumber()
	require.NoError(t, numbers.Decode(&plain))
	once, err := json.Marshal(plain)
	require.NoError(t, err)
	parsed, problems := connectfi.Decode[T](once)
	require.Empty(t, problems)
	require.Equal(t, compact(t, parsed), compact(t, request), "what stands twice counts once")
	written, problems := connectfi.Decode[T]([]byte(compact(t, request)))
	require.Empty(t, problems, "what is good is good when it is sent on")
	require.Equal(t, compact(t, request), compact(t, written))
}

func compact(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}
