package portal

import (
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"mime/multipart"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/edge"
)

// form is one step that an applicant sent for one entity, and what is wrong with it.
type form struct {
	csrf, entity, step string
	document           kyc.DocumentType
	agrees, anyway     bool                // what is ticked
	consent            *kyc.Consent        // nil is none
	files              map[kyc.Side][]byte // as they came; none where no file was chosen
	draft              draft               // what was done before, and with this form
	refused            map[kyc.Side]string // why an image is not taken: one of page.Refusals
	problem            string              // with all of it: one of page.Problems
}

// storedImage is an image that passed the gate and waits for the rest of its form.
type storedImage struct {
	Key       string                    `json:"k"`
	Extension string                    `json:"e"`
	Sum       [sha256.Size]byte         `json:"s"` // of its bytes: what the submission's id is drawn from
	Print     imagecheck.PerceptualHash `json:"p"`
	Warnings  []imagecheck.Warning      `json:"w,omitempty"`
	Anyway    bool                      `json:"a,omitempty"` // the applicant overruled the warnings
	Type      kyc.DocumentType          `json:"t"`           // it was photographed as
	At        time.Time                 `json:"at"`          // it came in
}

// doubtful reports whether the applicant has yet to say that it can be read.
func (k storedImage) doubtful() bool { return len(k.Warnings) > 0 && !k.Anyway }

// errStale is why a form is not read to its end, besides the errors of edge.Form.
var errStale = errors.New("the form belongs to another session, or to no step")

// read takes in a form. Its images come last, so nobody's are read before the
// form is known to be ours.
func (p *Portal) read(c *gin.Context, a applicant) (*form, error) {
	parts, err := edge.OpenForm(c, 2*p.config.Limits.MaxBytes, p.config.UploadTimeout, p.config.UploadTimeout+time.Minute)
	if err != nil {
		return nil, err
	}
	f := &form{files: map[kyc.Side][]byte{}, refused: map[kyc.Side]string{}}
	for range edge.MaxParts {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			if !p.validCSRF(a, f.csrf) || !slices.Contains(stepsOf(""), f.step) {
				return nil, errStale
			}
			return f, nil
		case err != nil:
			return nil, parts.Cause()
		}
		if err := p.readPart(f, a, part); err != nil {
			if errors.Is(err, edge.ErrForm) {
				return nil, parts.Cause()
			}
			return nil, err
		}
	}
	return nil, edge.ErrForm
}

// readPart reads one part. What a file is called and said to be counts for nothing.
func (p *Portal) readPart(f *form, a applicant, part *multipart.Part) error {
	switch side := kyc.Side(part.FormName()); side {
	case kyc.Front, kyc.Back:
		if !p.validCSRF(a, f.csrf) {
			return errStale
		}
		file, err := io.ReadAll(io.LimitReader(part, p.config.Limits.MaxBytes+1))
		if err != nil {
			return edge.ErrForm
		}
		if len(file) > 0 || part.FileName() != "" {
			f.files[side] = file
		}
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(part, edge.MaxPartBytes+1))
	if err != nil {
		return edge.ErrForm
	}
	if len(text) > edge.MaxPartBytes {
		return edge.ErrForm
	}
	value := string(text)
	switch part.FormName() {
	case "csrf":
		f.csrf = value
	case "entity":
		f.entity = value
	case "step":
		f.step = value
	case "type":
		f.document = kyc.DocumentType(value)
	case "consent":
		f.agrees = value == "yes"
	case "anyway":
		f.anyway = value == "yes"
	}
	return nil
}

// sides are those that a form may bring images of: that of its step.
func (f *form) sides() []kyc.Side {
	if side := kyc.Side(f.step); slices.Contains(f.draft.Type.Sides(), side) {
		return []kyc.Side{side}
	}
	return nil
}

// notTaken are the reasons why photos of the form were not taken as they came: each
// is refused, or the applicant has yet to say that it can be read.
func (f *form) notTaken() map[kyc.Side]string {
	why := maps.Clone(f.refused)
	for side := range f.files {
		if k, there := f.draft.kept(side); there && k.doubtful() {
			why[side] = string(k.Warnings[0])
		}
	}
	return why
}

// done reports whether nothing of the form's own step stands in the way of the next.
func (f *form) done() bool {
	doubtful := slices.ContainsFunc(f.sides(), func(side kyc.Side) bool {
		k, there := f.draft.kept(side)
		return there && k.doubtful()
	})
	return f.problem == "" && len(f.refused) == 0 && !doubtful
}

// last reports whether the form asks to send what there is.
func (f *form) last() bool { return f.step == stepReview }

// shown is the step on which the applicant sees what is wrong with the form.
func (f *form) shown() string {
	if f.problem == "type_unknown" {
		return stepDocument
	}
	return f.draft.step(f.step)
}
