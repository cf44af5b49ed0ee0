package portal

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/page"
)

// form is what an applicant sent for one entity, and what is wrong with it.
type form struct {
	csrf, entity, draft string
	document            kyc.DocumentType
	agrees, anyway      bool                     // what is ticked
	consent             *kyc.Consent             // now or with an earlier form; nil is none
	files               map[kyc.Side][]byte      // as they came; none where no file was chosen
	kept                map[kyc.Side]storedImage // what is with us, from before or from this time
	refused             map[kyc.Side]string      // why an image is not taken: one of page.Refusals
	problem             string                   // with all of it: one of page.Problems
}

// storedImage is an image that passed the gate and waits for the rest of its form.
type storedImage struct {
	Key       string                    `json:"k"`
	Extension string                    `json:"e"`
	Sum       [sha256.Size]byte         `json:"s"` // of its bytes: what the submission's id is drawn from
	Print     imagecheck.PerceptualHash `json:"p"`
	Warnings  []imagecheck.Warning      `json:"w,omitempty"`
	Type      kyc.DocumentType          `json:"t"` // it was photographed as
}

// errStale is why a form is not read to its end, besides the errors of edge.Form.
var errStale = errors.New("the form belongs to another session")

// read takes in a form. Its images come last, so nobody's are read before the
// form is known to be ours.
func (p *Portal) read(c *gin.Context, a applicant) (*form, error) {
	parts, err := edge.OpenForm(c, 2*p.config.Limits.MaxBytes, p.config.UploadTimeout, p.config.UploadTimeout+time.Minute)
	if err != nil {
		return nil, err
	}
	f := &form{files: map[kyc.Side][]byte{}, kept: map[kyc.Side]storedImage{}, refused: map[kyc.Side]string{}}
	for range edge.MaxParts {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			if !p.validCSRF(a, f.csrf) {
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
	case "draft":
		f.draft = value
	case "type":
		f.document = kyc.DocumentType(value)
	case "consent":
		f.agrees = value == "yes"
	case "anyway":
		f.anyway = value == "yes"
	}
	return nil
}

// draft is what a form that is not complete leaves for the next one.
type draft struct {
	Kept    map[kyc.Side]storedImage `json:"k,omitempty"`
	Consent *kyc.Consent             `json:"c,omitempty"`
}

// draft seals what is there into the form, so that only what is missing has to
// be done again, with or without a script, on any of us.
func (p *Portal) draft(a applicant, f *form) string {
	text, err := json.Marshal(draft{f.kept, f.consent})
	if err != nil || len(f.kept) == 0 && f.consent == nil {
		return ""
	}
	t := a.Ticket
	t.Part, t.Nonce = f.entity, string(text)
	return p.edge.Keys.Issue(linktoken.Draft, t)
}

// loadDraft finds what an earlier form of this entity left with us. An old or
// strange draft is no draft.
func (p *Portal) loadDraft(a applicant, f *form) {
	t, err := p.edge.Keys.Redeem(linktoken.Draft, f.draft, time.Now())
	if err != nil || t.Subject != a.Subject || t.Part != f.entity || t.Epoch != a.Epoch {
		return
	}
	var d draft
	if json.Unmarshal([]byte(t.Nonce), &d) != nil {
		return
	}
	f.consent = d.Consent
	for side, k := range d.Kept {
		if k.Type == f.document {
			f.kept[side] = k
		}
	}
}

// toModel shows a form as it was sent, and what came of it.
func (p *Portal) toModel(m *page.Form, a applicant, sent *form) {
	m.Chosen, m.Draft, m.Problem = string(sent.document), p.draft(a, sent), sent.problem
	for _, side := range []kyc.Side{kyc.Front, kyc.Back} {
		shown := page.Side{Problem: sent.refused[side]}
		if k, ok := sent.kept[side]; ok {
			shown.Kept = true
			for _, w := range k.Warnings {
				shown.Warnings = append(shown.Warnings, string(w))
			}
		}
		m.Sides[string(side)] = shown
	}
}

// complete reports whether nothing stands in the way of handing it in.
func (f *form) complete() bool {
	doubtful := slices.ContainsFunc(f.document.Sides(), func(side kyc.Side) bool { return len(f.kept[side].Warnings) > 0 })
	return f.problem == "" && len(f.refused) == 0 && (f.anyway || !doubtful)
}
