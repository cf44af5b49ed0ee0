package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/env"
	"durablekyc.example/kyc"
	"durablekyc.example/starter/cli"
	"durablekyc.example/workflows"
)

// one is the system that every test but those about starting shares.
var one *system

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(func() int {
		work, err := os.MkdirTemp("", "durablekyc-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(work)
		if one, err = startSystem(context.Background(), options{work: work, withUI: true, seed: 7}); err != nil {
			panic(err)
		}
		code := m.Run()
		if err := one.stop(); err != nil {
			fmt.Println(err)
			return 1
		}
		return code
	}())
}

// hurried is a policy for tests: waits of days become waits of moments.
func hurried() kyc.Policy {
	d := func(t time.Duration) kyc.Duration { return kyc.Duration(t) }
	return kyc.Policy{Documents: d(20 * time.Second), Reminders: []kyc.Duration{d(10 * time.Second)}, Case: d(25 * time.Second),
		ReadFirst: d(300 * time.Millisecond), ReadMax: d(2 * time.Second), Settle: d(300 * time.Millisecond)}
}

func sandbox(t *testing.T, method, path string, body, answer any) {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, json.NewEncoder(&text).Encode(body))
	request, err := http.NewRequestWithContext(t.Context(), method, one.sandbox+path, &text)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Less(t, response.StatusCode, 300, "%s %s: %s", method, path, got)
	if answer != nil {
		require.NoError(t, json.Unmarshal(got, answer))
	}
}

func faults(t *testing.T, dial map[string]any) {
	sandbox(t, http.MethodPut, "/sandbox/faults", dial, nil)
	t.Cleanup(func() {
		for name := range dial {
			dial[name] = 0
		}
		request, _ := json.Marshal(dial)
		r, err := http.NewRequest(http.MethodPut, one.sandbox+"/sandbox/faults", bytes.NewReader(request))
		if err == nil {
			if response, err := http.DefaultClient.Do(r); err == nil {
				response.Body.Close()
			}
		}
	})
}

func customers(t *testing.T, kind, scenario string, count int) []string {
	var made struct {
		CustomerIDs []string `json:"customerIds"`
	}
	sandbox(t, http.MethodPost, "/sandbox/customers", map[string]any{"type": kind, "scenario": scenario, "count": count}, &made)
	require.Len(t, made.CustomerIDs, count)
	return made.CustomerIDs
}

// entry is one line of the sandbox's ledger, the judge of "exactly once".
type entry struct {
	Reference                                       string
	Applications, Documents, Attachments, Callbacks int
}

func ledger(t *testing.T, reference string) entry {
	var all []entry
	sandbox(t, http.MethodGet, "/sandbox/ledger", nil, &all)
	for _, e := range all {
		if e.Reference == reference {
			return e
		}
	}
	return entry{Reference: reference}
}

func until(t *testing.T, reference string, what func(kyc.View) bool) (view kyc.View) {
	t.Helper()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var err error
		view, err = one.cases.Show(ctx, reference)
		return err == nil && what(view)
	}, 60*time.Second, 100*time.Millisecond, "it stands at %v", &view)
	return view
}

func starter(t *testing.T, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(t.Context(), args, strings.NewReader(""), &out, &errs, env.Map(named(one.vars)))
	return code, out.String(), errs.String()
}

func begin(t *testing.T, reference, customer string, policy kyc.Policy) kyc.View {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	view, err := one.cases.Start(ctx, workflows.Order{Reference: reference, CustomerID: customer, Policy: policy})
	require.NoError(t, err)
	return view
}

func review(t *testing.T, application, outcome string) {
	sandbox(t, http.MethodPost, "/sandbox/applications/"+application+"/review", map[string]string{"outcome": outcome}, nil)
}

// upload sends a licence for every entity that wants one, through the starter.
func upload(t *testing.T, view kyc.View) {
	t.Helper()
	dir := t.TempDir()
	for _, e := range view.Entities {
		if !e.Status.WantsDocuments() {
			continue
		}
		for side, picture := range sampleImages(t, "first") {
			require.NoError(t, os.WriteFile(dir+"/"+side+".png", picture, 0o600))
		}
		code, _, stderr := starter(t, "upload", view.Reference, "--entity", e.ID, "--front", dir+"/front.png", "--back", dir+"/back.png")
		require.Zero(t, code, stderr)
	}
}

func whats(v kyc.View) (all []string) {
	for _, e := range v.Timeline {
		all = append(all, e.What)
	}
	return all
}

// TestScenarios drives every scenario of the sandbox to its end.
func TestScenarios(t *testing.T) {
	tests := []struct {
		scenario string
		first    kyc.Stage
		act      func(t *testing.T, v kyc.View)
		end      kyc.Stage
		tells    []string
	}{
		{"approve", kyc.Approved, nil, kyc.Approved, []string{"started", "identified", "approved"}},
		{"deny", kyc.Denied, nil, kyc.Denied, []string{"denied"}},
		{"step_up", kyc.AwaitingDocuments, upload, kyc.Approved, []string{"awaiting_documents", "documents_wanted", "documents_submitted", "documents_handed_over", "approved"}},
		{"step_up_review", kyc.AwaitingDocuments, func(t *testing.T, v kyc.View) {
			upload(t, v)
			v = until(t, v.Reference, func(v kyc.View) bool { return v.Stage == kyc.InReview })
			review(t, v.ApplicationID, "denied")
		}, kyc.Denied, []string{"documents_handed_over", "in_review", "denied"}},
		{"review", kyc.InReview, func(t *testing.T, v kyc.View) { review(t, v.ApplicationID, "approved") }, kyc.Approved,
			[]string{"in_review", "callback", "approved"}},
		{"data_request", kyc.AwaitingData, func(t *testing.T, v kyc.View) {
			sandbox(t, http.MethodPost, "/sandbox/applications/"+v.ApplicationID+"/status", map[string]string{"status": "completed", "outcome": "approved"}, nil)
		}, kyc.Approved, []string{"awaiting_data", "approved"}},
		{"running", kyc.Processing, nil, kyc.Approved, []string{"processing", "approved"}},
		{"unknown_status", kyc.Held, func(t *testing.T, v kyc.View) {
			_, err := one.cases.Withdraw(t.Context(), v.Reference)
			require.NoError(t, err)
		}, kyc.Withdrawn, []string{"held", "withdrawn"}},
		{"back_and_forth", kyc.AwaitingDocuments, func(t *testing.T, v kyc.View) {
			upload(t, v)
			v = until(t, v.Reference, func(v kyc.View) bool {
				return v.Stage == kyc.AwaitingDocuments && strings.Count(strings.Join(whats(v), " "), "documents_wanted") == 2
			})
			secondUpload(t, v)
		}, kyc.Approved, []string{"in_review", "documents_wanted", "approved"}},
	}
	patient := hurried()
	patient.Documents, patient.Case, patient.Reminders = kyc.Duration(time.Hour), kyc.Duration(2*time.Hour), nil
	for _, kind := range []string{"individual", "business"} {
		for _, test := range tests {
			t.Run(kind+" "+test.scenario, func(t *testing.T) {
				customer := customers(t, kind, test.scenario, 1)[0]
				reference := strings.ReplaceAll("e2e"+kind+test.scenario, "_", "")
				v := begin(t, reference, customer, patient)
				require.Equal(t, test.first, v.Stage, "%+v", v)
				if test.act != nil {
					test.act(t, v)
				}
				v = until(t, reference, func(v kyc.View) bool { return v.Stage.Final() })
				require.Equal(t, test.end, v.Stage, "%+v", v)
				require.Subset(t, whats(v), test.tells)
				require.Equal(t, 1, ledger(t, reference).Applications)
			})
		}
	}
}

func secondUpload(t *testing.T, view kyc.View) {
	t.Helper()
	dir := t.TempDir()
	for _, e := range view.Entities {
		if e.Status.WantsDocuments() {
			for side, picture := range sampleImages(t, "second") {
				require.NoError(t, os.WriteFile(dir+"/"+side+".png", picture, 0o600))
			}
			code, _, stderr := starter(t, "upload", view.Reference, "--entity", e.ID, "--front", dir+"/front.png", "--back", dir+"/back.png")
			require.Zero(t, code, stderr)
		}
	}
}

// sampleImages are two sharp pictures that pass the gate, no two of them alike.
func sampleImages(t *testing.T, seed string) map[string][]byte {
	t.Helper()
	pictures := map[string][]byte{}
	for _, side := range []string{"front", "back"} {
		chance := rand.New(rand.NewChaCha8(sha256.Sum256([]byte(seed + side))))
		img := image.NewGray(image.Rect(0, 0, 640, 400))
		for top := 0; top < 400; top += 20 {
			for left := 0; left < 640; left += 20 {
				square := image.NewUniform(color.Gray{Y: uint8(chance.IntN(256))})
				draw.Draw(img, image.Rect(left, top, left+20, top+20), square, image.Point{}, draw.Src)
			}
		}
		var out bytes.Buffer
		require.NoError(t, png.Encode(&out, img))
		pictures[side] = out.Bytes()
	}
	return pictures
}

// Half of all answers are lost after the work was done: one application all the same.
func TestLostAnswersMakeNoSecondApplication(t *testing.T) {
	ids := customers(t, "individual", "approve", 12)
	faults(t, map[string]any{"error_after": 0.5})
	policy := hurried()
	policy.Case = kyc.Duration(time.Hour)
	for i, id := range ids {
		reference := fmt.Sprintf("lost%d", i)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, _ = one.cases.Start(ctx, workflows.Order{Reference: reference, CustomerID: id, Policy: policy}) // the case is what counts
		cancel()
	}
	ended := func() (n int) {
		for i := range ids {
			if v, err := one.cases.Show(t.Context(), fmt.Sprintf("lost%d", i)); err == nil && v.Stage.Final() {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return ended() >= len(ids)*2/3 }, 60*time.Second, 200*time.Millisecond)
	sandbox(t, http.MethodPut, "/sandbox/faults", map[string]any{"error_after": 0}, nil)
	for i := range ids {
		reference := fmt.Sprintf("lost%d", i)
		v := until(t, reference, func(v kyc.View) bool { return v.Stage.Final() })
		require.Equal(t, kyc.Approved, v.Stage, "%+v", v)
		require.Equal(t, 1, ledger(t, reference).Applications)
	}
}

// No callback comes at all: every case ends.
func TestLostCallbacks(t *testing.T) {
	faults(t, map[string]any{"drop_callbacks": 1})
	decided := begin(t, "silent1", customers(t, "individual", "review", 1)[0], hurried())
	begin(t, "silent2", customers(t, "individual", "running", 1)[0], hurried())
	begin(t, "silent3", customers(t, "individual", "review", 1)[0], hurried())
	begin(t, "silent4", customers(t, "individual", "step_up", 1)[0], hurried())
	review(t, decided.ApplicationID, "approved")
	final := func(v kyc.View) bool { return v.Stage.Final() }
	require.Equal(t, kyc.Approved, until(t, "silent1", final).Stage)
	require.Equal(t, kyc.Approved, until(t, "silent2", final).Stage)
	require.Equal(t, kyc.Expired, until(t, "silent3", final).Stage)
	v := until(t, "silent4", final)
	require.Equal(t, kyc.Expired, v.Stage)
	require.Contains(t, whats(v), kyc.WhatReminder)
}

// The worker goes away and comes back in every stage.
func TestWorkerRestartsInEveryStage(t *testing.T) {
	restart := func() {
		require.NoError(t, one.stopWorker())
		require.NoError(t, one.startWorker())
	}
	policy := hurried()
	policy.Documents, policy.Case = kyc.Duration(time.Hour), kyc.Duration(time.Hour)
	for scenario, stage := range map[string]kyc.Stage{"step_up": kyc.AwaitingDocuments, "review": kyc.InReview,
		"data_request": kyc.AwaitingData, "unknown_status": kyc.Held} {
		t.Run(scenario, func(t *testing.T) {
			reference := "restart" + strings.ReplaceAll(scenario, "_", "")
			v := begin(t, reference, customers(t, "individual", scenario, 1)[0], policy)
			require.Equal(t, stage, v.Stage)
			restart()
			sandbox(t, http.MethodPost, "/sandbox/applications/"+v.ApplicationID+"/status", map[string]string{"status": "completed", "outcome": "denied"}, nil)
			require.Equal(t, kyc.Denied, until(t, reference, func(v kyc.View) bool { return v.Stage.Final() }).Stage)
			require.Equal(t, 1, ledger(t, reference).Applications)
		})
	}
}

func TestStarter(t *testing.T) {
	code, out, errs := starter(t, "demo")
	require.Zero(t, code, errs)
	require.Equal(t, 2, strings.Count(out, "ended: Approved"), out)
	code, _, errs = starter(t, "demo")
	require.Zero(t, code, "the demo again finds both decided: %s", errs)

	code, out, errs = starter(t, "--json", "show", "extRefBApp100")
	require.Zero(t, code, errs)
	var v kyc.View
	require.NoError(t, json.Unmarshal([]byte(out), &v))
	require.Equal(t, kyc.Approved, v.Stage)
	require.Equal(t, kyc.Business, v.CustomerType)

	code, _, errs = starter(t, "start", "--customer", "cstap_other", "--reference", "extRefApp100")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "belongs to another customer")
	code, _, errs = starter(t, "start", "--customer", "cstap_x", "--reference", "UNIQUE_REFERENCE_ID")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "1 to 32 letters or digits")
	code, _, errs = starter(t, "show", "nobody")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "there is no case with the reference nobody")
	code, _, _ = starter(t, "start", "--customer", customers(t, "individual", "deny", 1)[0], "--reference", "denied1", "--wait")
	require.Equal(t, 3, code)
	require.Eventually(t, func() bool {
		code, out, errs = starter(t, "list", "--stage", "denied")
		return code == 0 && strings.Contains(out, "denied1")
	}, 20*time.Second, 200*time.Millisecond)
}

func TestEdgeAndUIAnswer(t *testing.T) {
	for url, status := range map[string]int{
		one.ui.URL + "/": 200, one.ui.URL + "/api/v1/namespaces": 200, one.admin + "/readyz": 200, one.admin + "/metrics": 200,
		one.webhook + "/": 404,
	} {
		response, err := http.Get(url)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, status, response.StatusCode, url)
	}
	response, err := http.Post(one.webhook+"/connectfi/callbacks/extRefApp100/forged", "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, 404, response.StatusCode)
}
