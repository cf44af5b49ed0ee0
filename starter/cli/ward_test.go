package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/workflows"
)

// edge is as much of the webhook as doctor sees, with link keys of its own.
func edge(keys *linktoken.Keys, broken *string) http.Handler {
	mux := http.NewServeMux()
	say := func(w http.ResponseWriter, status int, detail string) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"detail": detail})
	}
	nothing := func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusNotFound, "There is nothing at this address.")
	}
	mux.HandleFunc("/kyc/", nothing)
	mux.HandleFunc("GET /kyc/a/page.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type",
			"text/css")
	})
	mux.HandleFunc("GET /kyc/verify/link/{ticket}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := keys.Redeem(linktoken.Link, r.PathValue("ticket"), time.Now().Add(-48*time.Hour)); err != nil {
			nothing(w, r)
			return
		}
		w.WriteHeader(http.StatusGone)
		fmt.Fprint(w, `<link rel="stylesheet" href="/kyc/a/page.css">`+*broken)
	})
	mux.HandleFunc("POST /kyc/connectfi/callbacks/{reference}/{token}", func(w http.ResponseWriter, r *http.Request) {
		if !keys.Valid(linktoken.Callback, r.PathValue("reference"), r.PathValue("token")) {
			nothing(w, r)
			return
		}
		say(w, http.StatusRequestEntityTooLarge, "The body is too large.")
	})
	return mux
}

// ward is a whole installation that doctor finds nothing wrong with.
type ward struct {
	*installation
	webhook linktoken.Keys // what the webhook has
	page    string         // what is on its page besides
	token   string         // what ConnectFi answers a login with
	ahead   time.Duration
}

func healthy(t *testing.T) *ward {
	t.Helper()
	w := &ward{installation: installed(t), token: `{"code":"0","data":{"token":"T1"}}`}
	secret := linktoken.NewKey()
	keys, err := linktoken.ParseKeys(secret)
	require.NoError(t, err)
	w.webhook = keys
	webhook := httptest.NewServer(edge(&w.webhook, &w.page))
	t.Cleanup(webhook.Close)
	connectFi := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Date", time.Now().Add(w.ahead).UTC().Format(http.TimeFormat))
		fmt.Fprint(answer, w.token)
	}))
	t.Cleanup(connectFi.Close)
	w.worker("")
	maps.Copy(w.variables, map[string]string{"KYC_LINK_KEYS": secret, "KYC_KEYSET": keyset(),
		"KYC_DOCUMENTS":      "file://" + filepath.ToSlash(t.TempDir()),
		"CONNECTFI_BASE_URL": connectFi.URL, "CONNECTFI_LOGIN": "l", "CONNECTFI_PASSWORD": linktoken.NewKey(),
		"KYC_PUBLIC_URL":    webhook.URL + "/kyc",
		"KYC_NOTIFY_SECRET": delivery.NewSecret(), "KYC_NOTIFY_URL": "https://receiver.example.com/kyc"})
	begun, err := sealed("kyc-A1").ToPayloads(workflows.Input{Reference: "A1"})
	require.NoError(t, err)
	w.cases["kyc-A1"] = begun.GetPayloads()
	return w
}

// found is what doctor says of each check, by its name, with the way out behind it.
func (w *ward) found(t *testing.T) (code int, found map[string]string) {
	t.Helper()
	code, out, errs := w.run(t.Context(), "doctor", "--json")
	require.Empty(t, errs)
	var all []struct{ Check, State, Says, Fix string }
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	found = map[string]string{}
	for _, one := range all {
		found[one.Check] = strings.TrimSpace(one.State + ": " + one.Says + " " + one.Fix)
	}
	return code, found
}
