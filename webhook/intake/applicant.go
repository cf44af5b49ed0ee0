package intake

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/cases"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/page"
)

// applicantPath is where applicants are at home, below the path of the public URL: see Server.home.
const applicantPath = linktoken.LinkPath

// started is in the address that Start leads to: whoever brings no cookie there
// has a browser that takes none.
const started = "started"

// getLink shows what a link is for. Programs open links, too: nothing is spent.
func (s *Server) getLink(c *gin.Context) {
	if link, v, ok := s.link(c); ok {
		lang := s.language(c)
		s.rememberOpened(c)
		s.render(c, http.StatusOK, page.Landing{Lang: lang, Action: s.home + "/link/" + c.Param("ticket"), Others: alternates(lang),
			QR: s.qr(link), For: whom(link, v)})
	}
}

// postLink exchanges a link for a session, so that no secret stays in an address.
func (s *Server) postLink(c *gin.Context) {
	if link, _, ok := s.link(c); ok {
		c.Redirect(http.StatusSeeOther, s.caseOf(s.startSession(c, link))+"?"+started)
	}
}

// link is the one in the address; false if it is good for nothing, which is
// answered then.
func (s *Server) link(c *gin.Context) (link linktoken.Ticket, v kyc.View, ok bool) {
	link, text, err := s.readLink(c.Param("ticket"))
	c.Params = gin.Params{{Key: "ticket", Value: text}} // as it was given out, from here on
	switch {
	case errors.Is(err, linktoken.ErrExpired):
		s.renderMessage(c, http.StatusGone, "link_expired")
		return link, v, false
	case err != nil:
		s.renderMessage(c, http.StatusNotFound, "link_unknown")
		return link, v, false
	}
	c.Set(callerKey, "a link of "+link.Subject)
	v, ok = s.loadCase(c, link)
	return link, v, ok
}

// encoded is a byte as mail programs write it ("quoted-printable").
var encoded = regexp.MustCompile(`=[0-9A-F]{2}`)

// readLink reads a ticket as mail programs leave it: with a full stop or a bracket
// behind it, broken by blanks or line ends, encoded. Whatever is left of it must
// still be a ticket, to the letter; text is that ticket.
func (s *Server) readLink(raw string) (link linktoken.Ticket, text string, err error) {
	foreign := func(r rune) bool { return !strings.ContainsRune(linktoken.TicketAlphabet, r) }
	clean := func(raw string) string {
		return strings.Map(func(r rune) rune {
			if foreign(r) {
				return -1
			}
			return r
		}, raw)
	}
	decoded := encoded.ReplaceAllStringFunc(raw, func(code string) string {
		b, _ := hex.DecodeString(code[1:])
		return string(b)
	})
	first := raw // the ticket, where other text follows
	if i := strings.IndexFunc(raw, foreign); i >= 0 {
		first = raw[:i]
	}
	for _, text := range []string{raw, clean(raw), first, clean(decoded)} {
		link, err := s.config.Keys.Redeem(linktoken.Link, text, time.Now())
		if !errors.Is(err, linktoken.ErrForged) {
			return link, text, err
		}
	}
	return link, raw, linktoken.ErrForged
}

// elsewhere answers at addresses that are nobody's. A link may have become one
// of them, by a slash.
func (s *Server) elsewhere(c *gin.Context) {
	rest, is := strings.CutPrefix(c.Request.URL.Path, applicantPath+"/link/")
	if !is || c.Request.Method != http.MethodGet {
		s.writeError(c, errNotHere)
		return
	}
	asPage(c)
	c.Params = gin.Params{{Key: "ticket", Value: rest}}
	s.getLink(c)
}

// ofApplicants reports whether people come to such an address: nothing there is
// answered in JSON, however the address was typed.
func ofApplicants(path string) bool {
	path = "/" + strings.ToLower(strings.TrimLeft(path, "/"))
	return path == applicantPath || strings.HasPrefix(path, applicantPath+"/")
}

// getCase shows the case.
func (s *Server) getCase(c *gin.Context) {
	_, begun := c.GetQuery(started)
	if begun && len(s.sessions(c)) == 0 {
		s.renderMessage(c, http.StatusForbidden, "cookies_blocked")
		return
	}
	a, ok := s.applicant(c)
	if !ok {
		return
	}
	if begun { // it has been said, and must not be said again when the session is over
		c.Redirect(http.StatusSeeOther, s.caseOf(a))
		return
	}
	s.renderCase(c, a, http.StatusOK, nil)
}

// getState shows the case if it has changed since it was shown. It asks the case
// itself only then.
func (s *Server) getState(c *gin.Context) {
	a, ok := s.applicant(c)
	if !ok {
		return
	}
	now, err := s.config.Cases.Revision(c.Request.Context(), a.Subject)
	if err == nil && now == c.Query("rev") {
		c.Status(http.StatusNoContent)
		return
	}
	s.renderCase(c, a, http.StatusOK, nil)
}

// renderCase draws the case, and what became of a form that was sent, if one was.
func (s *Server) renderCase(c *gin.Context, a applicant, status int, sent *form) {
	// The revision is asked for first: what happens in between is told twice, not never.
	revision, err := s.config.Cases.Revision(c.Request.Context(), a.Subject)
	if err != nil {
		s.renderUnavailable(c, err)
		return
	}
	if v, ok := s.loadCase(c, a.Ticket); ok {
		s.render(c, status, s.model(c, a, v, revision, sent))
	}
}

// loadCase is the case of a ticket; false if there is nothing to do for its holder,
// which is answered then.
func (s *Server) loadCase(c *gin.Context, t linktoken.Ticket) (kyc.View, bool) {
	if s.limited(c, s.caseReadLimit, t) {
		return kyc.View{}, false
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.config.AnswerTimeout)
	defer cancel()
	v, err := s.config.Cases.Show(ctx, t.Subject)
	switch {
	case errors.Is(err, cases.ErrNotFound):
		s.renderMessage(c, http.StatusNotFound, "link_unknown") // Temporal has forgotten it
	case errors.Is(err, cases.ErrEnded):
		s.renderMessage(c, http.StatusGone, "withdrawn") // an operator ended it, in Temporal
	case err != nil:
		s.renderUnavailable(c, err)
	case revoked(t, v):
		s.renderMessage(c, http.StatusGone, "link_revoked")
	case v.Stage == kyc.Withdrawn:
		s.message(c, http.StatusGone, page.Message{Code: "withdrawn", For: whom(t, v)})
	case v.Stage == kyc.Expired:
		s.message(c, http.StatusGone, page.Message{Code: "expired_case", For: whom(t, v)})
	case v.Stage.Final():
		s.message(c, http.StatusOK, page.Message{Code: "finished", For: whom(t, v)})
	default:
		return v, true
	}
	return kyc.View{}, false
}

// limited answers whoever does something more often than anybody needs to.
func (s *Server) limited(c *gin.Context, l *limiter, t linktoken.Ticket) bool {
	wait := l.wait(t.Subject + "/" + t.Part)
	if wait <= 0 {
		return false
	}
	s.renderTooManyRequests(c, wait)
	return true
}

// renderTooManyRequests says how long to wait.
func (s *Server) renderTooManyRequests(c *gin.Context, wait time.Duration) {
	c.Header("Retry-After", seconds(wait))
	s.message(c, http.StatusTooManyRequests, page.Message{Code: "too_fast", Wait: max(wait, time.Second), Back: s.back(c)})
}

// limits publishes what the gate takes.
func (s *Server) limits(c *gin.Context) {
	l := s.config.Limits
	c.JSON(http.StatusOK, gin.H{"maxBytes": l.MaxBytes, "maxPixels": l.MaxPixels, "minEdge": l.MinEdge, "maxEdge": l.MaxEdge,
		"kinds": []string{"image/jpeg", "image/png"}})
}

// asset serves the page's style and script, which never change under one name.
func (s *Server) asset(c *gin.Context) {
	body, contentType, ok := s.pages.Asset(c.Param("name"))
	if !ok {
		s.writeError(c, errNotHere)
		return
	}
	c.Header("Cache-Control", "public, max-age=31536000, immutable")
	c.Data(http.StatusOK, contentType, body)
}

// renderMessage draws a page of one thing to say.
func (s *Server) renderMessage(c *gin.Context, status int, code string) {
	s.message(c, status, page.Message{Code: code})
}

func (s *Server) message(c *gin.Context, status int, m page.Message) {
	m.Lang = s.language(c)
	if c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
		m.Others = alternates(m.Lang)
	}
	s.render(c, status, m)
}

// renderUnavailable says that it is us: try again, nothing is lost.
func (s *Server) renderUnavailable(c *gin.Context, err error) {
	s.logSample("an applicant could not be answered", "cause", err)
	c.Header("Retry-After", retryAfter)
	s.message(c, http.StatusServiceUnavailable, page.Message{Code: "unavailable", Back: s.back(c)})
}

func (s *Server) render(c *gin.Context, status int, m page.Model) {
	var html bytes.Buffer
	if err := s.pages.Render(&html, m); err != nil {
		s.config.Logger.Error("a page could not be drawn", "cause", err)
		refuse(c, errPanicked)
		return
	}
	c.Data(status, "text/html; charset=utf-8", html.Bytes())
	c.Abort()
}

// pageHeaders are for what a browser shows: our own style, script and images
// (and those just taken, for the preview), in no frame, and no word to other
// sites about where it was.
func pageHeaders(c *gin.Context) {
	asPage(c)
	c.Next()
}

// asPage sets them.
func asPage(c *gin.Context) {
	c.Header("Content-Security-Policy", "default-src 'none'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; "+
		"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	c.Header("X-Frame-Options", "DENY")
	c.Header("Referrer-Policy", "same-origin") // and not none: browsers would then hide where a form came from
	c.Header("Cross-Origin-Opener-Policy", "same-origin")
}
