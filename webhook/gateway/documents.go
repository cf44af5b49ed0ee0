package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/workflows"
)

// generate is POST /akepa/document/generate (C), passed through: a document
// belongs to no case until it is linked. One announced twice is one too many,
// which costs nobody anything.
func (a *API) generate(c *gin.Context) (any, error) {
	asked, err := decode[connectfi.GenerateRequest](a, c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.withTimeout(c)
	defer cancel()
	document, err := a.config.ConnectFi.GenerateDocument(ctx, asked)
	if err != nil {
		return nil, fromConnectFi(err, ids{})
	}
	return document, nil
}

// upload is POST /akepa/document/upload/:documentId (C), through the gate that
// applicants' images pass: what leaves is the picture encoded again, in the kind
// it was announced as, so nothing but its pixels goes on; and what is no picture
// does not.
func (a *API) upload(c *gin.Context) (any, error) {
	select {
	case a.files <- struct{}{}:
		defer func() { <-a.files }()
	default:
		return nil, edge.ErrBusy
	}
	id := c.Param("documentId")
	file, err := a.file(c, id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), a.config.UploadTimeout)
	defer cancel()
	picture, err := a.checkImage(ctx, file)
	refused, isRefused := errors.AsType[*imagecheck.RefusedError](err)
	switch {
	case isRefused && refused.Code == imagecheck.CodeTooLarge:
		return nil, edge.ErrTooLarge
	case isRefused: // the code is one of imagecheck.Codes, for programs
		return nil, invalid([]connectfi.Problem{
			connectfi.NewProblem("/file", "contentMediaType", "refused", refused.Code, refused.Reason)})
	case err != nil:
		return nil, err
	}
	mime := map[string]string{"jpg": "image/jpeg", "png": "image/png"}[picture.Extension]
	name := "file." + picture.Extension
	if err := a.config.ConnectFi.UploadDocument(ctx, id, name, mime, bytes.NewReader(picture.Bytes)); err != nil {
		return nil, fromConnectFi(err, ids{document: id})
	}
	return connectfi.Document{ID: id}, nil // what a good upload answers was not seen: as the stand-in (A)
}

// checkImage is the gate. Few at once: see portal.Portal.
func (a *API) checkImage(ctx context.Context, file []byte) (imagecheck.Picture, error) {
	select {
	case a.looking <- struct{}{}:
		defer func() { <-a.looking }()
	case <-ctx.Done():
		return imagecheck.Picture{}, ctx.Err()
	}
	limits := a.config.Limits
	limits.KeepKind = true
	return imagecheck.Check(bytes.NewReader(file), limits)
}

// file reads the form's part of that name, and no other.
func (a *API) file(c *gin.Context, id string) ([]byte, error) {
	form, err := edge.OpenForm(c, a.config.Limits.MaxBytes, a.config.UploadTimeout, 2*a.config.UploadTimeout+time.Minute)
	if err != nil {
		return nil, fileError(err)
	}
	for range edge.MaxParts {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, noFile()
		case err != nil:
			return nil, fileError(form.Cause())
		case part.FormName() != "file":
			continue
		}
		file, err := io.ReadAll(io.LimitReader(part, a.config.Limits.MaxBytes+1))
		switch {
		case err != nil:
			return nil, fileError(form.Cause())
		case len(file) == 0:
			return nil, rejection(connectfi.CodeFileNotFound, ids{document: id})
		}
		return file, nil
	}
	return nil, noFile()
}

// fileError is err, or that there is no file where the body is no form.
func fileError(err error) error {
	if errors.Is(err, edge.ErrForm) {
		return noFile()
	}
	return err
}

// noFile is the answer to a body that is no form with a file (A).
func noFile() error {
	return invalid([]connectfi.Problem{
		connectfi.NewProblem("", "required", "missingProperty", "file", "must have required property 'file'")})
}

// update is POST /akepa/update (C): the case links the documents, however long
// that takes, and this answers with what ConnectFi then says. The same again is
// the same update.
func (a *API) update(c *gin.Context) (any, error) {
	asked, err := decode[connectfi.UpdateRequest](a, c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.withTimeout(c)
	defer cancel()
	s, err := a.find(ctx, asked.CustomerID, asked.ApplicationID)
	if err != nil {
		return nil, err
	}
	named := ids{customer: asked.CustomerID, application: asked.ApplicationID}
	if !s.ours { // begun before this house was: its calls pass through
		application, err := a.config.ConnectFi.Update(ctx, asked)
		if err != nil {
			return nil, fromConnectFi(err, named)
		}
		return application, nil
	}
	i := slices.IndexFunc(s.view.Entities, func(e kyc.EntityView) bool { return e.ID == asked.EntityID })
	switch {
	case s.view.Stage == kyc.Identifying:
		return nil, edge.ErrBusy // nobody is known of it yet
	case i < 0:
		return nil, customerNotFound(asked.EntityID) // an entity's id is a customer's (A)
	}
	_ = a.edge.Cases.Expedite(ctx, s.reference) // where that fails, the answer only comes later
	v, err := a.edge.Cases.Submit(ctx, s.reference, submissionOf(asked, s.view, actor(c)))
	refused, isRefused := errors.AsType[*cases.RefusedError](err)
	switch {
	case isRefused && refused.Type == workflows.RefusedInvalid:
		return nil, invalid([]connectfi.Problem{
			connectfi.NewProblem("/documents", "uniqueItems", "by", "documentId", "must NOT have duplicate items")})
	case isRefused && s.view.Stage.Final():
		return nil, alreadyDecided(ended(s.view))
	case isRefused: // nothing is wanted of it: it is under way, or done
		return nil, alreadyDecided(string(s.view.Entities[i].Status))
	case err != nil:
		return nil, err // it may have been taken; the same again is no second one
	case lastWasRejected(v, asked.EntityID):
		return nil, rejection(v.Refusal.Code, named)
	}
	return toResponse(v)
}

// ended is the status of an entity of a closed case: as ConnectFi has it where
// it decided (C), and by the stage where nobody did.
func ended(v kyc.View) string {
	if v.Outcome != "" {
		return string(connectfi.StatusCompleted)
	}
	return string(v.Stage)
}

// submissionOf makes the case's submission of an update. Its id is drawn from what it
// links to whom, so the same again is the same; and from the entity's turn, so
// that it can be tried again once ConnectFi has refused it and the cause is
// mended, as after a link that came before its upload.
func submissionOf(asked connectfi.UpdateRequest, v kyc.View, by kyc.Actor) kyc.Submission {
	s := kyc.Submission{Entity: asked.EntityID, Consent: kyc.ConsentElsewhere(), By: by}
	for _, d := range asked.Documents {
		s.Images = append(s.Images, kyc.Image{Document: d.DocumentID, Side: kyc.Side(d.Side)})
	}
	slices.SortFunc(s.Images, func(x, y kyc.Image) int { return strings.Compare(x.Document, y.Document) })
	identity := sha256.New()
	fmt.Fprintf(identity, "linked %s\n%d\n", s.Entity, v.RequestRound(s.Entity))
	for _, image := range s.Images {
		fmt.Fprintf(identity, "%s %s\n", image.Document, image.Side)
	}
	s.ID = hex.EncodeToString(identity.Sum(nil)[:16])
	return s
}

// lastWasRejected reports whether the last that became of an entity's documents is
// ConnectFi's no.
func lastWasRejected(v kyc.View, entity string) bool {
	for _, e := range slices.Backward(v.Timeline) {
		if e.Entity == entity && (e.What == kyc.EntryHandedOver || e.What == kyc.EntryRefused) {
			return e.What == kyc.EntryRefused && v.Refusal != nil && v.Refusal.Step == kyc.StepDocuments
		}
	}
	return false
}
