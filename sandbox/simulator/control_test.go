package simulator_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/sandbox/simulator"
)

func TestCustomersOfAScript(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		ids := good[struct{ CustomerIDs []string }](b, http.MethodPost, "/sandbox/customers",
			`{"type":"individual","scenario":"approve","count":500}`).CustomerIDs
		require.Len(t, ids, 500)
		different := map[string]bool{}
		for _, id := range ids {
			require.Regexp(t, `^cstap_[0-9a-zA-Z]{20,22}$`, id)
			different[id] = true
		}
		require.Len(t, different, 500)
		a := b.identify(b.customers("business", simulator.Deny, 3)[0], "R1")
		require.Len(t, a.EntityApplications, 4)
		require.Regexp(t, `^cstab_`, a.EntityApplications[0].EntityID)
	})
}

func TestUnknownIdsBecomeCustomers(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		require.Len(t, b.identify("cstap_3xYz", "R1").EntityApplications, 1)
		first, again := b.identify("cstab_3xYz", "R2"), b.identify("cstab_3xYz", "R3")
		require.Len(t, first.EntityApplications, 2)
		require.Equal(t, first.EntityApplications, again.EntityApplications, "the same representative")
	})
}

func TestApplicationsAreShown(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		a := b.identify(simulator.PageIndividual, "R1")
		b.identify(simulator.PageIndividual, "R2")
		b.move(a, "completed", "denied")
		_, text := b.call(http.MethodGet, "/sandbox/applications", "")
		require.Len(t, into[[]simulator.ApplicationEntry](t, text), 2)
		_, text = b.call(http.MethodGet, "/sandbox/applications?reference=R1", "")
		require.JSONEq(t, fmt.Sprintf(
			`[{"reference":"R1","applicationId":%q,"customerId":%q,"status":"completed","outcome":"Denied","webhookUrl":%q}]`,
			a.ApplicationID, simulator.PageIndividual, hook+"/R1"), text)
		_, text = b.call(http.MethodGet, "/sandbox/ledger?reference=R9", "")
		require.JSONEq(t, `[]`, text)
	})
}

func TestControlMistakes(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		at := "/sandbox/applications/" + b.identify(simulator.PageIndividual, "R1").ApplicationID
		for name, c := range map[string]struct {
			path, body string
			status     int
		}{
			"no type":          {"/sandbox/customers", `{"scenario":"approve"}`, 400},
			"no such scenario": {"/sandbox/customers", `{"type":"individual","scenario":"maybe"}`, 400},
			"too many":         {"/sandbox/customers", `{"type":"individual","scenario":"approve","count":100001}`, 400},
			"a negative count": {"/sandbox/customers", `{"type":"individual","scenario":"approve","count":-1}`, 400},
			"too many representatives": {"/sandbox/customers", `{"type":"business","scenario":"approve","representatives":21}`,
				400},
			"an unknown field":     {"/sandbox/customers", `{"type":"individual","scenario":"approve","n":1}`, 400},
			"not in review":        {at + "/review", `{"outcome":"approved"}`, 409},
			"another outcome":      {at + "/review", `{"outcome":"maybe"}`, 400},
			"no such application":  {"/sandbox/applications/iapp_1/review", `{"outcome":"approved"}`, 404},
			"no status":            {at + "/status", `{}`, 400},
			"an outcome too early": {at + "/status", `{"status":"running","outcome":"approved"}`, 400},
		} {
			status, text := b.call(http.MethodPost, c.path, c.body)
			require.Equal(t, c.status, status, "%s: %s", name, text)
			require.NotEmpty(t, into[struct{ Error string }](t, text).Error, name)
		}
		require.Empty(t, b.arrived(), "nothing happened")
	})
}

func TestMovingAnywhere(t *testing.T) {
	for name, c := range map[string]struct{ status, outcome, want string }{
		"both spellings":     {"pending_journey_application_review", "", "pending_journey_application_review "},
		"unlisted":           {"pending_workflow_service", "", "pending_workflow_service "},
		"no outcome":         {"completed", "", "completed "},
		"an unknown outcome": {"completed", "withdrawn", "completed Withdrawn"},
		"denied":             {"completed", "denied", "completed Denied"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, simulator.Config{}, func(t *testing.T, b *bench) {
				a := b.identify(simulator.PageBusiness, "R1")
				b.move(a, c.status, c.outcome)
				read := b.read(a)
				require.Equal(t, c.want, fmt.Sprintf("%s %s", read.Status, read.Outcome))
				require.Equal(t, []connectfi.Application{read}, b.arrived())
				b.move(a, "pending_documents", "")
				require.Equal(t, connectfi.StatusCompleted, b.license(a, simulator.PageRepresentative).Status,
					"documents work again")
			})
		})
	}
}

func TestHelpNamesEverything(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		status, page := b.call(http.MethodGet, "/sandbox/", "")
		require.Equal(t, http.StatusOK, status)
		for scenario := range stories {
			require.Contains(t, page, string(scenario))
		}
		_, dial := b.call(http.MethodGet, "/sandbox/faults", "")
		for fault := range into[map[string]any](t, dial) {
			require.Contains(t, page, fault)
		}
		status, _ = b.call(http.MethodGet, "/healthz", "")
		require.Equal(t, http.StatusOK, status)
	})
}

// slowPost counts how many callbacks are under way at once.
type slowPost struct{ now, most, all atomic.Int64 }

func (s *slowPost) RoundTrip(r *http.Request) (*http.Response, error) {
	s.most.Store(max(s.most.Load(), s.now.Add(1)))
	pass(time.Second)
	s.now.Add(-1)
	s.all.Add(1)
	return &http.Response{StatusCode: http.StatusAccepted, Body: http.NoBody, Request: r}, nil
}

func TestCallbacksGoOutAFewAtATime(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		var post slowPost
		sandbox, err := simulator.New(simulator.Config{CallbackClient: &http.Client{Transport: &post}})
		require.NoError(t, err)
		defer sandbox.Close()
		b.sandbox = sandbox
		b.token = b.getToken("team", "secret")
		id := b.customers("individual", simulator.Running, 1)[0]
		for range 200 {
			b.identify(id, "R1")
		}
		pass(time.Minute)
		synctest.Wait()
		require.EqualValues(t, 200, post.all.Load())
		require.LessOrEqual(t, post.most.Load(), int64(32))
		require.Equal(t, 200, b.ledger("R1").Callbacks)
	})
}
