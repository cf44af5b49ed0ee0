package connectfi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

// ConnectFi calls once, to an address that proves whose callback it is: whatever
// can be read of a body counts, and a body that says nothing is a hint as well.
func TestAnyBodyIsAHint(t *testing.T) {
	whole := connectfi.Hint{Reference: "extRefAk124", ApplicationID: "iapp_6HdIlzPVvBdPRMOLVb7BGW",
		RequestID: "2e4d99a0cc3311eebb061f991c0df212"}
	body := string(printed(t, "callback"))
	for name, test := range map[string]struct {
		body  string
		want  connectfi.Hint
		whole bool
	}{
		"as it is printed":         {body, whole, true},
		"a mark in front of UTF-8": {"\xef\xbb\xbf" + body, whole, true},
		"a field of another type":  {strings.Replace(body, `"isCustomer":true`, `"isCustomer":"true"`, 1), whole, false},
		"an error envelope": {`{"requestId":"r1","code":"extAkepa","message":"m"}`, connectfi.Hint{RequestID: "r1"},
			false},
		"ids of another type": {`{"code":"0","requestId":7,"data":{"reference":["x"],"applicationId":"iapp_1"}}`,
			connectfi.Hint{ApplicationID: "iapp_1"}, false},
		"data of another type": {`{"code":"0","requestId":"r1","data":"iapp_1"}`, connectfi.Hint{RequestID: "r1"}, false},
		"a list":               {`[` + body + `]`, connectfi.Hint{}, false},
		"gzip":                 {"\x1f\x8b\x08\x00", connectfi.Hint{}, false},
		"null":                 {`null`, connectfi.Hint{}, false},
		"nothing":              {``, connectfi.Hint{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			hint, ok := connectfi.ReadHint([]byte(test.body))
			require.Equal(t, test.want, hint)
			require.Equal(t, test.whole, ok)
		})
	}
}

func TestAMarkInFrontOfARequestIsNoPartOfIt(t *testing.T) {
	_, problems := connectfi.Decode[connectfi.ListRequest]([]byte("\xef\xbb\xbf" + `{"customerId":"c"}`))
	require.Empty(t, problems)
}
