package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/kyc"
)

// api is ConnectFi's client pointed at the webhook: all that a backend changes.
func api(t *testing.T) *connectfi.Client {
	t.Helper()
	login, password, _ := strings.Cut(named(one.vars)["KYC_API_LOGINS"], ":")
	client, err := connectfi.New(connectfi.Config{BaseURL: one.webhook, Login: login, Password: password})
	require.NoError(t, err)
	return client
}

// license announces and uploads both sides through the API.
func license(t *testing.T, client *connectfi.Client, seed string) (links []connectfi.DocumentLink) {
	t.Helper()
	for _, side := range []string{"front", "back"} {
		d, err := client.GenerateDocument(t.Context(), connectfi.GenerateRequest{Workflow: "PERSONAL", Name: side,
			Extension: "png", Type: "license"})
		require.NoError(t, err)
		picture, err := imagecheck.Specimen(seed, side)
		require.NoError(t, err)
		require.NoError(t, client.UploadDocument(t.Context(), d.ID, side+".png", "image/png", bytes.NewReader(picture)))
		links = append(links, connectfi.DocumentLink{DocumentID: d.ID, Side: side})
	}
	return links
}

// A backend that changed one base URL, from the identification to the decision.
func TestABackendThatChangedOneURL(t *testing.T) {
	t.Parallel()
	client, customer := api(t), customers(t, "individual", "step_up", 1)[0]
	a, err := client.Identify(t.Context(), connectfi.IdentificationRequest{CustomerID: customer, Reference: letters("api" +
		customer[6:26])})
	require.NoError(t, err)
	require.Equal(t, connectfi.StatusPendingStepUp, a.Status)
	links := license(t, client, a.Reference)
	update := connectfi.UpdateRequest{ApplicationID: a.ApplicationID, CustomerID: customer, EntityID: customer,
		Documents: links[:1]}
	after, err := client.Update(t.Context(), update)
	require.NoError(t, err)
	require.Equal(t, connectfi.StatusPendingStepUp, after.Status, "one side alone (C)")
	update.Documents = links[1:]
	after, err = client.Update(t.Context(), update)
	require.NoError(t, err)
	require.Equal(t, connectfi.StatusCompleted, after.Status)
	until(t, a.Reference, func(v kyc.View) bool { return v.Stage == kyc.Approved })
	now, err := client.Status(t.Context(), connectfi.StatusRequest{CustomerID: customer, ApplicationID: a.ApplicationID})
	require.NoError(t, err)
	require.Equal(t, bare(after), bare(now))
	again, err := client.Identify(t.Context(), connectfi.IdentificationRequest{CustomerID: customer,
		Reference: a.Reference})
	require.NoError(t, err)
	require.Equal(t, bare(now), bare(again), "the same request, after the decision")
	made := ledger(t, a.Reference)
	require.Equal(t, entry{Reference: a.Reference, Applications: 1, Documents: 2, Attachments: 2,
		Callbacks: made.Callbacks}, made)
}

// Any number of identical requests at once make one application, and get one answer.
func TestACrowdOfIdenticalRequests(t *testing.T) {
	t.Parallel()
	client, customer := api(t), customers(t, "individual", "review", 1)[0]
	request := connectfi.IdentificationRequest{CustomerID: customer, Reference: letters("crowd" + customer[6:26])}
	answers, errs := make([]connectfi.Application, 200), make([]error, 200)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i], errs[i] = client.Identify(t.Context(), request) })
	}
	all.Wait()
	for i := range answers {
		require.NoError(t, errs[i])
		require.Equal(t, bare(answers[0]), bare(answers[i]))
	}
	require.Equal(t, 1, ledger(t, request.Reference).Applications)
}

// bare is what an answer says, whichever answer it is.
func bare(a connectfi.Application) connectfi.Application {
	a.Answer = connectfi.Answer{}
	return a
}
