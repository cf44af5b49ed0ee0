package activities_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/activities"
	"durablekyc.example/connectfi"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/kyc"
)

// submission puts both sides of a license into the store.
func (w *world) submission(customer, application string) activities.SubmitRequest {
	s := kyc.Submission{ID: "s1", Entity: customer, Type: "license"}
	for _, side := range []kyc.Side{kyc.Front, kyc.Back} {
		key, err := w.store.Put(w.t.Context(), "A1", bytes.NewReader(append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
			side...)), "image/png")
		require.NoError(w.t, err)
		s.Images = append(s.Images, kyc.Image{Key: key, Side: side, Extension: "png"})
	}
	return activities.SubmitRequest{ReadRequest: activities.ReadRequest{Reference: "A1", CustomerID: customer,
		ApplicationID: application},
		Submission: s, Settle: time.Second}
}

// images counts those of all owners in the store.
func (w *world) images() (n int) {
	for owner, err := range w.store.Owners(w.t.Context()) {
		require.NoError(w.t, err)
		n += owner.Images
	}
	return n
}

// The worker may die between the last deed and its report: the next attempt
// finds the images gone and must not need them.
func TestASubmissionIsThroughOnceItsImagesAreGone(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up_review")
	seen, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	r := w.submission(customer, seen.ApplicationID)
	require.Equal(t, 2, w.images())
	first, err := run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	require.Zero(t, w.images(), "no longer here than needed")
	again, err := run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	requireSameNews(t, first, again)
	require.Equal(t, 2, w.ledger().Attachments)
	require.Equal(t, 2, w.ledger().Documents)
}

// unwritable makes a folder one that can be read and not written, until the
// function that it returns is called. Root is not bound by permissions, so for
// root the folder is made immutable.
func unwritable(t *testing.T, folder string) (again func()) {
	t.Helper()
	forbid, allow := []string{"chmod", "500"}, []string{"chmod", "700"}
	if os.Geteuid() == 0 {
		forbid, allow = []string{"chattr", "+i"}, []string{"chattr", "-i"}
	}
	change := func(command []string) {
		out, err := exec.Command(command[0], append(command[1:], folder)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	change(forbid)
	once := sync.OnceFunc(func() { change(allow) })
	t.Cleanup(once)
	return once
}

// A bucket that can be read and not written, full or without permission: nothing
// is asked of ConnectFi that could not be noted, attempts wait longer each
// time, and once there is room the submission goes through with one document
// for each image.
func TestAStoreThatTakesNothingAsksNothing(t *testing.T) {
	for name, refused := range map[string]string{"from the start": "",
		"once a document was generated": "/akepa/document/generate"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			customer := w.customer("step_up")
			seen, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
			require.NoError(t, err)
			r := w.submission(customer, seen.ApplicationID)
			folder := filepath.Dir(filepath.Join(w.dir, filepath.FromSlash(r.Submission.Images[0].Key)))
			room := func() {}
			target, err := url.Parse(w.url)
			require.NoError(t, err)
			through := httputil.NewSingleHostReverseProxy(target)
			fills := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
				if r.URL.Path == refused {
					room = unwritable(t, folder)
				}
				through.ServeHTTP(answer, r)
			}))
			t.Cleanup(fills.Close)
			client, err := connectfi.New(connectfi.Config{BaseURL: fills.URL, Login: "l", Password: "p"})
			require.NoError(t, err)
			do := activities.New(activities.Config{ConnectFi: client, Documents: w.store})
			if refused == "" {
				room = unwritable(t, folder)
			}
			metrics, err := telemetry.New("test")
			require.NoError(t, err)
			var suite testsuite.WorkflowTestSuite
			suite.SetMetricsHandler(metrics.Temporal())
			env := suite.NewTestWorkflowEnvironment()
			env.RegisterActivity(do)
			env.ExecuteWorkflow(func(ctx workflow.Context) (took time.Duration, err error) {
				began := workflow.Now(ctx)
				ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute,
					RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 8}})
				err = workflow.ExecuteActivity(ctx, do.SubmitDocuments, r).Get(ctx, nil)
				refused, isRefused := errors.AsType[*temporal.ApplicationError](err)
				if !isRefused || refused.Type() != activities.TypeStore {
					return 0, fmt.Errorf("the store was to refuse: %w", err)
				}
				return workflow.Now(ctx).Sub(began), nil
			})
			require.NoError(t, env.GetWorkflowError())
			var took time.Duration
			require.NoError(t, env.GetWorkflowResult(&took))
			require.Greater(t, took, 25*time.Second, "1, 1.5, 2.3 … s between eight attempts, each a tenth shorter at the most")
			require.LessOrEqual(t, w.ledger().Documents, map[bool]int{true: 0, false: 1}[refused == ""])
			scraped := httptest.NewRecorder()
			metrics.Handler().ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			require.Contains(t, scraped.Body.String(), "\n"+activities.CountStoreFailures+" 8\n", "one for each attempt")

			room()
			_, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
			require.NoError(t, err)
			require.LessOrEqual(t, w.ledger().Documents, 3, "of which one could not be noted")
			require.Equal(t, 2, w.ledger().Attachments)
		})
	}
}

// Linked and dropped, and then ConnectFi still wants documents: the link is
// made again without the bytes.
func TestALinkIsMadeAgainWithoutTheImages(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up")
	seen, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	r := w.submission(customer, seen.ApplicationID)
	_, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	w.send("POST", "/sandbox/applications/"+seen.ApplicationID+"/status", map[string]string{"status": string(seen.Status)},
		nil)
	_, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	require.Equal(t, 4, w.ledger().Attachments, "each side once more")
}

// What cannot be dropped is left to the sweep.
func TestASubmissionIsThroughIfItsImagesStay(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up")
	seen, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	r := w.submission(customer, seen.ApplicationID)
	first, err := run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	for _, image := range r.Submission.Images { // a directory with something in it cannot be removed
		require.NoError(t, os.MkdirAll(filepath.Join(w.dir, filepath.FromSlash(image.Key), "something"), 0o700))
		require.Error(t, w.store.DropImage(t.Context(), image.Key))
	}
	again, err := run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	requireSameNews(t, first, again)
}

// links are documents that are at ConnectFi already.
func (w *world) links(customer, application string, sides ...kyc.Side) activities.SubmitRequest {
	s := kyc.Submission{ID: "s1", Entity: customer}
	for _, side := range sides {
		document, err := w.do.ConnectFi.GenerateDocument(w.t.Context(), connectfi.GenerateRequest{
			Workflow: "PERSONAL", Name: string(side), Extension: "png", Type: "license"})
		require.NoError(w.t, err)
		require.NoError(w.t, w.do.ConnectFi.UploadDocument(w.t.Context(), document.ID, "x.png", "image/png",
			bytes.NewReader([]byte("x"))))
		s.Images = append(s.Images, kyc.Image{Document: document.ID, Side: side})
	}
	return activities.SubmitRequest{ReadRequest: activities.ReadRequest{Reference: "A1", CustomerID: customer,
		ApplicationID: application},
		Submission: s, Settle: time.Second}
}

// What is at ConnectFi is linked and nothing else, one side alone included.
func TestDocumentsAtConnectFiAreOnlyLinked(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up")
	seen, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	now, err := run[kyc.Snapshot](w, w.do.SubmitDocuments, w.links(customer, seen.ApplicationID, kyc.Front))
	require.NoError(t, err)
	require.Equal(t, kyc.Status("pending_step_up"), now.Status)
	now, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, w.links(customer, seen.ApplicationID, kyc.Back))
	require.NoError(t, err)
	require.Equal(t, kyc.Status("completed"), now.Status)
	require.Equal(t, counts{"A1", 1, 2, 2}, w.ledger())
}

// The answer is lost, and the next attempt looks before it links again.
func TestALaterAttemptLooksBeforeItLinks(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up")
	seen, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	target, err := url.Parse(w.url)
	require.NoError(t, err)
	updates, through := 0, httputil.NewSingleHostReverseProxy(target)
	loses := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/akepa/update" {
			if updates++; updates == 1 {
				through.ServeHTTP(httptest.NewRecorder(), r)
				answer.WriteHeader(http.StatusBadGateway)
				return
			}
		}
		through.ServeHTTP(answer, r)
	}))
	t.Cleanup(loses.Close)
	client, err := connectfi.New(connectfi.Config{BaseURL: loses.URL, Login: "l", Password: "p"})
	require.NoError(t, err)
	do := activities.New(activities.Config{ConnectFi: client, Documents: w.store})
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterActivity(do)
	env.ExecuteWorkflow(func(ctx workflow.Context, r activities.SubmitRequest) (now kyc.Snapshot, err error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		err = workflow.ExecuteActivity(ctx, do.SubmitDocuments, r).Get(ctx, &now)
		return now, err
	}, w.links(customer, seen.ApplicationID, kyc.Front, kyc.Back))
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, 1, updates)
	require.Equal(t, counts{"A1", 1, 2, 2}, w.ledger(), "not once more")
}
