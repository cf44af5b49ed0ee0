package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
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
	v, err := one.cases.Start(t.Context(), cases.StartOptions{Reference: "heard1", CustomerID: customers(t, "individual",
		"step_up_review", 1)[0],
		WebhookURL: receiver.URL, Policy: patient()})
	require.NoError(t, err)
	stepUp(t, v)
	v = until(t, v.Reference, inStage(kyc.InReview))
	decide(t, v, "approved")
	until(t, v.Reference, final)
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(states) == 3 }, 30*time.Second,
		50*time.Millisecond)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{"pending_step_up", "waiting_review", "completed"}, states)

	code, out, stderr := starter(t, "events", "heard1")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "case.approved")
	events, err := one.cases.Events(t.Context(), v.Reference)
	require.NoError(t, err)
	var listed []string
	for _, e := range events {
		listed = append(listed, e.ID)
	}
	require.Equal(t, listed, ids)
}

// KYC_NOTIFY_URL hears of every case, whoever started it: each kind of event,
// in order, once by id, and with the link where the applicant is to act.
func TestTheReceiverOfAllHearsOfEveryCase(t *testing.T) {
	type said struct {
		Type string
		Data struct{ Reference, Link string }
	}
	var (
		mu    sync.Mutex
		ids   = map[string]bool{}
		heard = map[string][]string{}
		links = map[string]string{}
		tries int
	)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		var event said
		if tries++; tries == 1 || json.Unmarshal(body, &event) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if id := r.Header.Get("webhook-id"); !ids[id] {
			ids[id] = true
			heard[event.Data.Reference] = append(heard[event.Data.Reference], event.Type)
			links[event.Data.Reference] += event.Data.Link
		}
	}))
	defer receiver.Close()
	beside(t, options{work: t.TempDir(), notify: receiver.URL})
	want := map[string][]string{
		"approve": {"approved"}, "deny": {"denied"}, "step_up": {"documents_requested", "approved"}, "review": {"in_review",
			"approved"},
		"step_up_review": {"documents_requested", "in_review", "denied"}, "data_request": {"data_requested", "approved"},
		"running": {"approved"}, "unknown_status": {"held", "withdrawn"},
	}
	for _, s := range scenarios {
		reference := letters("all" + s.name)
		if want[s.name] == nil {
			continue
		}
		// A backend starts it through the webhook, and hears nothing itself.
		_, err := api(t).Identify(t.Context(), connectfi.IdentificationRequest{CustomerID: customers(t, "individual", s.name,
			1)[0], Reference: reference})
		require.NoError(t, err)
		if v := until(t, reference, func(v kyc.View) bool { return v.Stage != kyc.Identifying }); s.act != nil {
			s.act(t, v)
		}
	}
	_, err := one.cases.Start(t.Context(), cases.StartOptions{Reference: "allforgotten", CustomerID: customers(t,
		"individual", "step_up", 1)[0],
		Notify: true, Policy: hurried()})
	require.NoError(t, err)
	want["forgotten"] = []string{"documents_requested", "reminder", "expired"}
	for name, types := range want {
		var got []string
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			got = heard[letters("all"+name)]
			return len(got) >= len(types)
		}, time.Minute, 50*time.Millisecond, "%s: %v of %v", name, got, types)
		for i := range types {
			require.Equal(t, "case."+types[i], got[i], name)
		}
		require.Len(t, got, len(types), name)
		require.Equal(t, slices.Contains(types, "documents_requested"), links[letters("all"+name)] != "", name)
	}
	code, _, stderr := starter(t, "resend", "allapprove")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "every notification was delivered")
	events, err := one.cases.Events(t.Context(), "allapprove")
	require.NoError(t, err)
	code, out, stderr := starter(t, "resend", "allapprove", events[0].ID)
	require.Zero(t, code, stderr)
	require.Contains(t, out, events[0].ID)
}

// Whoever asks for an event again while an attempt at it is under way hears of
// it, however that attempt ends: refused, or cut off with its worker. And what
// was delivered then can be asked for once more.
func TestAnEventIsSentAgainWhileAnAttemptIsUnderWay(t *testing.T) {
	for name, first := range map[string]int{"the attempt is refused": http.StatusInternalServerError,
		"the attempt is taken": http.StatusOK} {
		t.Run(name, func(t *testing.T) {
			var (
				begun   = make(chan struct{})
				release = make(chan struct{})
				heard   atomic.Int64
			)
			receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if heard.Add(1) == 1 {
					close(begun)
					<-release
					w.WriteHeader(first)
				}
			}))
			defer receiver.Close()
			reference := "again" + fmt.Sprint(first)
			_, err := one.cases.Start(t.Context(), cases.StartOptions{Reference: reference, CustomerID: customers(t,
				"individual", "review", 1)[0],
				WebhookURL: receiver.URL, Policy: patient()})
			require.NoError(t, err)
			<-begun
			_, err = one.cases.Resend(t.Context(), reference, "")
			require.NoError(t, err)
			close(release)
			delivered := func() bool {
				events, err := one.cases.Events(t.Context(), reference)
				return err == nil && len(events) == 1 && !events[0].Receipts[0].DeliveredAt.IsZero()
			}
			require.Eventually(t, delivered, 20*time.Second, 50*time.Millisecond)
			before := heard.Load()
			_, err = one.cases.Resend(t.Context(), reference, "1")
			require.NoError(t, err)
			require.Eventually(t, func() bool { return heard.Load() > before && delivered() }, 20*time.Second,
				50*time.Millisecond)
			_, err = one.cases.Withdraw(t.Context(), reference, kyc.ActorSystem)
			require.NoError(t, err)
		})
	}
}
