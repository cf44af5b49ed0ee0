package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// The caller's webhookUrl hears of every later change, in ConnectFi's envelope,
// signed, in order and once by id, though its receiver is broken at first; the
// case itself waits for nobody.
func TestTheCallersURLHearsOfEveryChange(t *testing.T) {
	var (
		mu     sync.Mutex
		ids    []string
		states []string
		tries  int
	)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if tries++; tries == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		body, _ := io.ReadAll(r.Body)
		var said connectfi.Envelope[connectfi.Application]
		if json.Unmarshal(body, &said) == nil && strings.HasPrefix(r.Header.Get("webhook-signature"), "v1,") {
			ids, states = append(ids, r.Header.Get("webhook-id")), append(states, string(said.Data.Status))
		}
	}))
	defer receiver.Close()
	v, err := one.cases.Start(t.Context(), workflows.Order{Reference: "heard1", CustomerID: customers(t, "individual", "step_up_review", 1)[0],
		WebhookURL: receiver.URL, Policy: patient()})
	require.NoError(t, err)
	stepUp(t, v)
	v = until(t, v.Reference, inStage(kyc.InReview))
	decide(t, v, "approved")
	until(t, v.Reference, final)
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(states) == 3 }, 30*time.Second, 50*time.Millisecond)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{"pending_step_up", "waiting_review", "completed"}, states)
	require.Equal(t, []string{"evt_heard1_1", "evt_heard1_2", "evt_heard1_3"}, ids)

	code, out, stderr := starter(t, "events", "heard1")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "case.approved")
}
