package activities

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"go.temporal.io/sdk/activity"

	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

// SubmitRequest hands one submission over to ConnectFi.
type SubmitRequest struct {
	ReadRequest
	Submission kyc.Submission `json:"submission"`
	Settle     time.Duration  `json:"settle"`
}

// The receipts that lie beside an image in the store while it is on its way.
const (
	receiptDocument = "document" // the id ConnectFi gave it
	receiptUploaded = "uploaded" // its bytes are there
	receiptLinking  = "linking"  // it may be linked to the entity already
	receiptAttempt  = "attempt"  // the last attempt that got somewhere
	receiptAsking   = "asking"   // that the store takes a receipt: see ask
)

// SubmitDocuments generates, uploads and links the images of one submission,
// all sides in one update (C), and answers with what ConnectFi then says of
// the application. Every step leaves a receipt in the store, so that another
// attempt goes on where this one stopped; and where the link may have been
// made without our learning of it, the status is read before it is made again.
// Once ConnectFi has the images, the store drops them; the receipts stay, and
// with them nothing below needs the images any more.
//
// Images that are at ConnectFi already are only linked. No object of ours is
// stored for them, so the attempt is their receipt: see linked.
func (a *Activities) SubmitDocuments(ctx context.Context, r SubmitRequest) (kyc.Snapshot, error) {
	h := submissionRun{Activities: a, SubmitRequest: r}
	answer, settle, err := h.run(ctx)
	if err != nil {
		countStoreFailure(ctx, err)
		return kyc.Snapshot{}, after(h.attemptsSinceProgress(ctx), err, settle)
	}
	a.drop(ctx, r.Submission)
	return answer, nil
}

// submissionRun is one attempt to hand a submission over.
type submissionRun struct {
	*Activities
	SubmitRequest
	madeProgress bool
}

// run says beside an error how long what it may have done needs to settle.
func (h *submissionRun) run(ctx context.Context) (answer kyc.Snapshot, settle time.Duration, err error) {
	var links []connectfi.DocumentLink
	for _, image := range h.Submission.Images {
		id, err := h.deliver(ctx, image)
		if err != nil {
			return kyc.Snapshot{}, 0, err
		}
		links = append(links, connectfi.DocumentLink{DocumentID: id, Side: string(image.Side)})
	}
	done, answer, err := h.linked(ctx)
	if err != nil || done {
		return answer, 0, err
	}
	application, err := h.ConnectFi.Update(ctx, connectfi.UpdateRequest{
		ApplicationID: h.ApplicationID, CustomerID: h.CustomerID, EntityID: h.Submission.Entity, Documents: links})
	if err != nil {
		return kyc.Snapshot{}, h.Settle, err
	}
	answer, err = reading(application, h.ReadRequest)
	return answer, h.Settle, err
}

// deliver brings one image to ConnectFi, as far as that was not done before.
func (h *submissionRun) deliver(ctx context.Context, image kyc.Image) (string, error) {
	if image.Document != "" {
		return image.Document, nil
	}
	id, known, err := h.Documents.Marker(ctx, image.Key, receiptDocument)
	if err != nil {
		return "", err
	}
	if !known {
		if err := h.ask(ctx, image.Key); err != nil {
			return "", err
		}
		document, err := h.ConnectFi.GenerateDocument(ctx, generateRequest(h.SubmitRequest, image))
		if err != nil {
			return "", err
		}
		id = document.ID
		if err := h.note(ctx, image.Key, receiptDocument, id); err != nil {
			return "", err
		}
	}
	if _, uploaded, err := h.Documents.Marker(ctx, image.Key, receiptUploaded); err != nil || uploaded {
		return id, err
	}
	file, err := h.Documents.Read(ctx, h.Reference, image.Key)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if err := h.ask(ctx, image.Key); err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s.%s", image.Side, image.Extension)
	if err := h.ConnectFi.UploadDocument(ctx, id, name, contentType(image.Extension), file); err != nil {
		return "", err
	}
	return id, h.note(ctx, image.Key, receiptUploaded, "1")
}

// linked reports whether an earlier attempt linked the images: it may have, if
// it got that far, and it has, if the entity no longer wants any.
func (h *submissionRun) linked(ctx context.Context) (bool, kyc.Snapshot, error) {
	tried, err := h.tried(ctx)
	if err != nil || !tried {
		return false, kyc.Snapshot{}, err
	}
	now, err := h.read(ctx, h.ReadRequest)
	if err != nil {
		return false, kyc.Snapshot{}, err
	}
	for _, e := range now.Entities {
		if e.ID == h.Submission.Entity && e.Status.WantsDocuments() {
			return false, now, nil
		}
	}
	return true, now, nil
}

// tried reports whether an earlier attempt may have linked the images, and
// leaves a receipt that this one may have. For images that are at ConnectFi
// there is nowhere to leave one: linking is their first and only step, so every
// attempt after the first may have been preceded by it. Should the entity want
// documents still, as after one side alone, they are linked once more; ConnectFi
// names no way to tell.
func (h *submissionRun) tried(ctx context.Context) (bool, error) {
	if h.Submission.AlreadyUploaded() {
		return activity.GetInfo(ctx).Attempt > 1, nil
	}
	key := h.Submission.Images[0].Key
	_, tried, err := h.Documents.Marker(ctx, key, receiptLinking)
	if err != nil || tried {
		return tried, err
	}
	return false, h.note(ctx, key, receiptLinking, "1")
}

// ask comes before every call to ConnectFi whose answer must be noted: a store
// that is full or may not be written to fails here, and nothing is asked for
// that the next attempt would ask for again. It is no progress.
func (h *submissionRun) ask(ctx context.Context, key string) error {
	return h.Documents.PutMarker(ctx, key, receiptAsking, "1")
}

// note counts as progress only once it is written.
func (h *submissionRun) note(ctx context.Context, key, receipt, value string) error {
	if err := h.Documents.PutMarker(ctx, key, receipt, value); err != nil {
		return err
	}
	h.madeProgress = true
	return nil
}

// attemptsSinceProgress is which attempt this is since one got somewhere, and so how
// patient the next one must be: somebody may be looking on, and a ConnectFi
// that took one image will take the next. Where no receipt can be read, every
// attempt counts.
func (h *submissionRun) attemptsSinceProgress(ctx context.Context) int32 {
	attempt, key := activity.GetInfo(ctx).Attempt, h.Submission.Images[0].Key
	if h.madeProgress {
		_ = h.Documents.PutMarker(ctx, key, receiptAttempt, strconv.Itoa(int(attempt)))
		return 1
	}
	value, _, _ := h.Documents.Marker(ctx, key, receiptAttempt)
	last, _ := strconv.Atoi(value)
	return attempt - int32(last)
}

// drop removes the images that have arrived. The submission is through whether
// or not this succeeds: what stays, the worker's sweep removes.
func (a *Activities) drop(ctx context.Context, s kyc.Submission) {
	if s.AlreadyUploaded() {
		return
	}
	for _, image := range s.Images {
		if err := a.Documents.DropImage(ctx, image.Key); err != nil {
			activity.GetLogger(ctx).Warn("could not delete an image that ConnectFi has; left to the sweep", "error",
				err)
		}
	}
}
