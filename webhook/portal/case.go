package portal

import (
	"context"
	"errors"
	"net/http"

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
		c.Redirect(http.StatusSeeOther, p.caseOf(a))
		return
	}
	p.renderCase(c, a, http.StatusOK, nil)
}

// getState shows the case if it has changed since it was shown. It asks the case
// itself only then.
func (p *Portal) getState(c *gin.Context) {
	a, ok := p.applicant(c)
	if !ok {
		return
	}
	now, err := p.edge.Cases.Revision(c.Request.Context(), a.Subject)
	if err == nil && now == c.Query("rev") {
		c.Status(http.StatusNoContent)
		return
	}
	p.renderCase(c, a, http.StatusOK, nil)
}

// renderCase draws the case, and what became of a form that was sent, if one was.
func (p *Portal) renderCase(c *gin.Context, a applicant, status int, sent *form) {
	// The revision is asked for first: what happens in between is told twice, not never.
	revision, err := p.edge.Cases.Revision(c.Request.Context(), a.Subject)
	if err != nil {
		p.renderUnavailable(c, err)
		return
	}
	if v, ok := p.loadCase(c, a.Ticket); ok {
		p.render(c, status, p.model(c, a, v, revision, sent))
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
		p.message(c, http.StatusOK, page.Message{Code: "finished", For: whom(t, v)})
	default:
		return v, true
	}
	return kyc.View{}, false
}
