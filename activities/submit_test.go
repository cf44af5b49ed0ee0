package activities_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/activities"
	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

// submission puts both sides of a licence into the store.
func (w *world) submission(customer, application string) activities.SubmitRequest {
	s := kyc.Submission{ID: "s1", Entity: customer, Type: "license"}
	for _, side := range []kyc.Side{kyc.Front, kyc.Back} {
		key, err := w.store.Put(w.t.Context(), "A1", bytes.NewReader(append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), side...)), "image/png")
		require.NoError(w.t, err)
		s.Images = append(s.Images, kyc.Image{Key: key, Side: side, Extension: "png"})
	}
	return activities.SubmitRequest{ReadRequest: activities.ReadRequest{Reference: "A1", CustomerID: customer, ApplicationID: application},
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
	seen, err := run[kyc.Reading](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	r := w.submission(customer, seen.ApplicationID)
	require.Equal(t, 2, w.images())
	first, err := run[kyc.Reading](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	require.Zero(t, w.images(), "no longer here than needed")
	again, err := run[kyc.Reading](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, 2, w.ledger().Attachments)
	require.Equal(t, 2, w.ledger().Documents)
}

// Linked and dropped, and then ConnectFi still wants documents: the link is
// made again without the bytes.
func TestALinkIsMadeAgainWithoutTheImages(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up")
	seen, err := run[kyc.Reading](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	r := w.submission(customer, seen.ApplicationID)
	_, err = run[kyc.Reading](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	w.send("POST", "/sandbox/applications/"+seen.ApplicationID+"/status", map[string]string{"status": string(seen.Status)}, nil)
	_, err = run[kyc.Reading](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	require.Equal(t, 4, w.ledger().Attachments, "each side once more")
}

// What cannot be dropped is left to the sweep.
func TestASubmissionIsThroughIfItsImagesStay(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up")
	seen, err := run[kyc.Reading](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	r := w.submission(customer, seen.ApplicationID)
	first, err := run[kyc.Reading](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	for _, image := range r.Submission.Images { // a directory with something in it cannot be removed
		require.NoError(t, os.MkdirAll(filepath.Join(w.dir, filepath.FromSlash(image.Key), "something"), 0o700))
		require.Error(t, w.store.DropImage(t.Context(), image.Key))
	}
	again, err := run[kyc.Reading](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	require.Equal(t, first, again)
}

// links are documents that are at ConnectFi already.
func (w *world) links(customer, application string, sides ...kyc.Side) activities.SubmitRequest {
	s := kyc.Submission{ID: "s1", Entity: customer}
	for _, side := range sides {
		document, err := w.do.ConnectFi.GenerateDocument(w.t.Context(), connectfi.GenerateRequest{
			Workflow: "PERSONAL", Name: string(side), Extension: "png", Type: "license"})
		require.NoError(w.t, err)
		require.NoError(w.t, w.do.ConnectFi.UploadDocument(w.t.Context(), document.ID, "x.png", "image/png", bytes.NewReader([]byte("x"))))
		s.Images = append(s.Images, kyc.Image{Document: document.ID, Side: side})
	}
	return activities.SubmitRequest{ReadRequest: activities.ReadRequest{Reference: "A1", CustomerID: customer, ApplicationID: application},
		Submission: s, Settle: time.Second}
}

// What is at ConnectFi is linked and nothing else, one side alone included.
func TestDocumentsAtConnectFiAreOnlyLinked(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up")
	seen, err := run[kyc.Reading](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	now, err := run[kyc.Reading](w, w.do.SubmitDocuments, w.links(customer, seen.ApplicationID, kyc.Front))
	require.NoError(t, err)
	require.Equal(t, kyc.Status("pending_step_up"), now.Status)
	now, err = run[kyc.Reading](w, w.do.SubmitDocuments, w.links(customer, seen.ApplicationID, kyc.Back))
	require.NoError(t, err)
	require.Equal(t, kyc.Status("completed"), now.Status)
	require.Equal(t, counts{"A1", 1, 2, 2}, w.ledger())
}

// The answer is lost, and the next attempt looks before it links again.
func TestALaterAttemptLooksBeforeItLinks(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up")
	seen, err := run[kyc.Reading](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
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
	env.ExecuteWorkflow(func(ctx workflow.Context, r activities.SubmitRequest) (now kyc.Reading, err error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		err = workflow.ExecuteActivity(ctx, do.SubmitDocuments, r).Get(ctx, &now)
		return now, err
	}, w.links(customer, seen.ApplicationID, kyc.Front, kyc.Back))
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, 1, updates)
	require.Equal(t, counts{"A1", 1, 2, 2}, w.ledger(), "not once more")
}
