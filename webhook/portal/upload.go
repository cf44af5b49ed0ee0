package portal

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
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/page"
)

// postCase takes in a form: every image through the gate, those that pass into the
// store, and once all is there, one submission to the case.
func (p *Portal) postCase(c *gin.Context) {
	a, ok := p.applicant(c)
	if !ok {
		return
	}
	if p.limited(c, p.uploads, a.Ticket) {
		return
	}
	leave, ok := p.formsPerLink.enter(a.Subject + "/" + a.Part)
	if !ok {
		p.renderTooManyRequests(c, p.config.UploadRate.Every)
		return
	}
	defer leave()
	select {
	case p.formSlots <- struct{}{}:
		defer func() { <-p.formSlots }()
	default:
		p.renderUnavailable(c, edge.ErrBusy)
		return
	}
	f, err := p.read(c, a)
	switch {
	case errors.Is(err, edge.ErrTooLarge):
		p.message(c, http.StatusRequestEntityTooLarge, page.Message{
			Code: "too_large", Limits: p.pageLimits(), Back: p.back(c)})
		return
	case errors.Is(err, edge.ErrCut): // by the client, or by the end of our grace: nobody reads this, the log has it
		p.message(c, http.StatusRequestTimeout, page.Message{Code: "unavailable", Back: p.back(c)})
		return
	case errors.Is(err, edge.ErrSlow):
		p.message(c, http.StatusRequestTimeout, page.Message{Code: "form_stale", Back: p.back(c)})
		return
	case err != nil:
		p.message(c, http.StatusForbidden, page.Message{Code: "form_stale", Back: p.back(c)})
		return
	}
	v, ok := p.loadCase(c, a.Ticket)
	if !ok {
		return
	}
	p.loadDraft(a, f)
	if f.agrees {
		f.consent = p.consent(p.language(c))
	}
	if !p.checkRequested(a, v, f) {
		p.renderCase(c, a, http.StatusConflict, f)
		return
	}
	stored, err := p.checkImages(c.Request.Context(), a, f)
	p.settle(c.Request.Context(), stored, err)
	switch {
	case errors.Is(err, docstore.ErrFull): // what nobody claims is swept after two days
		p.edge.Logger.Warn("image limit of the case reached", "reference", a.Subject)
		p.renderTooManyRequests(c, time.Hour)
		return
	case err != nil:
		p.renderUnavailable(c, err)
		return
	}
	if !f.complete() {
		p.renderCase(c, a, http.StatusUnprocessableEntity, f)
		return
	}
	p.submit(c, a, v, f)
}

// checkRequested checks what can be known before any image is looked at.
func (p *Portal) checkRequested(a applicant, v kyc.View, f *form) bool {
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
func (p *Portal) checkImages(ctx context.Context, a applicant, f *form) (st stored, err error) {
	for _, side := range f.document.Sides() {
		file, chosen := f.files[side]
		if !chosen {
			if _, there := f.kept[side]; !there {
				f.refused[side] = "missing"
			}
			continue
		}
		picture, err := p.checkImage(ctx, file)
		refused, isRefused := errors.AsType[*imagecheck.RefusedError](err)
		switch {
		case isRefused:
			f.refused[side] = refused.Code
			continue
		case err != nil:
			return st, err
		}
		if p.isDuplicate(f, side, picture) {
			f.refused[side] = "same_twice"
			continue
		}
		if f.problem != "" {
			continue
		}
		if err := p.storeImage(ctx, a, f, side, picture, &st); err != nil {
			return st, err
		}
	}
	return st, nil
}

// settle removes what nobody knows of: after an error the images that were added,
// for the form that names them is never shown; else those that were replaced.
func (p *Portal) settle(ctx context.Context, st stored, failed error) {
	keys := st.replaced
	if failed != nil {
		keys = st.added
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.config.AnswerTimeout)
	defer cancel()
	p.drop(ctx, keys...)
}

// checkImage is the gate. A picture takes up to 250 MB while it is decoded, so few
// are at once.
func (p *Portal) checkImage(ctx context.Context, file []byte) (imagecheck.Picture, error) {
	select {
	case p.imageSlots <- struct{}{}:
		defer func() { <-p.imageSlots }()
	case <-ctx.Done():
		return imagecheck.Picture{}, ctx.Err()
	}
	return imagecheck.Check(bytes.NewReader(file), p.config.Limits)
}

// isDuplicate reports whether the picture is the one that is there for another side.
func (p *Portal) isDuplicate(f *form, side kyc.Side, picture imagecheck.Picture) bool {
	for other, k := range f.kept {
		_, replaced := f.files[other]
		if other != side && !(replaced && other == kyc.Back) && k.Print.Similar(picture.Print) {
			return true
		}
	}
	return false
}

// storeImage stores a picture in the place of the one that was there for its side.
func (p *Portal) storeImage(ctx context.Context, a applicant, f *form, side kyc.Side, picture imagecheck.Picture,
	st *stored) error {
	key, err := p.config.Documents.Put(ctx, a.Subject, bytes.NewReader(picture.Bytes), "")
	if err != nil {
		return err
	}
	st.added = append(st.added, key)
	if old, there := f.kept[side]; there {
		st.replaced = append(st.replaced, old.Key)
	}
	f.kept[side] = storedImage{Key: key, Extension: picture.Extension, Sum: sha256.Sum256(picture.Bytes),
		Print: picture.Print, Warnings: picture.Warnings, Type: f.document}
	return nil
}

// submit gives the case the submission: the same form again is the same one.
func (p *Portal) submit(c *gin.Context, a applicant, v kyc.View, f *form) {
	submission := kyc.Submission{Entity: f.entity, Type: f.document, Consent: f.consent, By: kyc.ActorApplicant}
	sums := map[kyc.Side][sha256.Size]byte{}
	for _, side := range f.document.Sides() {
		k := f.kept[side]
		sums[side] = k.Sum
		submission.Images = append(submission.Images, kyc.Image{Key: k.Key, Side: side, Extension: k.Extension,
			SHA256: hex.EncodeToString(k.Sum[:])})
	}
	submission.ID = v.SubmissionID(f.entity, f.document, sums)

	// Whoever hangs up now has sent it all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), p.config.AnswerTimeout)
	defer cancel()
	err := p.edge.Cases.SubmitAsync(ctx, a.Subject, submission)
	_, isRefused := errors.AsType[*cases.RefusedError](err)
	switch {
	case isRefused:
		p.dropImages(ctx, submission)
		f.kept, f.problem = nil, "not_wanted"
		p.renderCase(c, a, http.StatusConflict, f)
	case err != nil:
		p.renderUnavailable(c, err) // it may have been accepted; the same again is no second one
	default:
		c.Redirect(http.StatusSeeOther, p.caseOf(a))
	}
}

// consent records what somebody agrees to now, in the language it is shown in.
func (p *Portal) consent(lang string) *kyc.Consent {
	text := sha256.Sum256([]byte(p.pages.ConsentText(lang)))
	return &kyc.Consent{Text: hex.EncodeToString(text[:]), Version: p.pages.ConsentVersion(lang), Language: lang,
		At: time.Now().UTC()}
}

// dropImages removes what the case did not want.
func (p *Portal) dropImages(ctx context.Context, submission kyc.Submission) {
	for _, image := range submission.Images {
		p.drop(ctx, image.Key)
	}
}

// drop removes images. What stays, the worker sweeps.
func (p *Portal) drop(ctx context.Context, keys ...string) {
	for _, key := range keys {
		if err := p.config.Documents.DropImage(ctx, key); err != nil {
			p.edge.Logger.Warn("could not delete an unneeded image; left to the sweep", "cause", err)
		}
	}
}
