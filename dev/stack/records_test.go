package main

import (
	"archive/tar"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
	"durablekyc.example/records/bundle"
	"durablekyc.example/workflows"
)

// A case is put on record once it and its notifier are closed. Its evidence is written and verified after Temporal has
// forgotten both. So is that of a case that an operator terminated, whose notifier goes on.
func TestACaseOnRecordOutlastsTemporal(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	own := beside(t, options{work: t.TempDir(), notify: receiver.URL, recordEvery: time.Second})
	started := map[string]kyc.View{}
	for reference, scenario := range map[string]string{"record1": "step_up", "record2": "review"} {
		v, err := own.cases.Start(t.Context(), cases.StartOptions{Reference: reference, Notify: true, Policy: patient(),
			CustomerID: customers(t, "individual", scenario, 1)[0]})
		require.NoError(t, err)
		started[reference] = v
		if reference == "record1" {
			until(t, reference, func(v kyc.View) bool { return v.Stage == kyc.AwaitingDocuments })
			sendByPage(t, linkTo(t, v, ""), specimenOf(t, reference, "front"), specimenOf(t, reference, "back"))
			until(t, reference, final)
			continue
		}
		require.Eventually(t, func() bool { // its notifier goes on
			_, err := own.client.DescribeWorkflowExecution(t.Context(), workflows.NotifyID(reference), "")
			return err == nil
		}, time.Minute, 100*time.Millisecond)
		require.NoError(t, own.client.TerminateWorkflow(t.Context(), workflows.ID(reference), "", "an operator"))
	}
	shown := textsShown(t, "record1")
	require.Len(t, shown, 2, "a consent and a notice")
	dir := t.TempDir()
	for reference, outcome := range map[string]string{"record1": string(kyc.Approved), "record2": string(kyc.InReview)} {
		require.Eventually(t, func() bool {
			code, _, _ := starter(t, "evidence", reference, "--out", filepath.Join(dir, reference+".kyc"))
			return code == 0
		}, time.Minute, 500*time.Millisecond, "%s is on record", reference)
		for _, id := range []string{workflows.ID(reference), workflows.NotifyID(reference)} {
			forget(t, id)
		}
		answered(t, own, reference, started[reference])
		again := filepath.Join(dir, reference+".again.kyc")
		code, stdout, stderr := starter(t, "evidence", reference, "--out", again)
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, outcome)
		code, stdout, stderr = starter(t, "verify", "--key", own.recordsKey, filepath.Join(dir, reference+".kyc"), again)
		require.Zero(t, code, "%s\n%s", stdout, stderr)
		require.Contains(t, stdout, "re-executed  verified")
	}
	require.Subset(t, entries(t, filepath.Join(dir, "record1.kyc")), shown, "the texts, and not only their digests")
}

// textsShown are the names that evidence has for the texts which the applicant of a case was shown.
func textsShown(t *testing.T, reference string) (names []string) {
	t.Helper()
	v, err := one.cases.Show(t.Context(), reference)
	require.NoError(t, err)
	for _, e := range v.Timeline {
		if e.What == kyc.EntryConsented {
			names = append(names, bundle.ConsentName(e.Consent.Text), bundle.ConsentName(e.Consent.Notice.Text))
		}
	}
	return names
}

// entries are the names in a tar.
func entries(t *testing.T, file string) (names []string) {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		require.NoError(t, err)
		names = append(names, h.Name)
	}
}

// answered checks that a case which Temporal has forgotten is answered from its record, and started by nobody again.
func answered(t *testing.T, own *system, reference string, v kyc.View) {
	t.Helper()
	decided := reference == "record1"
	code, stdout, stderr := starter(t, "list", "--closed")
	require.Zero(t, code, stderr)
	if decided {
		require.Regexp(t, `(?m)^record1 +approved \(on record\)`, stdout)
	} else {
		require.Regexp(t, `(?m)^record2 +terminated in Temporal`, stdout)
	}
	code, stdout, stderr = starter(t, "show", reference)
	require.Equal(t, !decided, strings.Contains(stderr, "was terminated in Temporal"), "%s%s", stdout, stderr)
	require.Equal(t, decided, code == 0, stderr)
	code, stdout, stderr = starter(t, "events", reference)
	require.Equal(t, decided, strings.Contains(stdout, "case.approved"), "%d: %s%s", code, stdout, stderr)

	before := ledger(t, reference)
	batch := filepath.Join(t.TempDir(), "batch.csv")
	require.NoError(t, os.WriteFile(batch, []byte("customerId,reference\n"+v.CustomerID+","+reference+"\n"), 0o600))
	code, stdout, stderr = starter(t, "start", "--customer", v.CustomerID, "--reference", reference)
	require.Equal(t, decided, code == 0, "%s%s", stdout, stderr)
	code, stdout, stderr = starter(t, "batch", batch)
	require.Equal(t, decided, code == 0, "%s%s", stdout, stderr)
	require.Contains(t, stdout+stderr, map[bool]string{true: "1 found", false: "ended in Temporal"}[decided])
	client := api(t)
	asked := connectfi.IdentificationRequest{CustomerID: v.CustomerID, Reference: reference}
	a, err := client.Identify(t.Context(), asked)
	if decided {
		require.NoError(t, err)
		require.Equal(t, connectfi.StatusCompleted, a.Status)
		a, err = client.Status(t.Context(), connectfi.StatusRequest{CustomerID: v.CustomerID,
			ApplicationID: v.ApplicationID})
		require.NoError(t, err)
		require.Equal(t, connectfi.StatusCompleted, a.Status)
	} else {
		require.ErrorContains(t, err, "referenceExists")
	}
	asked.CustomerID = "cstap_another"
	_, err = client.Identify(t.Context(), asked)
	require.ErrorContains(t, err, "referenceExists")
	require.Equal(t, before, ledger(t, reference), "ConnectFi was told of nothing")
	_, err = own.client.DescribeWorkflowExecution(t.Context(), workflows.ID(reference), "")
	require.Error(t, err, "nothing was started")

	keys, err := linktoken.ParseKeys(named(own.vars)["KYC_LINK_KEYS"])
	require.NoError(t, err)
	link := keys.Address(own.webhook, linktoken.Ticket{Subject: reference, Expires: time.Now().Add(time.Hour)})
	status, page := probe(t, http.MethodGet, link)
	require.Equal(t, decided, status == http.StatusOK, "%d: %s", status, page)
	require.NotContains(t, page, "pproved", "the page never tells the decision")
	status, _ = probe(t, http.MethodPost, own.webhook+"/connectfi/callbacks/"+reference+"/"+
		keys.Mint(linktoken.Callback, reference))
	require.Equal(t, http.StatusOK, status, "known, and closed")
}

// probe makes one request and returns what is answered.
func probe(t *testing.T, method, address string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader("{}"))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}
