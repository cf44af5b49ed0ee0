package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

// snippetCURL is printed on ConnectFi's identification page (S), to the letter.
const snippetCURL = `curl --location "CONNECTFI_BASE_URL/akepa/identification" --data "{\"customerId\": ` +
	`\"cstap_5mBHiIx3QbkvEpjGfKsI9k\",   \"reference\":\"UNIQUE_REFERENCE_ID\",   ` +
	`\"webhookUrl\":\"https://your_webhook_url/UNIQUE_REFERENCE_ID\"}" --header "Content-Type: application/json" ` +
	`--header "x-connectfi-token: A long random string token received from /auth/get-token request"`

// The page's customers: of its snippets, and of its two examples.
const snippetCustomer, pageIndividual, pageBusiness = "cstap_5mBHiIx3QbkvEpjGfKsI9k", "cstap_6reGTr3k8vpAu8uFV7EdiN", "cstab_7BX5DO49J48VeWKsJ6gWNb"

func TestThePagesCURLWorksHereAsThere(t *testing.T) { worksHereAsThere(t, "curl", curl) }

// worksHereAsThere runs a snippet for real, with base URL, token and reference
// replaced: it works against the sandbox and against us. With the page's own
// reference, which breaks the page's own pattern (D), both refuse it alike.
func worksHereAsThere(t *testing.T, name string, with func(*testing.T, *strings.Replacer) []byte) {
	vars := named(one.vars)
	login, password, _ := strings.Cut(vars["KYC_API_LOGINS"], ":")
	var refusals []string
	for _, there := range []struct{ name, base, login, password string }{
		{"sandbox", one.sandbox, vars["CONNECTFI_LOGIN"], vars["CONNECTFI_PASSWORD"]},
		{"webhook", one.webhook, login, password},
	} {
		token := tokenOf(t, there.base, there.login, there.password)
		run := func(customer, reference string) (answer []byte) {
			return with(t, strings.NewReplacer("${CONNECTFI_BASE_URL}", there.base, "CONNECTFI_BASE_URL", there.base,
				"UNIQUE_REFERENCE_ID", reference, "A long random string token received from /auth/get-token request", token,
				snippetCustomer, customer))
		}
		for i, customer := range []string{snippetCustomer, pageIndividual, pageBusiness} {
			reference := fmt.Sprintf("%s%s%d", name, there.name, i)
			var taken connectfi.Envelope[connectfi.Application]
			answer := run(customer, reference)
			require.NoError(t, json.Unmarshal(answer, &taken), "%s", answer)
			require.Equal(t, connectfi.CodeOK, taken.Code, "%s", answer)
			require.Equal(t, connectfi.StatusPendingStepUp, taken.Data.Status)
			require.Equal(t, reference, taken.Data.Reference)
			require.Equal(t, customer, taken.Data.CustomerID)
		}
		refusals = append(refusals, refusal(t, run(snippetCustomer, "UNIQUE_REFERENCE_ID")))
	}
	require.Equal(t, refusals[0], refusals[1])
	require.Contains(t, refusals[0], connectfi.CodeRequestValidateError)
}

func curl(t *testing.T, replaced *strings.Replacer) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", replaced.Replace(snippetCURL)+
		" --silent --show-error").Output()
	require.NoError(t, err, "curl is needed for this")
	return out
}

// refusal is what both programs print of a no but its request id: curl the
// body, the script an object that holds it.
func refusal(t *testing.T, printed []byte) string {
	t.Helper()
	return regexp.MustCompile(`"requestId":"[^"]*"`).ReplaceAllString(strings.TrimSpace(string(printed)), "")
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
