package portal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
)

// draftLasts is how long a photo of a draft can be sent. The worker deletes
// images and drafts that no case has claimed after two days, so that a draft
// never names a photo that is gone.
const draftLasts = 24 * time.Hour

// draft is what an applicant has entered for one entity and not yet sent. It is
// stored, encrypted, beside the images that it names. So it is the same in every
// tab, in every language, on every device that has the link, and after a restart.
type draft struct {
	Type kyc.DocumentType         `json:"t,omitempty"`
	Kept map[kyc.Side]storedImage `json:"k,omitempty"`
	Sent int                      `json:"n,omitempty"` // submissions of the entity before this one

	Began   time.Time `json:"b,omitzero"`  // when the first form came in
	Refused []string  `json:"r,omitempty"` // see kyc.Visit
}

// refuse notes a photo that was not taken as it came. Of very many, the first count.
func (d *draft) refuse(side kyc.Side, why string) {
	if len(d.Refused) < kyc.MaxRefused {
		d.Refused = append(d.Refused, string(side)+" "+why)
	}
}

// noteOf is the name under which the draft of an entity is kept.
func noteOf(entity string) string {
	sum := sha256.Sum256([]byte(entity))
	return "draft-" + hex.EncodeToString(sum[:13])
}

// loadDraft finds the draft of an entity: see readDraft. One whose photos were
// submitted is deleted and counts as none. It is left over where the answer of
// the case was lost.
func (p *Portal) loadDraft(ctx context.Context, v kyc.View, entity string) (draft, error) {
	d, err := p.readDraft(ctx, v.Reference, noteOf(entity))
	if sent := v.Sent(entity); d.Sent != sent {
		if d.Type != "" {
			p.dropDraft(ctx, v.Reference, entity)
		}
		d = draft{Sent: sent}
	}
	return d, err
}

// readDraft finds the draft of this name, without the photos that are too old. A
// draft that these keys do not open counts as none.
func (p *Portal) readDraft(ctx context.Context, reference, name string) (d draft, err error) {
	text, ok, err := p.config.Documents.Note(ctx, reference, name)
	switch {
	case errors.Is(err, encryption.ErrSealed):
		p.edge.Logger.Warn("a draft cannot be decrypted and counts as none", "reference", reference)
		return draft{}, nil
	case err != nil || !ok:
		return draft{}, err
	}
	if json.Unmarshal([]byte(text), &d) != nil {
		return draft{}, nil
	}
	maps.DeleteFunc(d.Kept, func(_ kyc.Side, k storedImage) bool { return time.Since(k.At) > draftLasts })
	return d, nil
}

// saveDraft stores the draft of an entity in place of the one before.
func (p *Portal) saveDraft(ctx context.Context, reference, entity string, d draft) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return p.config.Documents.PutNote(ctx, reference, noteOf(entity), string(text))
}

// dropDraft deletes the draft of an entity: the case has it now, or refused it.
func (p *Portal) dropDraft(ctx context.Context, reference, entity string) {
	if err := p.config.Documents.DropNote(ctx, reference, noteOf(entity)); err != nil {
		p.edge.Logger.Warn("could not delete the draft of a submission; left to the sweep", "cause", err)
	}
}

// kept is the image of a side, if there is one of the chosen type. An applicant
// who chooses another type and then the first one again still has the photos.
func (d draft) kept(side kyc.Side) (k storedImage, ok bool) {
	k, ok = d.Kept[side]
	return k, ok && k.Type == d.Type
}

// mark begins with a dot and differs whenever the draft does.
func (d draft) mark() string {
	text, _ := json.Marshal(draft{Type: d.Type, Kept: d.Kept}) // a map has its keys in order
	sum := sha256.Sum256(text)
	return "." + hex.EncodeToString(sum[:6])
}
