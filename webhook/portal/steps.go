package portal

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"durablekyc.example/kyc"
)

// The steps of sending a document, in their order. Each has an address of its
// own; the links before them and the status behind them are pages, too.
const (
	stepDocument = "document"
	stepFront    = "front"
	stepBack     = "back"
	stepReview   = "review"
)

// stepsOf are the steps for a type of document: all of them until it is chosen.
func stepsOf(t kyc.DocumentType) []string {
	if t != "" && len(t.Sides()) == 1 {
		return []string{stepDocument, stepFront, stepReview}
	}
	return []string{stepDocument, stepFront, stepBack, stepReview}
}

// next is the first step that is not done.
func (d draft) next() string {
	if d.Type == "" {
		return stepDocument
	}
	for _, side := range d.Type.Sides() {
		if k, there := d.kept(side); !there || k.doubtful() {
			return string(side)
		}
	}
	return stepReview
}

// step is the one that was asked for, where all before it are done, and else
// the first that is not.
func (d draft) step(asked string) string {
	all, next := stepsOf(d.Type), d.next()
	if i := slices.Index(all, asked); i >= 0 && i <= slices.Index(all, next) {
		return asked
	}
	return next
}

// mine are the entities that an applicant can act for, in the order of the case.
func (a applicant) mine(v kyc.View) (all []kyc.EntityView) {
	for _, e := range v.Entities {
		if a.canActFor(e.ID) {
			all = append(all, e)
		}
	}
	return all
}

// chosen is the entity that the address names by its number, or the only one;
// ok is false where the address leaves it open.
func chosen(c *gin.Context, all []kyc.EntityView) (e kyc.EntityView, ok bool) {
	if len(all) == 1 {
		return all[0], true
	}
	n, err := strconv.Atoi(c.Query("for"))
	if err != nil || n < 1 || n > len(all) {
		return e, false
	}
	return all[n-1], true
}

// stepURL is the address of a step of an entity's: its number is told where
// there are several, for ids are nobody's business.
func (p *Portal) stepURL(a applicant, all []kyc.EntityView, entity, step string) string {
	query := url.Values{}
	if n := p.number(all, entity); n != "" {
		query.Set("for", n)
	}
	if step != "" {
		query.Set("step", step)
	}
	if len(query) == 0 {
		return p.caseOf(a)
	}
	return p.caseOf(a) + "?" + query.Encode()
}

// number is how the address names an entity; empty where there is only one.
func (p *Portal) number(all []kyc.EntityView, entity string) string {
	if len(all) == 1 {
		return ""
	}
	return strconv.Itoa(slices.IndexFunc(all, func(e kyc.EntityView) bool { return e.ID == entity }) + 1)
}
