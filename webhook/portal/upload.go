package portal

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/fnv"
	"io"
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

// postCase takes in the form of one step: its image is checked, and stored if it
// passes. The last step makes one submission to the case of all that there is.
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
	defer p.lockDraft(a.Subject, f.entity)() // before the case is read: a form that waited sees what the first one did
	v, ok := p.loadCase(c, a.Ticket)
	if !ok {
		return
	}
	if f.draft, err = p.loadDraft(c.Request.Context(), v, f.entity); err != nil {
		p.renderUnavailable(c, err)
		return
	}
	if f.agrees {
		if f.consent, err = p.consent(c.Request.Context(), p.language(c)); err != nil {
			p.renderUnavailable(c, err)
			return
		}
	}
	if !p.checkRequested(a, v, f) {
		p.renderCase(c, a, http.StatusConflict, f.step, f)
		return
	}
	stored, err := p.takeImages(c.Request.Context(), a, f)
	p.settle(c.Request.Context(), stored, err)
	for _, why := range f.notTaken() {
		p.metrics.refuse(c, why)
	}
	switch {
	case errors.Is(err, docstore.ErrFull): // what nobody claims is swept after two days
		p.edge.Logger.Warn("image limit of the case reached", "reference", a.Subject)
		p.renderTooManyRequests(c, time.Hour)
	case err != nil:
		p.renderUnavailable(c, err)
	case !f.done(), f.last() && f.draft.next() != stepReview:
		p.renderCase(c, a, http.StatusUnprocessableEntity, f.step, f)
	case f.last():
		p.submit(c, a, v, f)
	default:
		c.Redirect(http.StatusSeeOther, p.stepURL(a, a.mine(v), f.entity, f.draft.next()))
	}
}

// lockDraft makes two forms for one entity wait for each other, so that neither
// overwrites what the other has saved. Forms that two processes take at the same
// moment do not wait: the later one wins, and the photo that is missing is asked
// for again.
func (p *Portal) lockDraft(reference, entity string) (unlock func()) {
	sum := fnv.New32a()
	_, _ = io.WriteString(sum, reference+"/"+entity)
	lock := &p.drafts[sum.Sum32()%uint32(len(p.drafts))]
	lock.Lock()
	return lock.Unlock
}

// takeImages checks the images of a form, keeps those that pass, and saves the draft.
func (p *Portal) takeImages(ctx context.Context, a applicant, f *form) (st stored, err error) {
	if f.problem == "type_unknown" {
		return stored{}, nil
	}
	if st, err = p.checkImages(ctx, a, f); err != nil {
		return st, err
	}
	for _, side := range f.sides() {
		if k, there := f.draft.kept(side); there && f.anyway {
			k.Anyway = true
			f.draft.Kept[side] = k
		}
	}
	if f.last() { // which changes nothing
		return st, nil
	}
	f.draft.Began = cmp.Or(f.draft.Began, time.Now().UTC().Truncate(time.Second))
	for side, why := range f.notTaken() {
		f.draft.refuse(side, why)
	}
	return st, p.saveDraft(ctx, a.Subject, f.entity, f.draft)
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
	if f.document == "" && f.step != stepDocument {
		f.document = f.draft.Type
	}
	switch {
	case !slices.Contains(types(kind), f.document):
		f.problem = "type_unknown"
		return true
	case f.last() && f.consent == nil:
		f.problem = "consent_missing"
	}
	f.draft.Type = f.document
	return true
}

// stored is what judging a form changed in the store: the keys that it added,
// and those of earlier images that these replace.
type stored struct{ added, replaced []string }

// checkImages puts every image through the gate and those that pass into the store.
// An error is ours; what is wrong with an image is in the form.
func (p *Portal) checkImages(ctx context.Context, a applicant, f *form) (st stored, err error) {
	for _, side := range f.sides() {
		file, chosen := f.files[side]
		if !chosen {
			if _, there := f.draft.kept(side); !there {
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
	for _, other := range f.draft.Type.Sides() {
		k, there := f.draft.kept(other)
		if there && other != side && k.Print.Similar(picture.Print) {
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
	if old, there := f.draft.Kept[side]; there {
		st.replaced = append(st.replaced, old.Key)
	}
	if f.draft.Kept == nil {
		f.draft.Kept = map[kyc.Side]storedImage{}
	}
	f.draft.Kept[side] = storedImage{Key: key, Extension: picture.Extension, Sum: sha256.Sum256(picture.Bytes),
		Print: picture.Print, Warnings: picture.Warnings, Type: f.draft.Type, At: time.Now().UTC().Truncate(time.Second)}
	return nil
}

// submit gives the case the submission: the same form again is the same one.
func (p *Portal) submit(c *gin.Context, a applicant, v kyc.View, f *form) {
	submission := kyc.Submission{Entity: f.entity, Type: f.draft.Type, Consent: f.consent, By: kyc.ActorApplicant,
		Visit: p.visit(c, f.draft)}
	sums := map[kyc.Side][sha256.Size]byte{}
	var unused []string // photos of another type that was chosen before
	for side, k := range f.draft.Kept {
		if _, of := f.draft.kept(side); !of || !slices.Contains(f.draft.Type.Sides(), side) {
			unused = append(unused, k.Key)
		}
	}
	for _, side := range f.draft.Type.Sides() {
		k, _ := f.draft.kept(side)
		sums[side] = k.Sum
		submission.Images = append(submission.Images, kyc.Image{Key: k.Key, Side: side, Extension: k.Extension,
			SHA256: hex.EncodeToString(k.Sum[:])})
	}
	submission.ID = v.SubmissionID(f.entity, f.draft.Type, sums)

	// Whoever hangs up now has sent it all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), p.config.AnswerTimeout)
	defer cancel()
	err := p.edge.Cases.SubmitAsync(ctx, a.Subject, submission)
	_, isRefused := errors.AsType[*cases.RefusedError](err)
	switch {
	case isRefused:
		p.dropImages(ctx, submission)
		p.drop(ctx, unused...)
		p.dropDraft(ctx, a.Subject, f.entity)
		f.draft, f.problem = draft{}, "not_wanted"
		p.renderCase(c, a, http.StatusConflict, f.step, f)
	case err != nil: // it may have been accepted: then the draft is out of date, and the same again is no second one
		p.renderUnavailable(c, err)
	default:
		p.drop(ctx, unused...)
		p.dropDraft(ctx, a.Subject, f.entity)
		p.metrics.count(c, "sent")
		c.Redirect(http.StatusSeeOther, p.caseOf(a))
	}
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
