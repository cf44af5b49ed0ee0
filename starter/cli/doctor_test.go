package cli_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/records/log"
	"durablekyc.example/workflows"
)

func TestDoctorFindsNothingWrong(t *testing.T) {
	w := healthy(t)
	code, found := w.found(t)
	require.Zero(t, code, found)
	public := "KYC_CALLBACK_URL (which is KYC_PUBLIC_URL)"
	require.Equal(t, map[string]string{
		"Temporal":                         "ok: connected to " + w.variables["TEMPORAL_ADDRESS"],
		"namespace cases":                  "ok: closed cases are kept for 30 days",
		"search attribute KycCustomerType": "ok: Keyword", "search attribute KycDeadline": "ok: Datetime",
		"search attribute KycStage":     "ok: Keyword",
		"search attribute KycWaitingOn": "ok: Keyword", "workers on kyc": "ok: 1 polls",
		"workers on kyc-reads": "ok: 1 polls",
		"worker deployment":    "skipped: KYC_DEPLOYMENT is not set, and no worker polls as a version",
		"KYC_LINK_KEYS":        "ok: valid", "KYC_KEYSET": "ok: encrypts and decrypts",
		"KYC_KEYSET decrypts cases": "ok: decrypted the newest 1",
		"stuck cases":               "ok: none",
		"KYC_DOCUMENTS":             "ok: writing, reading and deleting an image works",
		"KYC_RECORDS":               "skipped: not set: no records are kept, and closed cases are lost after Temporal's retention",
		"ConnectFi":                 "ok: login accepted", "clock, against ConnectFi": "ok: in agreement",
		"clock, against the webhook": "ok: in agreement",
		"KYC_PUBLIC_URL":             "ok: reached the webhook; it has the same link keys",
		public:                       "ok: callbacks reach the webhook; it has the same link keys",
		"KYC_POLICY":                 "ok: not set: documents within 30 days, a case within 90 days",
		"KYC_NOTIFY_SECRET":          "ok: valid",
		"KYC_NOTIFY_URL":             "ok: valid; no notification was sent"}, found)

	code, out, errs := w.run(t.Context(), "doctor")
	require.Zero(t, code)
	require.Empty(t, errs)
	require.Contains(t, out, "ok             ConnectFi: login accepted\n")
	for _, secret := range []string{"KYC_LINK_KEYS", "KYC_KEYSET", "CONNECTFI_PASSWORD", "KYC_NOTIFY_SECRET"} {
		require.NotContains(t, out, w.variables[secret], secret)
	}
}

// Each fault is found by the check that is about it, with the way out.
func TestDoctorFindsWhatIsWrong(t *testing.T) {
	set := func(name, value string) func(*ward) {
		return func(w *ward) { w.variables[name] = value }
	}
	records := func(references ...string) func(*ward) {
		return func(w *ward) {
			variables, _ := onRecord(t, references...)
			delete(variables, "KYC_KEYSET")
			maps.Copy(w.variables, variables)
		}
	}
	const public = "KYC_CALLBACK_URL (which is KYC_PUBLIC_URL)"
	for name, test := range map[string]struct {
		wreck       func(*ward)
		check, says string
		code        int
	}{
		"no Temporal": {set("TEMPORAL_ADDRESS", "127.0.0.1:1"), "Temporal",
			"WRONG: no connection to 127.0.0.1:1 (connection refused) TEMPORAL_ADDRESS=", 1},
		"no Temporal, no namespace": {set("TEMPORAL_ADDRESS", "127.0.0.1:1"), "namespace",
			"skipped: no connection to Temporal", 1},
		"short retention": {func(w *ward) { w.retention = 3 * day }, "namespace cases",
			"warning: closed cases are kept for only 3 days: callbacks after that get 404 " +
				"temporal operator namespace update", 0},
		"an attribute is missing": {func(w *ward) { delete(w.attributes, "KycStage") },
			"search attribute KycStage",
			"WRONG: missing: no case can start starter setup", 1},
		"an attribute is another": {func(w *ward) {
			w.attributes["KycStage"] = enumspb.INDEXED_VALUE_TYPE_TEXT
		}, "search attribute KycStage",
			"WRONG: it has type Text, but must have Keyword", 1},
		"no worker": {func(w *ward) { w.pollers = nil }, "workers on kyc-reads",
			"WRONG: no worker has polled for 2 min: cases wait start the worker", 1},
		"a worker that has gone": {func(w *ward) {
			w.pollers[0].LastAccessTime = timestamppb.New(time.Now().Add(-time.Hour))
		}, "workers on kyc",
			"WRONG: no worker has polled for 2 min", 1},
		"no build is current": {func(w *ward) { w.worker("1.4.0") }, "worker deployment kyc",
			"WRONG: no version is current: its workers get no tasks KYC_DEPLOYMENT=kyc starter setup --promote 1.4.0",
			1},
		"another build is current": {func(w *ward) { w.worker("1.4.0"); w.current = "1.3.0" },
			"worker deployment kyc",
			"WRONG: 1.3.0 is the current version, but none of its workers polls: cases wait KYC_DEPLOYMENT=kyc " +
				"starter setup --promote 1.4.0, or start the worker of 1.3.0", 1},
		"the build is current": {func(w *ward) { w.worker("1.4.0"); w.current = "1.4.0" },
			"worker deployment kyc",
			"ok: 1.4.0 is the current version, and its workers poll", 0},
		"another deployment": {func(w *ward) { w.variables["KYC_DEPLOYMENT"] = "other" },
			"worker deployment other",
			"WRONG: the deployment has never had a worker", 1},
		"no link keys": {set("KYC_LINK_KEYS", ""), "KYC_LINK_KEYS",
			"WRONG: not set: it signs callback URLs and upload links", 1},
		"weak link keys": {set("KYC_LINK_KEYS", strings.Repeat("k", 40)), "KYC_LINK_KEYS",
			"WRONG: secret 1 repeats one pattern: generate one with starter keys init starter keys new", 1},
		"no keyset": {set("KYC_KEYSET", ""), "KYC_KEYSET decrypts cases",
			"skipped: no keyset", 1},
		"no keyset, no images": {set("KYC_KEYSET", "zkqwtv"), "KYC_DOCUMENTS",
			"skipped: no keyset to encrypt with", 1},
		"another keyset": {func(w *ward) {
			other, err := encryption.NewKeyset()
			require.NoError(t, err)
			w.variables["KYC_KEYSET"] = other
		}, "KYC_KEYSET decrypts cases",
			"WRONG: kyc-A1 is encrypted with a key that is not in this keyset " +
				"KYC_KEYSET_FILE=the-file-that-the-worker-reads", 1},
		"a case in plaintext": {func(w *ward) {
			p, err := converter.GetDefaultDataConverter().ToPayload(workflows.Input{Reference: "A1"})
			require.NoError(t, err)
			w.cases["kyc-A1"] = []*commonpb.Payload{p}
		}, "KYC_KEYSET decrypts cases",
			"WRONG: kyc-A1 was started unencrypted; workers reject it temporal workflow terminate " +
				"--workflow-id kyc-A1", 1},
		"no case": {func(w *ward) { clear(w.cases) }, "KYC_KEYSET decrypts cases",
			"skipped: no case yet", 0},
		"images in memory": {set("KYC_DOCUMENTS", "mem://"), "KYC_DOCUMENTS",
			"warning: mem:// is the memory of one process", 0},
		"no such bucket": {set("KYC_DOCUMENTS", "nowhere://x"), "KYC_DOCUMENTS",
			"WRONG: cannot open the document store (nowhere://)", 1},
		"no password": {set("CONNECTFI_PASSWORD", ""), "ConnectFi",
			"skipped: needs all three variables", 1},
		"a password of a page": {set("CONNECTFI_PASSWORD", "changeme"), "ConnectFi",
			"WRONG: CONNECTFI_PASSWORD is a published example value", 1},
		"no URL of ConnectFi's": {set("CONNECTFI_BASE_URL", "connectfi"), "ConnectFi",
			"WRONG: the base URL of ConnectFi must be an http or https URL", 1},
		"ConnectFi is away": {set("CONNECTFI_BASE_URL", "http://127.0.0.1:1"), "ConnectFi",
			"WRONG: no connection: ", 1},
		"a refused login": {func(w *ward) { w.token = `{"code":"unauthorized"}` }, "ConnectFi",
			"WRONG: login rejected CONNECTFI_LOGIN=", 1},
		"ConnectFi breaks down": {func(w *ward) { w.token = `{"code":"extAkepa"}` }, "ConnectFi",
			"WRONG: ConnectFi refused /auth/get-token with code extAkepa", 1},
		"another server": {func(w *ward) { w.token = `<html>` }, "ConnectFi",
			"WRONG: the server at CONNECTFI_BASE_URL is not ConnectFi: ", 1},
		"a slow clock": {func(w *ward) { w.ahead = 90*time.Minute + 30*time.Second },
			"clock, against ConnectFi", "WRONG: this machine is 1 h 30 min behind ConnectFi timedatectl", 1},
		"a fast clock": {func(w *ward) { w.ahead = -90*time.Minute - 30*time.Second },
			"clock, against ConnectFi", "WRONG: this machine is 1 h 30 min ahead of ConnectFi timedatectl", 1},
		"no webhook": {set("KYC_PUBLIC_URL", "http://127.0.0.1:1"), "KYC_PUBLIC_URL",
			"WRONG: cannot reach the webhook there from this machine: ", 1},
		"no webhook to call": {set("KYC_CALLBACK_URL", "http://127.0.0.1:1"), "KYC_CALLBACK_URL",
			"WRONG: cannot reach the webhook there from this machine: ", 1},
		"no address": {set("KYC_PUBLIC_URL", "kyc.example.com"), "KYC_PUBLIC_URL",
			"WRONG: it must start with http:// or https:// KYC_PUBLIC_URL=https://kyc.example.com", 1},
		"somebody else's": {func(w *ward) {
			w.variables["KYC_PUBLIC_URL"] = w.variables["CONNECTFI_BASE_URL"]
		}, "KYC_PUBLIC_URL",
			"WRONG: reached a server that is not this webhook (200, ", 1},
		"somebody else's calls": {func(w *ward) {
			w.variables["KYC_CALLBACK_URL"] = w.variables["CONNECTFI_BASE_URL"]
		}, "KYC_CALLBACK_URL",
			"WRONG: reached a server that is not this webhook", 1},
		"other link keys": {func(w *ward) {
			keys, err := linktoken.ParseKeys(linktoken.NewKey())
			require.NoError(t, err)
			w.webhook = keys
		}, "KYC_PUBLIC_URL", "WRONG: link keys differ from the webhook's: links would be rejected " +
			"KYC_LINK_KEYS=the same", 1},
		"other keys of callbacks": {func(w *ward) {
			keys, err := linktoken.ParseKeys(linktoken.NewKey())
			require.NoError(t, err)
			w.webhook = keys
		}, public, "WRONG: link keys differ from the webhook's: callbacks are rejected, and cases fall back to polling", 1},
		"half a page": {func(w *ward) { w.page = `<script src="/a/page.js"></script>` }, "KYC_PUBLIC_URL",
			"WRONG: reached the webhook, but its page is incomplete: /a/page.js (404, ", 1},
		"records": {records("individualdeny"), "KYC_RECORDS",
			"ok: the log has 1 records, and its checkpoint is signed with KYC_RECORDS_KEY", 1},
		"a closed case is not on record": {records("individualdeny"), "closed cases on record",
			"WRONG: 1 of 1 that were closed more than a day ago are not, A1 among them the worker's log", 1},
		"another key of the log": {func(w *ward) {
			records("individualdeny")(w)
			w.variables["KYC_RECORDS_KEY"], _, _ = log.NewKey("hunter2")
		}, "KYC_RECORDS", "WRONG: the log's checkpoint is not signed with its key", 1},
		"records without a key": {set("KYC_RECORDS", "file:///nowhere"), "KYC_RECORDS",
			"WRONG: KYC_RECORDS and KYC_RECORDS_KEY must be set together", 1},
		"no policy": {set("KYC_POLICY", `{"documents":"soon"}`), "KYC_POLICY", "WRONG: ", 1},
		"a policy":  {set("KYC_POLICY", `{"documents":"48h"}`), "KYC_POLICY", "ok: valid", 0},
		"no secret of events": {set("KYC_NOTIFY_SECRET", "hunter2"), "KYC_NOTIFY_SECRET",
			"WRONG: secret 1 must be whsec_ followed by the base64", 1},
		"no receiver for all cases": {set("KYC_NOTIFY_URL", ""), "KYC_NOTIFY_URL",
			"skipped: not set: no receiver for all cases", 0},
		"a private receiver": {set("KYC_NOTIFY_URL", "http://10.1.2.3/kyc"), "KYC_NOTIFY_URL",
			"WRONG: a private address or a port other than 80 and 443, where notifications are not delivered " +
				"KYC_NOTIFY_ALLOW_PRIVATE=true", 1},
		"a receiver in clear": {set("KYC_NOTIFY_URL", "http://receiver.example.com/kyc"), "KYC_NOTIFY_URL",
			"warning: plain http: notifications contain upload links and would be sent unencrypted", 0},
		"a receiver that's none": {set("KYC_NOTIFY_URL", "receiver"), "KYC_NOTIFY_URL", "WRONG: ", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy(t)
			test.wreck(w)
			code, found := w.found(t)
			require.True(t, strings.HasPrefix(found[test.check], test.says), "%s: %q of\n%v", test.check,
				found[test.check], found)
			require.Equal(t, test.code, code, "%v", found)
			require.NotContains(t, fmt.Sprint(found), "hunter2")
		})
	}
}

func TestDoctorIsStopped(t *testing.T) {
	w := healthy(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, _, errs := w.run(ctx, "doctor")
	require.Equal(t, 1, code)
	require.Equal(t, "starter: interrupted: not all checks ran\ntry: starter doctor\n", errs)
}
