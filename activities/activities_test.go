package activities_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"durablekyc.example/activities"
	"durablekyc.example/connectfi"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/sandbox/simulator"
)

// world is the stand-in, reached through the real client, and a store in memory.
type world struct {
	*testsuite.TestActivityEnvironment
	t     *testing.T
	url   string
	store *docstore.Store
	dir   string // where the store lies
	do    *activities.Activities
	suite testsuite.WorkflowTestSuite
	said  bytes.Buffer // what the activities logged
}

func newWorld(t *testing.T) *world {
	sandbox, err := simulator.New(simulator.Config{Seed: 1, Delay: time.Hour})
	require.NoError(t, err)
	server := httptest.NewServer(sandbox)
	t.Cleanup(func() { server.Close(); sandbox.Close() })
	client, err := connectfi.New(connectfi.Config{BaseURL: server.URL, Login: "l", Password: "p",
		Timeout: 3 * time.Second})
	require.NoError(t, err)
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	keyset, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "documents")
	store, err := docstore.Open(t.Context(), "file://"+filepath.ToSlash(dir), keyset)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	w := &world{t: t, url: server.URL, store: store, dir: dir, do: activities.New(activities.Config{
		ConnectFi: client, Documents: store, CallbackURL: func(string) string { return server.URL + "/nobody" }})}
	w.suite.SetLogger(log.NewStructuredLogger(slog.New(slog.NewTextHandler(&w.said, nil))))
	w.TestActivityEnvironment = w.suite.NewTestActivityEnvironment()
	w.RegisterActivity(w.do)
	return w
}

func (w *world) send(method, path string, body, answer any) {
	w.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(w.t, err)
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, bytes.NewReader(text))
	require.NoError(w.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	require.Less(w.t, response.StatusCode, 300, "%s", got)
	if answer != nil {
		require.NoError(w.t, json.Unmarshal(got, answer))
	}
}

func (w *world) fault(name string, value any) {
	w.send(http.MethodPut, "/sandbox/faults", map[string]any{name: value}, nil)
}

func (w *world) customer(scenario string) string {
	var made struct {
		CustomerIDs []string `json:"customerIds"`
	}
	w.send(http.MethodPost, "/sandbox/customers", map[string]any{"type": "individual", "scenario": scenario, "count": 1},
		&made)
	return made.CustomerIDs[0]
}

type counts struct {
	Reference                            string
	Applications, Documents, Attachments int
}

func (w *world) ledger() counts {
	var all []counts
	w.send(http.MethodGet, "/sandbox/ledger", nil, &all)
	require.Len(w.t, all, 1)
	return all[0]
}

// run executes an activity once, as one attempt.
func run[T any](w *world, activity, argument any) (answer T, err error) {
	value, err := w.ExecuteActivity(activity, argument)
	if err == nil {
		require.NoError(w.t, value.Get(&answer))
	}
	return answer, err
}

func applicationError(t *testing.T, err error) *temporal.ApplicationError {
	t.Helper()
	var e *temporal.ApplicationError
	require.ErrorAs(t, err, &e)
	return e
}

func TestIdentifyLooksBeforeItPosts(t *testing.T) {
	w := newWorld(t)
	r := activities.IdentifyRequest{Reference: "A1", CustomerID: w.customer("review"), Settle: 40 * time.Second}
	first, err := run[kyc.Snapshot](w, w.do.Identify, r)
	require.NoError(t, err)
	require.Equal(t, kyc.Status("waiting_review"), first.Status)
	again, err := run[kyc.Snapshot](w, w.do.Identify, r)
	require.NoError(t, err)
	requireSameNews(t, first, again)
	require.Equal(t, 1, w.ledger().Applications)
}

// requireSameNews compares what two answers of ConnectFi say, and that each names the answer it was read from.
func requireSameNews(t *testing.T, first, again kyc.Snapshot) {
	t.Helper()
	for _, one := range []*kyc.Snapshot{&first, &again} {
		require.Regexp(t, "^[0-9a-f]{32}$", one.RequestID)
		require.Regexp(t, "^[0-9a-f]{64}$", one.SHA256)
	}
	require.NotEqual(t, first.RequestID, again.RequestID)
	again.RequestID, again.SHA256 = first.RequestID, first.SHA256
	require.Equal(t, first, again)
}

func TestIdentifyAfterALostAnswer(t *testing.T) {
	// The dice decide which answer is lost: try until it is that of the post.
	for try := range 100 {
		w := newWorld(t)
		r := activities.IdentifyRequest{Reference: "A1", CustomerID: w.customer("approve"), Settle: 40 * time.Second}
		for range try { // another throw each time
			w.fault("error_after", 0.5)
			_, err := run[kyc.Snapshot](w, w.do.ReadStatus, activities.ReadRequest{Reference: "A1", CustomerID: r.CustomerID,
				ApplicationID: "iapp_1"})
			require.Error(t, err)
		}
		w.fault("error_after", 0.5)
		_, err := run[kyc.Snapshot](w, w.do.Identify, r)
		w.fault("error_after", 0)
		if err == nil || applicationError(t, err).NextRetryDelay() != 40*time.Second {
			continue
		}
		require.Equal(t, activities.TypeNoAnswer, applicationError(t, err).Type())
		require.False(t, applicationError(t, err).NonRetryable())
		require.Equal(t, 1, w.ledger().Applications, "the work was done")
		found, err := run[kyc.Snapshot](w, w.do.Identify, r)
		require.NoError(t, err)
		require.Equal(t, kyc.Status("completed"), found.Status)
		require.Equal(t, 1, w.ledger().Applications)
		return
	}
	t.Fatal("no throw of the dice lost the answer of a post")
}

func TestRefusalsForGoodAreNotRetried(t *testing.T) {
	w := newWorld(t)
	_, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1",
		CustomerID: "unknownCustomerId"})
	e := applicationError(t, err)
	require.True(t, e.NonRetryable())
	require.Equal(t, "customerNotFound", e.Type())
	var answer string
	require.NoError(t, e.Details(&answer))
	_, err = connectfi.RequestIDTime(answer)
	require.NoError(t, err, "the id of the answer goes along")
	_, err = run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "UNIQUE_REFERENCE_ID",
		CustomerID: w.customer("approve")})
	require.Equal(t, activities.TypeInvalid, applicationError(t, err).Type())
	w.fault("ext_akepa", 1)
	_, err = run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1",
		CustomerID: w.customer("approve")})
	require.Equal(t, "extAkepa", applicationError(t, err).Type())
	require.False(t, applicationError(t, err).NonRetryable())
}

func TestWatch(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("review")
	seen, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	r := activities.WatchRequest{
		ReadRequest: activities.ReadRequest{Reference: "A1", CustomerID: customer, ApplicationID: seen.ApplicationID},
		Seen:        seen.Fingerprint(), Since: time.Now().Add(-time.Hour), Until: time.Now().Add(24 * time.Hour),
		First: time.Minute, Max: 6 * time.Hour}
	unchanged := func(r activities.WatchRequest, least, most time.Duration) {
		t.Helper()
		_, err := run[activities.WatchResult](w, w.do.WatchStatus, r)
		e := applicationError(t, err)
		require.Equal(t, activities.TypeUnchanged, e.Type())
		require.Equal(t, temporal.ApplicationErrorCategoryBenign, e.Category())
		require.GreaterOrEqual(t, e.NextRetryDelay(), least)
		require.LessOrEqual(t, e.NextRetryDelay(), most)
	}
	unchanged(r, 54*time.Minute, 66*time.Minute) // as old as the case is, within a tenth
	old, young, ending, fresh := r, r, r, r
	old.Since = time.Now().Add(-20 * 24 * time.Hour)
	unchanged(old, 324*time.Minute, 396*time.Minute)
	young.Since = time.Now()
	unchanged(young, 54*time.Second, 66*time.Second)
	ending.Until = time.Now().Add(10 * time.Minute)
	unchanged(ending, 9*time.Minute, 10*time.Minute)
	fresh.LastRead = time.Now()
	w.fault("error_before", 1) // not asked at all, so this does not show
	unchanged(fresh, 59*time.Minute, 61*time.Minute)
	fresh.LastRead = time.Now().Add(-40 * time.Minute)
	unchanged(fresh, 19*time.Minute, 21*time.Minute)
	fresh.LastRead = time.Now().Add(-50 * time.Minute) // less than a quarter is left: that is worth no second task
	_, err = run[activities.WatchResult](w, w.do.WatchStatus, fresh)
	require.Equal(t, activities.TypeNoAnswer, applicationError(t, err).Type())
	_, err = run[activities.WatchResult](w, w.do.WatchStatus, r)
	require.Equal(t, activities.TypeNoAnswer, applicationError(t, err).Type())
	require.GreaterOrEqual(t, applicationError(t, err).NextRetryDelay(), 54*time.Minute)
	w.fault("error_before", 0)

	over := r
	over.Until = time.Now()
	last, err := run[activities.WatchResult](w, w.do.WatchStatus, over)
	require.NoError(t, err)
	require.True(t, last.Last)
	over.LastRead = time.Now() // and the last read is made, however fresh the one before is
	last, err = run[activities.WatchResult](w, w.do.WatchStatus, over)
	require.NoError(t, err)
	require.True(t, last.Last)

	w.send(http.MethodPost, "/sandbox/applications/"+seen.ApplicationID+"/review",
		map[string]string{"outcome": "approved"}, nil)
	news, err := run[activities.WatchResult](w, w.do.WatchStatus, r)
	require.NoError(t, err)
	require.Equal(t, kyc.Status("completed"), news.Reading.Status)
	require.False(t, news.Last)
}

func TestSubmissionGoesOnWhereItStopped(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up")
	seen, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	r := w.submission(customer, seen.ApplicationID)
	w.fault("error_after", 0.4) // half of the steps are done without our learning of it
	var answer kyc.Snapshot
	for attempt := 0; ; attempt++ {
		require.Less(t, attempt, 200)
		if answer, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, r); err == nil {
			break
		}
		require.False(t, applicationError(t, err).NonRetryable(), "%v", err)
	}
	require.Equal(t, kyc.Status("completed"), answer.Status)
	require.Equal(t, 2, w.ledger().Attachments, "each side is linked once")
	require.Zero(t, w.images(), "ConnectFi has them")
}

// Attempts that get somewhere are followed at once; only fruitless ones wait
// longer each time.
func TestProgressKeepsASubmissionQuick(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up")
	seen, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	r := w.submission(customer, seen.ApplicationID)
	image := r.Submission.Images[0].Key
	pause := func() time.Duration {
		_, err := run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
		require.Error(t, err)
		return applicationError(t, err).NextRetryDelay()
	}
	// The test environment knows first attempts only: seven attempts after the
	// last that got somewhere is attempt 1 after attempt -6.
	require.NoError(t, w.store.PutMarker(t.Context(), image, "attempt", "-6"))
	w.fault("error_before", 1)
	require.InDelta(t, 11.4, pause().Seconds(), 1.2, "1.5 s to the sixth power")
	w.fault("error_after", 1)
	require.InDelta(t, 11.4, pause().Seconds(), 1.2, "an answer that is lost is no progress")
	w.send(http.MethodPut, "/sandbox/faults", map[string]any{}, nil)
	require.NoError(t, w.store.DropImage(t.Context(), r.Submission.Images[1].Key))
	require.InDelta(t, 1, pause().Seconds(), 0.1, "the first image is through, the second is lost")
	attempt, _, err := w.store.Marker(t.Context(), image, "attempt")
	require.NoError(t, err)
	require.Equal(t, "1", attempt)
}

func TestLostImageIsSaidAtOnce(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up")
	_, err := run[kyc.Snapshot](w, w.do.SubmitDocuments, activities.SubmitRequest{
		ReadRequest: activities.ReadRequest{Reference: "A1", CustomerID: customer, ApplicationID: "iapp_1"},
		Submission: kyc.Submission{ID: "s", Entity: customer, Type: "passport",
			Images: []kyc.Image{{Key: "0123456789abcdef/0123456789abcdef", Side: kyc.Front, Extension: "png"}}}})
	require.Error(t, err)
	require.True(t, applicationError(t, err).NonRetryable(), "%v", err)
}

// An attempt of the run before a reset may be at its post still: the new run
// posts only once that can be seen, and looks meanwhile as always.
func TestIdentifyOfAResetCaseWaitsBeforeItPosts(t *testing.T) {
	w := newWorld(t)
	before := activities.IdentifyRequest{Reference: "A1", CustomerID: w.customer("review"), Settle: 40 * time.Second}
	again := before
	again.Unsettled = 70 * time.Second
	_, err := run[kyc.Snapshot](w, w.do.Identify, again)
	waiting := applicationError(t, err)
	require.Equal(t, activities.TypeUnsettled, waiting.Type())
	require.Equal(t, temporal.ApplicationErrorCategoryBenign, waiting.Category())
	require.InDelta(t, 70, waiting.NextRetryDelay().Seconds(), 5)
	first, err := run[kyc.Snapshot](w, w.do.Identify, before) // the attempt of the run before comes through
	require.NoError(t, err)
	found, err := run[kyc.Snapshot](w, w.do.Identify, again)
	require.NoError(t, err)
	requireSameNews(t, first, found)
	require.Equal(t, 1, w.ledger().Applications)
}
