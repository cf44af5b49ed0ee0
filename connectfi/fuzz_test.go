package connectfi_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

func FuzzParseCallback(f *testing.F) {
	f.Add(printed(f, "callback"))
	f.Add(printed(f, "error_customer_not_found"))
	f.Add([]byte(`{"code":"0","data":{"reference":"x","entityApplications":[null]}}`))
	f.Add([]byte(`{"code":"0","data":{}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, _, err := connectfi.ParseCallback(body)
		if err != nil {
			require.Equal(t, connectfi.ErrNotCallback, err, "nothing of the body in it")
			return
		}
		require.False(t, a.ApplicationID == "" && a.Reference == "", "accepted without saying what it is about")
	})
}

// ownWords is all that an error may say, whatever came.
var ownWords = regexp.MustCompile(`^ConnectFi(` +
	` refused /akepa/status with code [0-9a-zA-Z]{1,64} \(HTTP \d+\)` +
	`|'s answer to /akepa/status cannot be used \(HTTP \d+\): it (is not ConnectFi's envelope|lacks an? [a-z ]+|says success with a status that does not|is larger than 1 MiB)` +
	`|'s answer to /akepa/status cannot be used \(HTTP \d+\): its data cannot be read)$`)

func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"identification_business", "error_request_validate", "error_customer_not_found", "error_unauthorized"} {
		f.Add(200, printed(f, name))
		f.Add(400, printed(f, name))
	}
	f.Add(502, []byte(`<html>`))
	f.Add(200, []byte(`{"code":"0","data":[null]}`))
	f.Add(400, []byte(`{"code":"requestValidateError","context":[{"instancePath":"/a b","keyword":"k","params":{"":1}},null,1]}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a, err := over(t, func(r *http.Request) (int, string, error) {
			if isToken(r) {
				return 200, longLived, nil
			}
			return 100 + (status%500+500)%500, string(body), nil
		}).Status(t.Context(), ask)
		if err == nil {
			require.NotEmpty(t, a.ApplicationID)
			require.NotEmpty(t, a.Status)
			return
		}
		require.Regexp(t, ownWords, err.Error())
	})
}
