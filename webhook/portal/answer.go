package portal

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/internal/linktoken"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/page"
)

// limited answers whoever does something more often than anybody needs to.
func (p *Portal) limited(c *gin.Context, l *edge.Limiter, t linktoken.Ticket) bool {
	wait := l.Wait(t.Subject + "/" + t.Part)
	if wait <= 0 {
		return false
	}
	p.renderTooManyRequests(c, wait)
	return true
}

// renderTooManyRequests says how long to wait.
func (p *Portal) renderTooManyRequests(c *gin.Context, wait time.Duration) {
	edge.SetRetryAfter(c, wait)
	p.message(c, http.StatusTooManyRequests, page.Message{Code: "too_fast", Wait: max(wait, time.Second), Back: p.back(c)})
}

// renderMessage draws a page of one thing to say.
func (p *Portal) renderMessage(c *gin.Context, status int, code string) {
	p.message(c, status, page.Message{Code: code})
}

func (p *Portal) message(c *gin.Context, status int, m page.Message) {
	m.Lang = p.language(c)
	m.Others = p.alternates(c, m.Lang)
	p.render(c, status, m)
}

// renderUnavailable says that it is us: try again, nothing is lost.
func (p *Portal) renderUnavailable(c *gin.Context, err error) {
	p.edge.LogSample("request of an applicant failed", "cause", err)
	edge.SetRetryAfter(c, edge.RetryAfter)
	p.message(c, http.StatusServiceUnavailable, page.Message{Code: "unavailable", Back: p.back(c)})
}

func (p *Portal) render(c *gin.Context, status int, m page.Model) {
	var html bytes.Buffer
	if err := p.pages.Render(&html, m); err != nil {
		p.edge.Logger.Error("could not render a page", "cause", err)
		edge.WriteProblem(c, edge.ErrPanicked)
		return
	}
	c.Data(status, "text/html; charset=utf-8", html.Bytes())
	c.Abort()
}

// WriteError answers an error as a page.
func (p *Portal) WriteError(c *gin.Context, err error) {
	p.asPage(c)
	if early, ok := errors.AsType[edge.TooFastError](err); ok {
		p.renderTooManyRequests(c, early.Wait)
		return
	}
	status, _ := edge.ProblemOf(err)
	code := "unavailable"
	if status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
		code = "not_found"
	}
	p.renderMessage(c, status, code)
}

// pageHeaders are for what a browser shows: our own style, script and images
// (and those just taken, for the preview), in no frame but those of the origins
// that are listed, and no word to other sites about where it was.
func (p *Portal) pageHeaders(c *gin.Context) {
	p.asPage(c)
	c.Next()
}

// asPage sets them.
func (p *Portal) asPage(c *gin.Context) {
	ancestors := "'none'"
	if p.framed() {
		ancestors = strings.Join(p.config.Frames, " ")
	} else {
		c.Header("X-Frame-Options", "DENY") // which knows no list of origins
	}
	c.Header("Content-Security-Policy", "default-src 'none'; img-src 'self' blob: data:; "+
		"style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "+
		"frame-ancestors "+ancestors)
	c.Header("Referrer-Policy", "same-origin") // and not none: browsers would then hide where a form came from
	c.Header("Cross-Origin-Opener-Policy", "same-origin")
}
