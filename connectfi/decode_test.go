package connectfi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

// found reads a body and lists what is wrong with it: path, keyword and sentence.
func found[T interface{ Validate() []connectfi.Problem }](body string) (all []string) {
	_, problems := connectfi.Decode[T]([]byte(body))
	for _, p := range problems {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s: %s", p.InstancePath, p.Keyword, p.Message)))
	}
	return all
}

// A body is refused for what is missing, unknown or of another type, everything at once and each thing once; and for
// its values where it has them.
func TestWhatIsWrongWithABody(t *testing.T) {
	identify, list, update := found[connectfi.IdentificationRequest], found[connectfi.ListRequest],
		found[connectfi.UpdateRequest]
	token, customer := found[connectfi.TokenRequest], found[connectfi.CustomerRequest]
	const (
		noObject   = "type: must be object"
		noCustomer = "required: must have required property 'customerId'"
		noUser     = "required: must have required property 'user'"
		document   = `{"documentId":"d","side":"front"}`
	)
	updated := func(documents string) string {
		return `{"applicationId":"a","customerId":"c","entityId":"e","documents":` + documents + `}`
	}
	for name, test := range map[string]struct{ found, want []string }{
		"good": {identify(`{"customerId":"c","reference":"r"}`), nil},
		"good, all of it": {identify(
			`{"customerId":"c","reference":"r","syncMode":true,"webhookUrl":"https://a"}`), nil},
		"optional nulls": {identify(`{"customerId":"c","reference":"r","syncMode":null,"webhookUrl":null}`),
			nil},
		"the last of two counts": {identify(`{"customerId":1,"reference":"r","customerId":"c"}`), nil},
		"no JSON":                {identify(`{`), []string{noObject}},
		"nothing":                {identify(``), []string{noObject}},
		"null":                   {identify(`null`), []string{noObject}},
		"a list":                 {identify(`[]`), []string{noObject}},
		"empty": {identify(`{}`),
			[]string{noCustomer, "required: must have required property 'reference'"}},
		"one missing": {identify(`{"reference":"r"}`), []string{noCustomer}},
		"one missing, one bad": {identify(`{"reference":"_"}`),
			[]string{noCustomer, `/reference pattern: must match pattern "^[0-9a-zA-Z]+$"`}},
		"one unknown": {identify(`{"customerId":"c","reference":"r","more":1}`),
			[]string{"additionalProperties: must NOT have additional properties"}},
		"one unknown, one bad": {identify(`{"customerId":"c","reference":"","more":1}`),
			[]string{"additionalProperties: must NOT have additional properties",
				"/reference minLength: must NOT have fewer than 1 characters", `/reference pattern: must match pattern ` +
					`"^[0-9a-zA-Z]+$"`}},
		"another case": {identify(`{"CustomerId":"c","reference":"r"}`),
			[]string{noCustomer, "additionalProperties: must NOT have additional properties"}},
		"a number for a text": {identify(`{"customerId":1,"reference":"r"}`),
			[]string{"/customerId type: must be string"}},
		"null for a text": {identify(`{"customerId":null,"reference":"r"}`),
			[]string{"/customerId type: must be string"}},
		"a text for a truth": {identify(`{"customerId":"c","reference":"r","syncMode":"true"}`),
			[]string{"/syncMode type: must be boolean"}},
		"a number for an address": {identify(`{"customerId":"c","reference":"r","webhookUrl":7}`),
			[]string{"/webhookUrl type: must be string"}},
		"everything at once": {identify(`{"customerId":[],"reference":{},"syncMode":0,"webhookUrl":false}`),
			[]string{"/customerId type: must be string", "/reference type: must be string", "/syncMode type: must be boolean",
				"/webhookUrl type: must be string"}},
		"a whole number": {list(`{"customerId":"c","numberOfRecords":1e2}`), nil},
		"a broken one": {list(`{"customerId":"c","numberOfRecords":1.5}`),
			[]string{"/numberOfRecords type: must be integer"}},
		"a text for a number": {list(`{"customerId":"c","numberOfRecords":"5","skipRecords":-1}`),
			[]string{"/numberOfRecords type: must be integer", "/skipRecords minimum: must be >= 0"}},
		"no object within": {token(`{"user":"login"}`), []string{"/user type: must be object"}},
		"null within":      {token(`{"user":null}`), []string{"/user type: must be object"}},
		"nothing within": {token(`{"user":{}}`), []string{"/user required: must have required property 'login'",
			"/user required: must have required property 'password'"}},
		"no user": {token(`{}`), []string{noUser}},
		"one bad within": {token(`{"user":{"login":"a-b","password":""}}`),
			[]string{`/user/login pattern: must match pattern "^[0-9a-zA-Z_]+$"`,
				"/user/password minLength: must NOT have fewer than 1 characters"}},
		"documents": {update(updated(`[` + document + `,` + document + `]`)), nil},
		"no document": {update(updated(`[]`)),
			[]string{"/documents minItems: must NOT have fewer than 1 items"}},
		"null for documents":      {update(updated(`null`)), []string{"/documents type: must be array"}},
		"an object for documents": {update(updated(`{}`)), []string{"/documents type: must be array"}},
		"the second is none": {update(updated(`[` + document + `,1]`)),
			[]string{"/documents/1 type: must be object"}},
		"the second lacks something": {update(updated(`[` + document + `,{"documentId":"d"}]`)),
			[]string{"/documents/1 required: must have required property 'side'"}},
		"the second is bad": {update(updated(`[` + document + `,{"documentId":"d","side":"left"}]`)),
			[]string{"/documents/1/side enum: must be equal to one of the allowed values"}},
		"a customer": {customer(`{"customerReference":"r","customerType":"business","customer":{}}`), nil},
		"a customer that is a list": {customer(`{"customerReference":"r","customerType":"business","customer":[]}`),
			[]string{"/customer type: must be object"}},
		"a customer that is null": {customer(`{"customerReference":"r","customerType":"business","customer":null}`),
			[]string{"/customer type: must be object"}},
		"a customer that is not there": {customer(`{"customerReference":"r","customerType":"business"}`),
			[]string{"required: must have required property 'customer'"}},
		"a customer of no kind": {customer(`{"customerReference":"r","customerType":"robot","customer":{}}`),
			[]string{"/customerType enum: must be equal to one of the allowed values"}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, test.found) })
	}
	request, _ := connectfi.Decode[connectfi.ListRequest](
		[]byte(`{"customerId":"c","numberOfRecords":1e2,"skipRecords":3}`))
	require.Equal(t, connectfi.ListRequest{CustomerID: "c", NumberOfRecords: 100, SkipRecords: 3}, request)
}
