package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// within2 does what an operator asks for, and finds it done within two seconds.
func within2(t *testing.T, what string, do func(context.Context) (kyc.View, error)) kyc.View {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	v, err := do(ctx)
	require.NoError(t, err, what)
	return v
}

// representatives makes a business with so many representatives, each of whom steps up.
func representatives(t *testing.T, count int) string {
	t.Helper()
	people := make([]map[string]string, count)
	for i := range people {
		people[i] = map[string]string{"lastName": "Doe"}
	}
	customer, err := json.Marshal(map[string]any{"representatives": people})
	require.NoError(t, err)
	vars := named(one.vars)
	c, err := connectfi.New(connectfi.Config{BaseURL: one.sandbox, Login: vars["CONNECTFI_LOGIN"],
		Password: vars["CONNECTFI_PASSWORD"]})
	require.NoError(t, err)
	made, err := c.InitCustomer(t.Context(), connectfi.CustomerRequest{CustomerReference: fmt.Sprintf("crowd%d", count),
		CustomerType: "business", Customer: customer})
	require.NoError(t, err)
	return made.CustomerID
}

// ConnectFi is away and every representative has sent documents: nobody of them is
// turned away, and withdrawal, revocation and refresh are answered within two seconds.
func TestNothingInFlightLocksACase(t *testing.T) {
	for _, count := range []int{14, 200} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			beside(t, options{work: t.TempDir()})
			policy := patient()
			policy.Settle = kyc.Duration(time.Second)
			v := begin(t, fmt.Sprintf("crowded%d", count), representatives(t, count), policy)
			require.Equal(t, kyc.AwaitingDocuments, v.Stage)
			faults(t, map[string]any{"ext_akepa": 1.0})
			var (
				all     sync.WaitGroup
				mu      sync.Mutex
				refused []error
			)
			places := make(chan struct{}, 8) // they send in one minute, not in one moment
			for _, e := range v.Entities {
				if !e.Status.WantsDocuments() {
					continue
				}
				all.Go(func() {
					places <- struct{}{}
					defer func() { <-places }()
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					if err := one.cases.SubmitAsync(ctx, v.Reference, sent(e.ID)); err != nil {
						mu.Lock()
						defer mu.Unlock()
						refused = append(refused, err)
					}
				})
			}
			all.Wait()
			require.Empty(t, refused)
			require.Equal(t, count, until(t, v.Reference, func(v kyc.View) bool { return v.Queued == count }).Queued)
			within2(t, "revoke", func(ctx context.Context) (kyc.View, error) {
				return one.cases.RevokeLinks(ctx, v.Reference, kyc.ActorSystem)
			})
			for i := range 12 { // more than the server keeps in flight
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				_, err := one.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{WorkflowID: workflows.ID(v.Reference),
					UpdateName: workflows.UpdateRefresh, UpdateID: fmt.Sprint("refresh", i),
					WaitForStage: client.WorkflowUpdateStageCompleted})
				cancel()
				require.NoError(t, err)
			}
			v = within2(t, "withdraw", func(ctx context.Context) (kyc.View, error) {
				return one.cases.Withdraw(ctx, v.Reference, kyc.ActorSystem)
			})
			require.Equal(t, kyc.Withdrawn, v.Stage)
			failures(t, workflows.ID(v.Reference), 0)
		})
	}
}

// Whoever waits for the first status under ids of their own cannot fill the
// places that the server has for updates, and a wrong customer waits for nothing.
func TestCallersOfStartDoNotLockACase(t *testing.T) {
	beside(t, options{work: t.TempDir()})
	faults(t, map[string]any{"ext_akepa": 1.0})
	customer := customers(t, "individual", "step_up", 1)[0]
	order := cases.StartOptions{Reference: "starters1", CustomerID: customer, Policy: patient()}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() { _, _ = one.cases.Start(ctx, order) })
	require.Eventually(t, func() bool { return attempts(t, order.Reference, "Identify") > 0 }, 20*time.Second,
		50*time.Millisecond)
	for i := range 24 {
		asked := workflows.StartRequest{CustomerID: customer}
		if i%2 == 1 {
			asked.CustomerID = "cstap_other"
		}
		all.Go(func() {
			_, _ = one.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{WorkflowID: workflows.ID(order.Reference),
				UpdateName: workflows.UpdateStart,
				UpdateID:   fmt.Sprint("mine", i), Args: []any{asked}, WaitForStage: client.WorkflowUpdateStageCompleted})
		})
	}
	time.Sleep(2 * time.Second) // they are in
	v := within2(t, "withdraw", func(ctx context.Context) (kyc.View, error) {
		return one.cases.Withdraw(ctx, order.Reference, kyc.ActorSystem)
	})
	require.Equal(t, kyc.Withdrawn, v.Stage)
}

// The sender of documents and whoever asks for a refresh get the outcome all
// the same: by following the case.
func TestTheOutcomeIsFollowed(t *testing.T) {
	v := begin(t, "followed1", customers(t, "individual", "review", 1)[0], patient())
	faults(t, map[string]any{"drop_callbacks": 1.0, "slow": "1s"})
	sandbox(t, http.MethodPost, "/sandbox/applications/"+v.ApplicationID+"/status",
		map[string]string{"status": "data_request"}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	got, err := one.cases.Refresh(ctx, v.Reference, kyc.ActorSystem)
	require.NoError(t, err)
	require.Equal(t, kyc.AwaitingData, got.Stage)

	v = begin(t, "followed2", customers(t, "individual", "step_up_review", 1)[0], patient())
	stepUp(t, v) // through the starter, which prints what ConnectFi said
	got, err = one.cases.Show(t.Context(), v.Reference)
	require.NoError(t, err)
	require.Equal(t, kyc.InReview, got.Stage)
}
