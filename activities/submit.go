package activities

import (
	"context"
	"fmt"
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
)

// SubmitDocuments generates, uploads and links the images of one submission,
// all sides in one update (C), and answers with what ConnectFi then says of
// the application. Every step leaves a receipt in the store, so that another
// attempt goes on where this one stopped; and where the link may have been
// made without our learning of it, the status is read before it is made again.
// Once ConnectFi has the images, the store drops them; the receipts stay, and
// with them nothing below needs the images any more.
func (a *Activities) SubmitDocuments(ctx context.Context, r SubmitRequest) (kyc.Reading, error) {
	var links []connectfi.DocumentLink
	receipts := 0
	for _, image := range r.Submission.Images {
		id, err := a.deliver(ctx, r, image, &receipts)
		if err != nil {
			return kyc.Reading{}, goOn(ctx, err, receipts)
		}
		links = append(links, connectfi.DocumentLink{DocumentID: id, Side: string(image.Side)})
	}
	done, answer, err := a.linked(ctx, r)
	if err != nil {
		return kyc.Reading{}, goOn(ctx, err, receipts)
	}
	if done {
		a.drop(ctx, r.Submission)
		return answer, nil
	}
	application, err := a.ConnectFi.Update(ctx, connectfi.UpdateRequest{
		ApplicationID: r.ApplicationID, CustomerID: r.CustomerID, EntityID: r.Submission.Entity, Documents: links})
	if err != nil {
		return kyc.Reading{}, forTemporal(ctx, err, r.Settle)
	}
	a.drop(ctx, r.Submission)
	answer, err = reading(application, r.ReadRequest)
	return answer, forTemporal(ctx, err, r.Settle)
}

// deliver brings one image to ConnectFi, as far as that was not done before.
// receipts counts what this attempt has done.
func (a *Activities) deliver(ctx context.Context, r SubmitRequest, image kyc.Image, receipts *int) (string, error) {
	note := func(name, value string) error {
		*receipts++
		return a.Documents.Note(ctx, image.Key, name, value)
	}
	id, known, err := a.Documents.Noted(ctx, image.Key, receiptDocument)
	if err != nil {
		return "", err
	}
	if !known {
		document, err := a.ConnectFi.GenerateDocument(ctx, generateRequest(r, image))
		if err != nil {
			return "", err
		}
		id = document.ID
		if err := note(receiptDocument, id); err != nil {
			return "", err
		}
	}
	if _, uploaded, err := a.Documents.Noted(ctx, image.Key, receiptUploaded); err != nil || uploaded {
		return id, err
	}
	file, err := a.Documents.Read(ctx, r.Reference, image.Key)
	if err != nil {
		return "", err
	}
	defer file.Close()
	name := fmt.Sprintf("%s.%s", image.Side, image.Extension)
	if err := a.ConnectFi.UploadDocument(ctx, id, name, contentType(image.Extension), file); err != nil {
		return "", err
	}
	return id, note(receiptUploaded, "1")
}

// linked reports whether an earlier attempt linked the images: it may have, if
// it got that far, and it has, if the entity no longer wants any.
func (a *Activities) linked(ctx context.Context, r SubmitRequest) (bool, kyc.Reading, error) {
	key := r.Submission.Images[0].Key
	_, tried, err := a.Documents.Noted(ctx, key, receiptLinking)
	if err != nil {
		return false, kyc.Reading{}, err
	}
	if !tried {
		return false, kyc.Reading{}, a.Documents.Note(ctx, key, receiptLinking, "1")
	}
	now, err := a.read(ctx, r.ReadRequest)
	if err != nil {
		return false, kyc.Reading{}, err
	}
	for _, e := range now.Entities {
		if e.ID == r.Submission.Entity && e.Status.WantsDocuments() {
			return false, now, nil
		}
	}
	return true, now, nil
}

// drop removes the images that have arrived. The submission is through whether
// or not this succeeds: what stays, the worker's sweep removes.
func (a *Activities) drop(ctx context.Context, s kyc.Submission) {
	for _, image := range s.Images {
		if err := a.Documents.DropImage(ctx, image.Key); err != nil {
			activity.GetLogger(ctx).Warn("an image that ConnectFi has stays in the document store until it is swept", "error", err)
		}
	}
}
