package activities_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/activities"
	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

// What ConnectFi gets of an image: whose workflow it is for, its kind and its bytes under the right media type.
func TestAnImageIsAnnouncedAndUploadedAsWhatItIs(t *testing.T) {
	for name, test := range map[string]struct {
		customer, entity, extension  string
		workflow, contentType, named string
	}{
		"an individual":                        {"cstap_1", "cstap_1", "png", "PERSONAL", "image/png", "front.png"},
		"a photo":                              {"cstap_1", "cstap_1", "jpg", "PERSONAL", "image/jpeg", "front.jpg"},
		"a business' own":                      {"cstab_1", "cstab_1", "png", "BUSINESS", "image/png", "front.png"},
		"a representative of a business":       {"cstab_1", "cstap_2", "jpg", "PERSONAL", "image/jpeg", "front.jpg"},
		"another business within the business": {"cstab_1", "cstab_2", "png", "PERSONAL", "image/png", "front.png"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.between()
			picture := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
			key, err := w.store.Put(t.Context(), "A1", bytes.NewReader(picture), "image/png")
			require.NoError(t, err)
			_, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, activities.SubmitRequest{
				ReadRequest: activities.ReadRequest{Reference: "A1", CustomerID: test.customer, ApplicationID: "iapp_1"},
				Submission: kyc.Submission{ID: "s1", Entity: test.entity, Type: "passport",
					Images: []kyc.Image{{Key: key, Side: kyc.Front, Extension: test.extension}}}})
			require.Equal(t, "applicationNotFound", applicationError(t, err).Type(), "there is none to link them to")

			require.Equal(t, "/akepa/document/generate", b.sent[0].path)
			var announced connectfi.GenerateRequest
			require.NoError(t, json.Unmarshal(b.sent[0].body, &announced))
			require.Equal(t, connectfi.GenerateRequest{Workflow: test.workflow, Name: "passport front",
				Extension: test.extension, Type: "passport"}, announced)
			_, parameters, err := mime.ParseMediaType(b.sent[1].contentType)
			require.NoError(t, err)
			part, err := multipart.NewReader(bytes.NewReader(b.sent[1].body), parameters["boundary"]).NextPart()
			require.NoError(t, err)
			require.Equal(t, test.contentType, part.Header.Get("Content-Type"))
			require.Equal(t, test.named, part.FileName())
			sent, err := io.ReadAll(part)
			require.NoError(t, err)
			require.Equal(t, picture, sent)
		})
	}
}

// A first attempt has nothing to look for: it links without reading the status. A later one that may be the second to
// link reads it.
func TestOnlyALaterAttemptReadsBeforeItLinks(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up_review")
	seen, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	links := w.links(customer, seen.ApplicationID, kyc.Front)
	b := w.between()
	_, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, links)
	require.NoError(t, err)
	require.Equal(t, []string{"/akepa/update"}, b.paths(), "documents that are at ConnectFi")

	r := w.submission(customer, seen.ApplicationID)
	_, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	paths := b.paths()
	for i, p := range paths {
		paths[i] = filepath.Dir(p) // an upload's ends with the document's id
	}
	require.Equal(t, []string{"/akepa/document", "/akepa/document/upload", "/akepa/document", "/akepa/document/upload",
		"/akepa"}, paths)
	_, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	require.Equal(t, []string{"/akepa/status"}, b.paths(), "they are linked")
}

// Of a business, only the entity that the documents are of says whether they arrived: another may still want its own.
func TestALinkIsKnownByItsOwnEntity(t *testing.T) {
	w := newWorld(t)
	var made struct {
		CustomerIDs []string `json:"customerIds"`
	}
	w.send(http.MethodPost, "/sandbox/customers", map[string]any{"type": "business", "scenario": "step_up_review",
		"representatives": 3}, &made)
	customer := made.CustomerIDs[0]
	seen, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	i := slices.IndexFunc(seen.Entities, func(e kyc.EntitySnapshot) bool { return e.Status.WantsDocuments() })
	r := w.submission(seen.Entities[i].ID, seen.ApplicationID)
	r.CustomerID = customer
	_, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	require.Equal(t, 2, w.ledger().Attachments)
	b := w.between()
	_, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	require.Equal(t, []string{"/akepa/status"}, b.paths(), "not linked once more because a colleague's are wanted")
	require.Equal(t, 2, w.ledger().Attachments)
}

// An operator reads of images that could not be dropped, and of nothing where all went well.
func TestAnImageThatStaysIsLogged(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("step_up")
	seen, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	r := w.submission(customer, seen.ApplicationID)
	_, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	require.NotContains(t, w.said.String(), "left to the sweep")
	for _, image := range r.Submission.Images { // a directory with something in it cannot be removed
		require.NoError(t, os.MkdirAll(filepath.Join(w.dir, filepath.FromSlash(image.Key), "something"), 0o700))
	}
	_, err = run[kyc.Snapshot](w, w.do.SubmitDocuments, r)
	require.NoError(t, err)
	require.Contains(t, w.said.String(), "left to the sweep")
}
