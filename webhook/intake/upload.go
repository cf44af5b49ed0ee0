package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/cases"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/page"
)

// postCase takes in a form: every image through the gate, those that pass into the
// store, and once all is there, one submission to the case.
func (s *Server) postCase(c *gin.Context) {
	a, ok := s.applicant(c)
	if !ok {
		return
	}
	if s.limited(c, s.uploads, a.Ticket) {
		return
	}
	leave, ok := s.formsPerLink.enter(a.Subject + "/" + a.Part)
	if !ok {
		s.renderTooManyRequests(c, s.config.UploadEvery)
		return
	}
	defer leave()
	select {
	case s.formSlots <- struct{}{}:
		defer func() { <-s.formSlots }()
	default:
		s.renderUnavailable(c, errBusy)
		return
	}
	f, err := s.read(c, a)
	switch {
	case errors.Is(err, errTooLarge):
		s.message(c, http.StatusRequestEntityTooLarge, page.Message{Code: "too_large", Limits: s.pageLimits(), Back: s.back(c)})
		return
	case errors.Is(err, errCut): // by the client, or by the end of our grace: nobody reads this, the log has it
		s.message(c, http.StatusRequestTimeout, page.Message{Code: "unavailable", Back: s.back(c)})
		return
	case errors.Is(err, errSlow):
		s.message(c, http.StatusRequestTimeout, page.Message{Code: "form_stale", Back: s.back(c)})
		return
	case err != nil:
		s.message(c, http.StatusForbidden, page.Message{Code: "form_stale", Back: s.back(c)})
		return
	}
	v, ok := s.loadCase(c, a.Ticket)
	if !ok {
		return
	}
	s.loadDraft(a, f)
	if f.agrees {
		f.consent = s.consent(s.language(c))
	}
	if !s.checkRequested(a, v, f) {
		s.renderCase(c, a, http.StatusConflict, f)
		return
	}
	stored, err := s.checkImages(c.Request.Context(), a, f)
	s.settle(c.Request.Context(), stored, err)
	switch {
	case errors.Is(err, docstore.ErrFull): // what nobody claims is swept after two days
		s.config.Logger.Warn("a case takes no more images for now", "reference", a.Subject)
		s.renderTooManyRequests(c, time.Hour)
		return
	case err != nil:
		s.renderUnavailable(c, err)
		return
	}
	if !f.complete() {
		s.renderCase(c, a, http.StatusUnprocessableEntity, f)
		return
	}
	s.submit(c, a, v, f)
}

// checkRequested checks what can be known before any image is looked at.
func (s *Server) checkRequested(a applicant, v kyc.View, f *form) bool {
	i := slices.IndexFunc(v.Entities, func(e kyc.EntityView) bool { return e.ID == f.entity && a.canActFor(e.ID) })
	switch {
	case i < 0 || state(v, v.Entities[i]) != "wanted" && state(v, v.Entities[i]) != "still_wanted":
		f.problem = "not_wanted"
		if i >= 0 && v.Entities[i].Sending {
			f.problem = "already_sending"
		}
		return false
	}
	kind := "you"
	if v.Entities[i].IsCustomer && v.CustomerType == kyc.Business {
		kind = "business"
	}
	switch {
	case !slices.Contains(types(kind), f.document):
		f.problem = "type_unknown"
	case f.consent == nil:
		f.problem = "consent_missing"
	}
	return true
}

// stored is what judging a form changed in the store: the keys that it added,
// and those of earlier images that these replace.
type stored struct{ added, replaced []string }

// checkImages puts every image through the gate and those that pass into the store.
// An error is ours; what is wrong with an image is in the form. Where the
// applicant has not agreed, nothing is kept.
func (s *Server) checkImages(ctx context.Context, a applicant, f *form) (st stored, err error) {
	for _, side := range f.document.Sides() {
		file, chosen := f.files[side]
		if !chosen {
			if _, there := f.kept[side]; !there {
				f.refused[side] = "missing"
			}
			continue
		}
		picture, err := s.checkImage(ctx, file)
		var refused *imagecheck.RefusedError
		switch {
		case errors.As(err, &refused):
			f.refused[side] = refused.Code
			continue
		case err != nil:
			return st, err
		}
		if s.isDuplicate(f, side, picture) {
			f.refused[side] = "same_twice"
			continue
		}
		if f.problem != "" {
			continue
		}
		if err := s.storeImage(ctx, a, f, side, picture, &st); err != nil {
			return st, err
		}
	}
	return st, nil
}

// settle removes what nobody knows of: after an error the images that were added,
// for the form that names them is never shown; else those that were replaced.
func (s *Server) settle(ctx context.Context, st stored, failed error) {
	keys := st.replaced
	if failed != nil {
		keys = st.added
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.AnswerTimeout)
	defer cancel()
	s.drop(ctx, keys...)
}

// checkImage is the gate. A picture takes up to 250 MB while it is decoded, so few
// are at once.
func (s *Server) checkImage(ctx context.Context, file []byte) (imagecheck.Picture, error) {
	select {
	case s.imageSlots <- struct{}{}:
		defer func() { <-s.imageSlots }()
	case <-ctx.Done():
		return imagecheck.Picture{}, ctx.Err()
	}
	return imagecheck.Check(bytes.NewReader(file), s.config.Limits)
}

// isDuplicate reports whether the picture is the one that is there for another side.
func (s *Server) isDuplicate(f *form, side kyc.Side, picture imagecheck.Picture) bool {
	for other, k := range f.kept {
		_, replaced := f.files[other]
		if other != side && !(replaced && other == kyc.Back) && k.Print.Similar(picture.Print) {
			return true
		}
	}
	return false
}

// storeImage stores a picture in the place of the one that was there for its side.
func (s *Server) storeImage(ctx context.Context, a applicant, f *form, side kyc.Side, picture imagecheck.Picture, st *stored) error {
	key, err := s.config.Documents.Put(ctx, a.Subject, bytes.NewReader(picture.Bytes), "")
	if err != nil {
		return err
	}
	st.added = append(st.added, key)
	if old, there := f.kept[side]; there {
		st.replaced = append(st.replaced, old.Key)
	}
	f.kept[side] = storedImage{Key: key, Extension: picture.Extension, Sum: sha256.Sum256(picture.Bytes), Print: picture.Print,
		Warnings: picture.Warnings, Type: f.document}
	return nil
}

// submit gives the case the submission: the same form again is the same one.
func (s *Server) submit(c *gin.Context, a applicant, v kyc.View, f *form) {
	submission := kyc.Submission{Entity: f.entity, Type: f.document, Consent: f.consent}
	sums := map[kyc.Side][sha256.Size]byte{}
	for _, side := range f.document.Sides() {
		k := f.kept[side]
		sums[side] = k.Sum
		submission.Images = append(submission.Images, kyc.Image{Key: k.Key, Side: side, Extension: k.Extension})
	}
	submission.ID = v.SubmissionID(f.entity, f.document, sums)

	// Whoever hangs up now has sent it all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), s.config.AnswerTimeout)
	defer cancel()
	err := s.config.Cases.SubmitAsync(ctx, a.Subject, submission)
	var refused *cases.RefusedError
	switch {
	case errors.As(err, &refused):
		s.dropImages(ctx, submission)
		f.kept, f.problem = nil, "not_wanted"
		s.renderCase(c, a, http.StatusConflict, f)
	case err != nil:
		s.renderUnavailable(c, err) // it may have been accepted; the same again is no second one
	default:
		c.Redirect(http.StatusSeeOther, s.caseOf(a))
	}
}

// consent records what somebody agrees to now, in the language it is shown in.
func (s *Server) consent(lang string) *kyc.Consent {
	text := sha256.Sum256([]byte(s.pages.ConsentText(lang)))
	return &kyc.Consent{Text: hex.EncodeToString(text[:]), Language: lang, At: time.Now().UTC()}
}

// dropImages removes what the case did not want.
func (s *Server) dropImages(ctx context.Context, submission kyc.Submission) {
	for _, image := range submission.Images {
		s.drop(ctx, image.Key)
	}
}

// drop removes images. What stays, the worker sweeps.
func (s *Server) drop(ctx context.Context, keys ...string) {
	for _, key := range keys {
		if err := s.config.Documents.DropImage(ctx, key); err != nil {
			s.config.Logger.Warn("an image that nobody needs stays until it is swept", "cause", err)
		}
	}
}
