package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

// snippet is the cURL of ConnectFi's identification page, as it is printed (S).
const snippet = `curl --location "CONNECTFI_BASE_URL/akepa/identification" --data "{\"customerId\": \"cstap_5mBHiIx3QbkvEpjGfKsI9k\",   \"reference\":\"UNIQUE_REFERENCE_ID\",   \"webhookUrl\":\"https://your_webhook_url/UNIQUE_REFERENCE_ID\"}" --header "Content-Type: application/json" --header "x-connectfi-token: A long random string token received from /auth/get-token request"`

// Run for real, with base URL, token and reference replaced and nothing else,
// it works against the sandbox and against us; with the page's own reference,
// which breaks the page's own pattern (D), both refuse it alike.
func TestThePagesCURLWorksHereAsThere(t *testing.T) {
	vars := named(one.vars)
	var refusals []string
	for _, there := range []struct{ name, base, login, password string }{
		{"sandbox", one.sandbox, vars["CONNECTFI_LOGIN"], vars["CONNECTFI_PASSWORD"]},
		{"webhook", one.webhook, strings.SplitN(vars["KYC_API_LOGINS"], ":", 2)[0], strings.SplitN(vars["KYC_API_LOGINS"], ":", 2)[1]},
	} {
		token := tokenOf(t, there.base, there.login, there.password)
		run := func(reference string) []byte {
			command := strings.NewReplacer("CONNECTFI_BASE_URL", there.base, "UNIQUE_REFERENCE_ID", reference,
				"A long random string token received from /auth/get-token request", token).Replace(snippet)
			out, err := exec.CommandContext(t.Context(), "sh", "-c", command+" --silent --show-error").Output()
			require.NoError(t, err, "curl is needed for this")
			return out
		}
		var taken connectfi.Envelope[connectfi.Application]
		answer := run("curl" + there.name)
		require.NoError(t, json.Unmarshal(answer, &taken), "%s", answer)
		require.Equal(t, connectfi.CodeOK, taken.Code, "%s", answer)
		require.EqualValues(t, "pending_step_up", taken.Data.Status)
		require.Equal(t, "curl"+there.name, taken.Data.Reference)

		var refused struct {
			Code    string
			Context json.RawMessage
		}
		require.NoError(t, json.Unmarshal(run("UNIQUE_REFERENCE_ID"), &refused))
		require.Equal(t, connectfi.CodeRequestValidateError, refused.Code)
		refusals = append(refusals, string(refused.Context))
	}
	require.JSONEq(t, refusals[0], refusals[1])
}

func tokenOf(t *testing.T, base, login, password string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"user": map[string]string{"login": login, "password": password}})
	require.NoError(t, err)
	response, err := http.Post(base+"/auth/get-token", "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	var answer connectfi.Envelope[connectfi.Token]
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	require.NotEmpty(t, answer.Data.Token)
	return answer.Data.Token
}
