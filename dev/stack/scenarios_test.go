package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
)

// scenario is one of the sandbox's, and how a case on it goes.
type scenario struct {
	name  string
	first kyc.Stage                      // the stage the first answer leads to
	act   func(t *testing.T, v kyc.View) // what people do about it; nil is nothing
	end   kyc.Stage                      // where it ends
	tells []string                       // an individual's timeline, hints left out
	links int                            // images that are linked for each entity that steps up
	rival bool                           // the sandbox goes on by itself while an answer is lost
}

var scenarios = []scenario{
	{name: "approve", first: kyc.Approved, end: kyc.Approved,
		tells: []string{"started", "identified", "approved", "entity_completed"}},
	{name: "deny", first: kyc.Denied, end: kyc.Denied,
		tells: []string{"started", "identified", "denied", "entity_completed"}},
	{name: "step_up", first: kyc.AwaitingDocuments, act: stepUp, end: kyc.Approved, links: 2,
		tells: []string{"started", "identified", "awaiting_documents", "documents_wanted",
			"consent_elsewhere", "documents_submitted", "documents_handed_over", "approved", "entity_completed"}},
	{name: "step_up_review", first: kyc.AwaitingDocuments, act: func(t *testing.T, v kyc.View) {
		stepUp(t, v)
		decide(t, until(t, v.Reference, inStage(kyc.InReview)), "denied")
	}, end: kyc.Denied, links: 2,
		tells: []string{"started", "identified", "awaiting_documents", "documents_wanted",
			"consent_elsewhere", "documents_submitted", "documents_handed_over", "in_review", "denied", "entity_completed"}},
	{name: "review", first: kyc.InReview, act: func(t *testing.T, v kyc.View) { decide(t, v, "approved") },
		end:   kyc.Approved,
		tells: []string{"started", "identified", "in_review", "approved", "entity_completed"}},
	{name: "data_request", first: kyc.AwaitingData, act: func(t *testing.T, v kyc.View) {
		move(t, v, "completed",
			"approved")
	}, end: kyc.Approved,
		tells: []string{"started", "identified", "awaiting_data", "approved", "entity_completed"}},
	{name: "running", first: kyc.Processing, end: kyc.Approved,
		tells: []string{"started", "identified", "processing", "approved", "entity_completed"}},
	{name: "unknown_status", first: kyc.Held, act: func(t *testing.T, v kyc.View) {
		_, err := one.cases.Withdraw(t.Context(), v.Reference, kyc.ActorSystem)
		require.NoError(t, err)
	}, end: kyc.Withdrawn,
		tells: []string{"started", "identified", "held", "withdrawn"}},
	{name: "back_and_forth", first: kyc.AwaitingDocuments, act: func(t *testing.T, v kyc.View) {
		stepUp(t, v)
		again := func(v kyc.View) bool {
			return v.Stage == kyc.AwaitingDocuments && strings.Contains(strings.Join(whats(v), " "), "in_review") &&
				wanting(v) != ""
		}
		if v = until(t, v.Reference, func(v kyc.View) bool { return again(v) || final(v) }); again(v) {
			stepUp(t, v)
		}
	}, end: kyc.Approved, links: 4, rival: true,
		tells: []string{"started", "identified", "awaiting_documents", "documents_wanted",
			"consent_elsewhere", "documents_submitted", "documents_handed_over", "in_review", "awaiting_documents",
			"documents_wanted",
			"consent_elsewhere", "documents_submitted", "documents_handed_over", "approved", "entity_completed"}},
}

// day is how ConnectFi is, for all scenarios at once.
type day struct {
	name  string
	dial  map[string]any
	exact bool          // nothing is repeated, so the whole timeline is known
	lasts time.Duration // of the dial; zero is until all have ended
}

var calm = day{name: "calm", exact: true}

// TestScenarios drives every scenario of the sandbox to its end: as ConnectFi
// is on a good day, with half of all answers lost after the work was done, and
// with no callback at all.
func TestScenarios(t *testing.T) {
	for _, d := range []day{
		calm,
		// Eleven attempts fit into the two minutes in which a first status must be
		// known, and in one run of twenty some case of these would need a twelfth:
		// after a minute, and nine attempts, every answer arrives.
		{name: "lost", dial: map[string]any{"error_after": 0.5}, lasts: time.Minute},
		{name: "silent", dial: map[string]any{"drop_callbacks": 1}, exact: true},
	} {
		t.Run(d.name, d.drive)
	}
}

func (d day) drive(t *testing.T) {
	type open struct {
		scenario
		kind, customer, reference string
	}
	var all []open
	for _, kind := range []string{"individual", "business"} {
		for _, s := range scenarios {
			reference := letters(d.name + kind + s.name)
			all = append(all, open{s, kind, customers(t, kind, s.name, 1)[0], reference})
		}
	}
	if d.dial != nil {
		faults(t, d.dial)
	}
	if at := one.sandbox; d.lasts > 0 {
		defer time.AfterFunc(d.lasts, func() { faultless(at) }).Stop()
	}
	t.Run("all", func(t *testing.T) { // ends when the parallel ones have
		for _, o := range all {
			t.Run(o.kind+" "+o.name, func(t *testing.T) {
				t.Parallel()
				v := o.drive(t, o.reference, o.customer)
				if d.exact && o.kind == "individual" {
					require.Equal(t, o.tells, withoutHints(v))
				}
				e := ledger(t, o.reference)
				require.Equal(t, 1, e.Applications)
				if o.rival && !d.exact {
					// Documents are wanted again while the answer is being lost: whoever
					// links the first ones again cannot tell that from a link that was
					// never made.
					require.GreaterOrEqual(t, e.Attachments, e.Documents)
					return
				}
				require.Equal(t, o.links, e.Documents)
				require.Equal(t, o.links, e.Attachments)
			})
		}
	})
}

// drive starts a case and takes it to its end.
func (s scenario) drive(t *testing.T, reference, customer string) kyc.View {
	begin(t, reference, customer, patient())
	v := until(t, reference, func(v kyc.View) bool { return v.Stage != kyc.Identifying })
	if s.name != "running" { // which may have gone on already
		require.Equal(t, s.first, v.Stage, "%+v", v)
	}
	if s.act != nil {
		s.act(t, v)
	}
	v = until(t, reference, final)
	require.Equal(t, s.end, v.Stage, "%+v", v)
	return v
}

// patient is hurried, but for its deadlines.
func patient() kyc.Policy {
	p := hurried()
	p.Documents, p.Case, p.Reminders = kyc.Duration(time.Hour), kyc.Duration(2*time.Hour), nil
	return p
}

func final(v kyc.View) bool { return v.Stage.Final() }

func inStage(s kyc.Stage) func(kyc.View) bool { return func(v kyc.View) bool { return v.Stage == s } }

// wanting is an entity that wants documents, or nobody.
func wanting(v kyc.View) string {
	for _, e := range v.Entities {
		if e.Status.WantsDocuments() && !e.Sending {
			return e.ID
		}
	}
	return ""
}

// withoutHints is the timeline without what depends on who was faster, the
// callback or the poll.
func withoutHints(v kyc.View) (all []string) {
	for _, what := range whats(v) {
		if what != kyc.HintCallback {
			all = append(all, what)
		}
	}
	return all
}

// move moves the application at the sandbox, with its callback.
func move(t *testing.T, v kyc.View, status, outcome string) {
	sandbox(t, http.MethodPost, "/sandbox/applications/"+v.ApplicationID+"/status", map[string]string{"status": status,
		"outcome": outcome}, nil)
}

// begin starts a case and waits for its first status.
func begin(t *testing.T, reference, customer string, policy kyc.Policy) kyc.View {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	view, err := one.cases.Start(ctx, cases.StartOptions{Reference: reference, CustomerID: customer, Policy: policy})
	require.NoError(t, err, "under way: %v", underWay(t, reference))
	return view
}

// decide does what the vendor needs a person for.
func decide(t *testing.T, v kyc.View, outcome string) {
	sandbox(t, http.MethodPost, "/sandbox/applications/"+v.ApplicationID+"/review", map[string]string{"outcome": outcome},
		nil)
}
