package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/config"
	"durablekyc.example/sandbox/simulator"
)

// A scenario is the sandbox's: what it does not have is wrong usage, and a
// server that is no sandbox is named as that.
func TestACustomerOfAScenario(t *testing.T) {
	t.Chdir(t.TempDir()) // without a .dev/env
	at := func(url string) *app {
		lookup := config.Map(map[string]string{"CONNECTFI_BASE_URL": url})
		return &app{environment: lookup, out: newPrinter(io.Discard, io.Discard, lookup, false)}
	}
	sandbox, err := simulator.New(simulator.Config{Login: "dev", Password: "a password of this test"})
	require.NoError(t, err)
	server := httptest.NewServer(sandbox)
	defer server.Close()
	made, err := at(server.URL).newCustomer(t.Context(), "review")
	require.NoError(t, err)
	require.Regexp(t, `^cstap_\w+$`, made)

	_, err = at(server.URL).newCustomer(t.Context(), "revue")
	var wrong *cliError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, exitUsage, wrong.code)
	require.ErrorContains(t, err, `--scenario "revue": scenario must be one of approve, `)

	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	_, err = at(other.URL).newCustomer(t.Context(), "review")
	require.ErrorContains(t, err, "CONNECTFI_BASE_URL is not a sandbox")
	other.Close()
	_, err = at(other.URL).newCustomer(t.Context(), "review")
	require.ErrorContains(t, err, "cannot reach the sandbox")
	_, err = at("").newCustomer(t.Context(), "review")
	require.ErrorContains(t, err, "CONNECTFI_BASE_URL is not set")
}
