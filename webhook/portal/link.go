package portal

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/page"
)

// getLink shows what a link is for. Programs open links, too: nothing is spent.
// Where the page asks for news, it is answered only if there are some.
func (p *Portal) getLink(c *gin.Context) {
	link, v, ok := p.link(c)
	if !ok {
		return
	}
	revision := strconv.Itoa(v.Version)
	if since, asks := c.GetQuery("rev"); asks && since == revision {
		c.Status(http.StatusNoContent)
		return
	}
	if c.Query("rev") != "" && !anyWanted(applicant{link}, v) { // sent from the phone
		p.message(c, http.StatusOK, page.Message{Code: "elsewhere", For: whom(link, v)})
		return
	}
	lang, here := p.language(c), p.home+"/link/"+c.Param("ticket")
	p.rememberOpened(c)
	if c.Request.Method == http.MethodGet && c.Query("rev") == "" {
		p.metrics.count(c, "opened")
	}
	p.render(c, http.StatusOK, page.Landing{Lang: lang, Action: here, News: here + "?rev=" + revision,
		Others: p.alternates(c, lang), QR: p.qr(link), For: whom(link, v)})
}

// anyWanted reports whether there is something to send for an applicant.
func anyWanted(a applicant, v kyc.View) bool {
	return slices.ContainsFunc(a.mine(v), func(e kyc.EntityView) bool { return wants(v, e) })
}

// postLink exchanges a link for a session, so that no secret stays in an address.
func (p *Portal) postLink(c *gin.Context) {
	if link, _, ok := p.link(c); ok {
		c.Redirect(http.StatusSeeOther, p.caseOf(p.startSession(c, link))+"?"+started)
	}
}

// link is the one in the address; false if it is good for nothing, which is
// answered then.
func (p *Portal) link(c *gin.Context) (link linktoken.Ticket, v kyc.View, ok bool) {
	link, text, err := p.readLink(c.Param("ticket"))
	c.Params = gin.Params{{Key: "ticket", Value: text}} // as it was given out, from here on
	switch {
	case errors.Is(err, linktoken.ErrExpired):
		p.renderMessage(c, http.StatusGone, "link_expired")
		return link, v, false
	case err != nil:
		p.renderMessage(c, http.StatusNotFound, "link_unknown")
		return link, v, false
	}
	edge.SetCaller(c, "a link of "+link.Subject)
	p.expedite(c, link.Subject)
	v, ok = p.loadCase(c, link)
	return link, v, ok
}

// expediteTimeout is how long the page waits for a case to be expedited.
const expediteTimeout = 2 * time.Second

// expedite lets the case of an applicant who has come go before the rest of its batch. The page is shown all the same
// where that fails: only later.
func (p *Portal) expedite(c *gin.Context, reference string) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), expediteTimeout)
	defer cancel()
	_ = p.edge.Cases.Expedite(ctx, reference)
}

// encoded is a byte as mail programs write it ("quoted-printable").
var encoded = regexp.MustCompile(`=[0-9A-F]{2}`)

// readLink reads a ticket as mail programs leave it: with a full stop or a bracket
// behind it, broken by blanks or line ends, encoded. Whatever is left of it must
// still be a ticket, to the letter; text is that ticket.
func (p *Portal) readLink(raw string) (link linktoken.Ticket, text string, err error) {
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
		link, err := p.edge.Keys.Redeem(linktoken.Link, text, time.Now())
		if !errors.Is(err, linktoken.ErrForged) {
			return link, text, err
		}
	}
	return link, raw, linktoken.ErrForged
}

// ShowBrokenLink answers a request to an address that is nobody's, and reports
// whether it did: a link may have become one of them, by a slash.
func (p *Portal) ShowBrokenLink(c *gin.Context) bool {
	rest, is := strings.CutPrefix(c.Request.URL.Path, root+"/link/")
	if !is || c.Request.Method != http.MethodGet {
		return false
	}
	p.asPage(c)
	c.Params = gin.Params{{Key: "ticket", Value: rest}}
	p.getLink(c)
	return true
}
