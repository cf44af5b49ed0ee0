package cli_test

import (
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
)

// license writes both sides of a card, and answers with the flags that name them.
func license(t *testing.T, seed string) []string {
	t.Helper()
	var flags []string
	for _, side := range []string{"front", "back"} {
		image, err := imagecheck.Specimen(seed, side)
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), side)
		require.NoError(t, os.WriteFile(path, image, 0o600))
		flags = append(flags, "--"+side, path)
	}
	return flags
}

func upload(flags []string, more ...string) []string {
	return append(append([]string{"upload"}, more...), flags...)
}

// An upload is stored where the worker reads it, handed over for the one entity
// that wants documents, and answered with the case as it stands then.
func TestUploadHandsTheImagesOver(t *testing.T) {
	d := opened(t)
	d.start(t, company, "B1")
	code, out, errs := d.run(t.Context(), upload(license(t, "x"), "B1")...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "\n  Approved\n")
	require.Contains(t, errs, "starter: uploading license for "+rep+" …\n")
	require.Len(t, d.sent, 1)
	require.Equal(t, rep, d.sent[0].Entity)
	require.Equal(t, kyc.DocumentType("license"), d.sent[0].Type)

	keys, err := encryption.ParseKeyset(keyset())
	require.NoError(t, err)
	store, err := docstore.Open(t.Context(), d.variables["KYC_DOCUMENTS"], keys)
	require.NoError(t, err)
	defer store.Close()
	for _, image := range d.sent[0].Images {
		r, err := store.Read(t.Context(), "B1", image.Key)
		require.NoError(t, err)
		stored, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.NotEmpty(t, stored)
	}

	code, _, errs = d.run(t.Context(), upload(license(t, "x"), "B1")...)
	require.Equal(t, 1, code)
	require.Equal(t, "starter: B1 is not waiting for documents (stage approved)\ntry: starter show B1\n", lastTwo(errs))
	require.Len(t, d.sent, 1)
}

// lastTwo are the last lines of what was printed: an error and the next command.
func lastTwo(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "")
}

// What cannot be handed over is said with the way on, and nothing is stored for it.
func TestUploadSaysWhyNot(t *testing.T) {
	d := opened(t)
	d.start(t, company, "B1")
	code, _, errs := d.run(t.Context(), upload(license(t, "x"), "B1", "--entity", rep[:len(rep)-1]+"e")...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "B1 has no such entity: "+rep[:len(rep)-1]+"e, did you mean "+rep+"?\ntry: starter show "+
		"B1\n")

	code, _, errs = d.run(t.Context(), upload(license(t, "x"), "B1", "--entity", company)...)
	require.Equal(t, 1, code)
	require.Contains(t, errs,
		"starter: B1: rejected: the case is not waiting for documents of this entity (stage awaiting_documents)\ntry: "+
			"starter show B1\n")
	require.Empty(t, d.sent)

	code, _, errs = d.run(t.Context(), upload(license(t, "x"), "B1", "--type", "licence")...)
	require.Equal(t, 2, code)
	require.Contains(t, errs, `unsupported document type "licence", did you mean license?`)
	code, _, errs = d.run(t.Context(), "upload", "B1", "--front", t.TempDir())
	require.Equal(t, 2, code)
	require.Contains(t, errs, "cannot read the front: ")
	front := license(t, "x")[1]
	code, _, errs = d.run(t.Context(), "upload", "B1", "--front", front, "--back", front)
	require.Equal(t, 2, code)
	require.Contains(t, errs, "front and back are the same picture")
	code, _, errs = d.run(t.Context(), upload(license(t, "x"), "none")...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "no case has the reference none")

	delete(d.variables, "KYC_DOCUMENTS")
	code, _, errs = d.run(t.Context(), upload(license(t, "x"), "B1")...)
	require.Equal(t, 1, code)
	require.Contains(t, errs,
		"KYC_DOCUMENTS is not set: set it to the worker's bucket\ntry: KYC_DOCUMENTS=file:///")
	require.Empty(t, d.sent)
}

// A link opens with the webhook's keys, for the entity and as long as was asked for.
func TestALinkIsMade(t *testing.T) {
	d := opened(t)
	d.start(t, company, "B1")
	keys, err := linktoken.ParseKeys(d.variables["KYC_LINK_KEYS"])
	require.NoError(t, err)
	open := func(address string) linktoken.Ticket {
		u, err := url.Parse(strings.TrimSpace(address))
		require.NoError(t, err)
		require.Equal(t, "kyc.example.com", u.Host)
		text, found := strings.CutPrefix(u.Path, "/kyc/verify/link/")
		require.True(t, found, u.Path)
		ticket, err := keys.Redeem(linktoken.Link, text, time.Now())
		require.NoError(t, err)
		return ticket
	}
	code, out, errs := d.run(t.Context(), "link", "B1")
	require.Zero(t, code, errs)
	ticket := open(out)
	require.Equal(t, []any{"B1", "", 0}, []any{ticket.Subject, ticket.Part, ticket.Epoch})
	require.WithinDuration(t, d.cases["kyc-B1"].Until(), ticket.Expires, time.Second)
	require.Contains(t, errs, "to revoke it: starter revoke-links B1\n")

	code, _, errs = d.run(t.Context(), "revoke-links", "B1")
	require.Zero(t, code, errs)
	code, out, errs = d.run(t.Context(), "link", "B1", "--entity", rep, "--valid", "2h", "--json")
	require.Zero(t, code, errs)
	require.Empty(t, errs)
	var made struct {
		Reference, Entity, URL string
		Until                  time.Time
	}
	require.NoError(t, json.Unmarshal([]byte(out), &made))
	ticket = open(made.URL)
	require.Equal(t, []any{"B1", rep, 1}, []any{ticket.Subject, ticket.Part, ticket.Epoch})
	require.WithinDuration(t, time.Now().Add(2*time.Hour), ticket.Expires, time.Minute)
	require.WithinDuration(t, made.Until, ticket.Expires, time.Second)

	_, out, _ = d.run(t.Context(), "link", "B1", "--valid", "8760h")
	require.WithinDuration(t, d.cases["kyc-B1"].Until(), open(out).Expires, time.Second,
		"no link outlives what the case waits for")
}

func TestALinkThatCannotBeMade(t *testing.T) {
	d := opened(t)
	d.start(t, company, "B1")
	for name, test := range map[string]struct {
		args  []string
		unset string
		code  int
		says  string
	}{
		"backwards": {[]string{"link", "B1", "--valid=-1h"}, "", 2,
			"--valid must not be negative"},
		"no reference": {[]string{"link", "B-1"}, "", 2, "the reference must be 1 to 32 letters or digits"},
		"another entity": {[]string{"link", "B1", "--entity", "cstap_x"}, "", 1,
			"B1 has no such entity: cstap_x, use one of " + company + ", " + rep},
		"another case": {[]string{"link", "B2"}, "", 1,
			"no case has the reference B2, did you mean B1?\ntry: starter show B1\n"},
		"no webhook": {[]string{"link", "B1"}, "KYC_PUBLIC_URL", 1,
			"invalid KYC_PUBLIC_URL: it is not set; it is the base URL of the webhook for applicants"},
		"no keys of links": {[]string{"link", "B1"}, "KYC_LINK_KEYS", 1, "invalid KYC_LINK_KEYS: "},
	} {
		t.Run(name, func(t *testing.T) {
			if held := d.variables[test.unset]; held != "" {
				delete(d.variables, test.unset)
				defer func() { d.variables[test.unset] = held }()
			}
			code, out, errs := d.run(t.Context(), test.args...)
			require.Equal(t, test.code, code)
			require.Empty(t, out)
			require.Contains(t, errs, test.says)
		})
	}
	code, _, errs := d.run(t.Context(), "withdraw", "B1")
	require.Zero(t, code, errs)
	code, _, errs = d.run(t.Context(), "link", "B1")
	require.Equal(t, 1, code)
	require.Equal(t, "starter: B1 no longer accepts uploads (stage withdrawn)\ntry: starter show B1\n",
		errs)
}

// The demo walks both customers of ConnectFi's page to a decision, and walked
// again it tells the decisions.
func TestTheDemoWalksBothCustomers(t *testing.T) {
	d := opened(t)
	code, out, errs := d.run(t.Context(), "demo")
	require.Zero(t, code, errs)
	require.Equal(t, []string{person, company}, d.customers)
	require.Len(t, d.sent, 2)
	require.Equal(t, []string{person, rep}, []string{d.sent[0].Entity, d.sent[1].Entity})
	for _, once := range []string{"starting the check of the individual in ConnectFi's documentation, " + person,
		"starting the check of the business",
		"the applicant photographs a driver's license, front and back, for " + rep,
		"Both are decided. To show one again: starter show extRefApp100\n"} {
		require.Equal(t, 1, strings.Count(out, once), "%q in\n%s", once, out)
	}
	require.Equal(t, 2, strings.Count(out, "ended: Approved"), out)

	code, out, errs = d.run(t.Context(), "demo")
	require.Zero(t, code, errs)
	require.Equal(t, 2, strings.Count(out, "is already decided: Approved, on "), out)
	require.Len(t, d.sent, 2, "nothing is sent again")

	code, out, errs = d.run(t.Context(), "demo", "--json")
	require.Zero(t, code, errs)
	var references []string
	for decoder := json.NewDecoder(strings.NewReader(out)); decoder.More(); {
		var v kyc.View
		require.NoError(t, decoder.Decode(&v))
		require.Equal(t, kyc.Approved, v.Stage)
		references = append(references, v.Reference)
	}
	require.Equal(t, []string{"extRefApp100", "extRefBApp100"}, references)
}

func TestADemoThatComesToNoDecision(t *testing.T) {
	d := opened(t)
	d.says = reviews
	d.onLook = func(n int) { // an operator withdraws it while the demo waits
		if n == 4 {
			d.cases["kyc-extRefApp100"].Apply(kyc.WithdrawRequested{At: time.Now()})
		}
	}
	code, out, errs := d.run(t.Context(), "demo")
	require.Equal(t, 1, code)
	require.Contains(t, out, "ended: Withdrawn")
	require.Equal(t, "starter: extRefApp100 ended without a decision (stage withdrawn)\ntry: starter show "+
		"extRefApp100\n", errs)

	delete(d.variables, "KYC_DOCUMENTS")
	code, _, errs = d.run(t.Context(), "demo")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "KYC_DOCUMENTS is not set", "before anything is started")
	require.Len(t, d.customers, 1)
}
