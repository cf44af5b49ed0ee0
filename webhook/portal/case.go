package portal

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/cases"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/page"
)

// started is in the address that Start leads to: whoever brings no cookie there
// has a browser that takes none.
const started = "started"

// getCase shows the case.
func (p *Portal) getCase(c *gin.Context) {
	_, begun := c.GetQuery(started)
	if begun && len(p.sessions(c)) == 0 {
		p.renderMessage(c, http.StatusForbidden, "cookies_blocked")
		return
	}
	a, ok := p.applicant(c)
	if !ok {
		return
	}
	if begun { // it has been said, and must not be said again when the session is over
		p.metrics.count(c, "started")
		c.Redirect(http.StatusSeeOther, p.caseOf(a))
		return
	}
	p.renderCase(c, a, http.StatusOK, c.Query("step"), nil)
}

// getState shows the page again if the case has changed since it was made, or the
// draft of its step. Where only the case has, the step stays the one that the
// applicant is at; where the draft has, somebody else has gone on: it is the next.
func (p *Portal) getState(c *gin.Context) {
	a, ok := p.applicant(c)
	if !ok {
		return
	}
	shown, mark, isStep := strings.Cut(c.Query("rev"), ".")
	now, err := p.edge.Cases.Revision(c.Request.Context(), a.Subject)
	changed := err == nil && isStep && p.draftChanged(c, a, "."+mark)
	if err == nil && now == shown && !changed && !polledSince(c.Query("next"), time.Now()) {
		c.Status(http.StatusNoContent)
		return
	}
	step := c.Query("step")
	if changed {
		step = ""
	}
	p.renderCase(c, a, http.StatusOK, step, nil)
}

// polledSince reports whether ConnectFi has been asked again since the page was made, by the time of the next poll on
// it: the page then shows when the one after it is. A poll without news changes nothing else of the case.
func polledSince(next string, now time.Time) bool {
	at, err := strconv.ParseInt(next, 10, 64)
	return err == nil && now.After(time.Unix(at, 0).Add(pollLasts))
}

// pollLasts is how long a poll may take until its answer is there.
const pollLasts = 15 * time.Second

// draftChanged reports whether the draft that the address names differs from the
// one that was shown. If it cannot be read, it has not changed. It asks the
// bucket alone: an open page does this every few seconds, and a query is billed.
func (p *Portal) draftChanged(c *gin.Context, a applicant, mark string) bool {
	name := c.Query("draft")
	if a.Part != "" && name != noteOf(a.Part) {
		return false
	}
	d, err := p.readDraft(c.Request.Context(), a.Subject, name)
	return err == nil && d.mark() != mark
}

// renderCase draws a step of an entity's documents, the next one if this cannot
// be shown yet, or where the whole case stands. A form that was sent is nil or
// has its problems shown.
func (p *Portal) renderCase(c *gin.Context, a applicant, status int, step string, sent *form) {
	// The revision is read first: a change in between is then shown twice, not never.
	revision, err := p.edge.Cases.Revision(c.Request.Context(), a.Subject)
	if err != nil {
		p.renderUnavailable(c, err)
		return
	}
	v, ok := p.loadCase(c, a.Ticket)
	if !ok {
		return
	}
	all := a.mine(v)
	e, ok := chosen(c, all)
	if sent != nil {
		i := slices.IndexFunc(all, func(e kyc.EntityView) bool { return e.ID == sent.entity })
		if ok = i >= 0; ok {
			e = all[i]
		}
	}
	if !ok || !wants(v, e) {
		p.countShown(c, "status")
		p.render(c, status, p.caseModel(c, a, v, revision, sent))
		return
	}
	d, err := p.loadDraft(c.Request.Context(), v, e.ID)
	if err != nil {
		p.renderUnavailable(c, err)
		return
	}
	m := p.stepModel(c, a, v, e, revision, d, step, sent)
	// Each step has its address, so that the browser's back button leads to the one before.
	if c.Request.Method != http.MethodPost && c.FullPath() == root+"/case/:session" && step != m.Name {
		c.Redirect(http.StatusSeeOther, m.URL)
		return
	}
	p.countShown(c, m.Name)
	p.render(c, status, m)
}

// countShown counts a page that an applicant has come to: neither one that has
// changed before their eyes nor one that shows what is wrong with a form.
func (p *Portal) countShown(c *gin.Context, step string) {
	if c.Request.Method == http.MethodGet && strings.HasPrefix(c.FullPath(), root+"/case") {
		p.metrics.count(c, step)
	}
}

// loadCase is the case of a ticket; false if there is nothing to do for its holder,
// which is answered then.
func (p *Portal) loadCase(c *gin.Context, t linktoken.Ticket) (kyc.View, bool) {
	if p.limited(c, p.caseReadLimit, t) {
		return kyc.View{}, false
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), p.config.AnswerTimeout)
	defer cancel()
	v, err := p.edge.Cases.Show(ctx, t.Subject)
	switch {
	case errors.Is(err, cases.ErrNotFound):
		p.renderMessage(c, http.StatusNotFound, "link_unknown") // Temporal has forgotten it
	case errors.Is(err, cases.ErrEnded):
		p.renderMessage(c, http.StatusGone, "withdrawn") // an operator ended it, in Temporal
	case err != nil:
		p.renderUnavailable(c, err)
	case revoked(t, v):
		p.renderMessage(c, http.StatusGone, "link_revoked")
	case v.Stage == kyc.Withdrawn:
		p.message(c, http.StatusGone, page.Message{Code: "withdrawn", For: whom(t, v)})
	case v.Stage == kyc.Expired:
		p.message(c, http.StatusGone, page.Message{Code: "expired_case", For: whom(t, v)})
	case v.Stage.Final():
		p.metrics.count(c, "finished")
		p.message(c, http.StatusOK, page.Message{Code: "finished", For: whom(t, v)})
	default:
		return v, true
	}
	return kyc.View{}, false
}
