package simulator_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/sandbox/simulator"
)

// fresh are the only words of an answer that differ from call to call.
var fresh = regexp.MustCompile(`"(iapp_[0-9a-zA-Z]{20,22}|[0-9a-f]{12}1[0-9a-f]{19})"`)

func alike(body string) string { return strings.TrimSpace(fresh.ReplaceAllString(body, `"*"`)) }

// The page's own requests get the page's own answers, byte for byte.
func TestIdentificationAnswersAsPrinted(t *testing.T) {
	for golden, request := range map[string]string{
		"identification_individual": `{"customerId":"cstap_6reGTr3k8vpAu8uFV7EdiN","reference":"extRefApp100",` +
			`"webhookUrl":"https://your_webhook_url/extRefApp100"}`,
		"identification_business": `{"customerId":"cstab_7BX5DO49J48VeWKsJ6gWNb","reference":"extRefBApp100",` +
			`"webhookUrl":"https://your_webhook_url/extRefBApp100"}`,
	} {
		t.Run(golden, func(t *testing.T) {
			run(t, simulator.Config{}, func(t *testing.T, b *bench) {
				status, body := b.call(http.MethodPost, "/akepa/identification", request)
				require.Equal(t, http.StatusOK, status)
				require.Equal(t, alike(printed(t, golden)), alike(body))
				require.Len(t, fresh.FindAllString(body, -1), 2)
			})
		})
	}
}

func TestCallbackIsAsPrinted(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		a := b.identify("cstap_5WMvWpL6XzfkmntDJeeHm2", "extRefAk124")
		require.Empty(t, b.arrived(), "the answer told it; a callback never does")
		b.move(a, "completed", "approved")
		require.Len(t, b.arrived(), 1, "one POST, though it was answered 503")
		require.Equal(t, hook+"/extRefAk124", b.callbacks[0].url)
		require.Equal(t, alike(printed(t, "callback")), alike(b.callbacks[0].body))
		require.Equal(t, 1, b.ledger("extRefAk124").Callbacks)
	})
}

func TestTheBusinessIsApprovedWithItsRepresentative(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		a := b.identify(simulator.PageBusiness, "extRefBApp100")
		a = b.license(a, simulator.PageRepresentative)
		require.Equal(t, connectfi.Outcome("Approved"), a.Outcome)
		for _, e := range a.EntityApplications {
			require.Equal(t, connectfi.Outcome("approved"), e.Outcome)
		}
	})
}

func TestEveryIdentificationMakesAnApplication(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		first, second := b.identify(simulator.PageIndividual, "A1"), b.identify(simulator.PageIndividual, "A1")
		require.NotEqual(t, first.ApplicationID, second.ApplicationID)
		require.Equal(t, simulator.LedgerEntry{Reference: "A1", Applications: 2}, b.ledger("A1"))
	})
}

func TestTokensEnd(t *testing.T) {
	run(t, simulator.Config{TokenLifetime: time.Minute}, func(t *testing.T, b *bench) {
		require.Regexp(t, `^[0-9a-zA-Z]{66}$`, b.token)
		ask := func() (int, string) { return b.call(http.MethodPost, "/akepa/list", `{"customerId":"cstap_1"}`) }
		pass(time.Minute - 1)
		status, _ := ask()
		require.Equal(t, http.StatusOK, status)
		pass(1)
		status, body := ask()
		require.Equal(t, http.StatusUnauthorized, status)
		require.Contains(t, body, `"code":"unauthorized"`)
	})
}

func TestOnlyTheRightLoginGetsAToken(t *testing.T) {
	run(t, simulator.Config{Login: "team", Password: "secret"}, func(t *testing.T, b *bench) {
		for _, wrong := range []string{`"login":"team","password":"other"`, `"login":"other","password":"secret"`} {
			status, body := b.call(http.MethodPost, "/auth/get-token", `{"user":{`+wrong+`}}`)
			require.Equal(t, http.StatusUnauthorized, status, wrong)
			require.Contains(t, body, `"code":"unauthorized"`)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	for name, config := range map[string]simulator.Config{
		"a login without a password": {Login: "team"},
		"a login of another form":    {Login: "te am", Password: "secret"},
		"a negative delay":           {Delay: -1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := simulator.New(config)
			require.Error(t, err)
		})
	}
}
