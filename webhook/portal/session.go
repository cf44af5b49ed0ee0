package portal

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/page"
)

// Cookies of the applicant's page. Every session has one of its own, whose name
// ends in the session's id, so that two links in one browser stay apart.
const (
	sessionCookie  = "kyc_session_"
	languageCookie = "kyc_language"
)

// maxSessions is how many sessions one browser keeps. Browsers send all of
// their cookies with every request, and proxies take 8 KB of them; on a device
// that many applicants share, the oldest session ends for the newest.
const maxSessions = 20

// sessionLasts is how long a browser may go on without opening its link again.
const sessionLasts = 12 * time.Hour

// applicant is somebody who opened a link: which case, which part of it, and
// for how long. Nothing is kept here; the cookie is all there is, so any number
// of us serve the same applicant.
type applicant struct{ linktoken.Ticket }

// caseOf is the address of a session: it names the session, so a page and its
// form stay with whom they were made for, whatever else the browser opens. The
// id is no secret; the cookie is.
func (p *Portal) caseOf(a applicant) string { return p.home + "/case/" + a.Nonce }

// same reports whether a ticket is for the same part of the same case.
func (a applicant) same(t linktoken.Ticket) bool {
	return a.Subject == t.Subject && a.Part == t.Part && a.Epoch == t.Epoch
}

// startSession turns a link into a session, which ends with the link at the latest. In
// a browser that has a session of this part of this case already, it is the same
// one: its other tabs go on, and their forms can be sent.
func (p *Portal) startSession(c *gin.Context, link linktoken.Ticket) applicant {
	session := applicant{link}
	if soon := time.Now().Add(sessionLasts); soon.Before(session.Expires) {
		session.Expires = soon
	}
	session.Nonce = rand.Text()
	all := p.sessions(c)
	if i := slices.IndexFunc(all, func(a applicant) bool { return a.same(link) }); i >= 0 {
		session.Nonce = all[i].Nonce
		if all[i].Expires.After(session.Expires) {
			session.Expires = all[i].Expires
		}
	} else if len(all) >= maxSessions {
		for _, old := range all[:len(all)-maxSessions+1] {
			p.cookie(c, sessionCookie+old.Nonce, "", -time.Second)
		}
	}
	value := p.edge.Keys.Issue(linktoken.Session, session.Ticket)
	p.cookie(c, sessionCookie+session.Nonce, value, time.Until(session.Expires))
	return session
}

// sessions are those of this browser that count, the first to end first.
func (p *Portal) sessions(c *gin.Context) (all []applicant) {
	for _, cookie := range c.Request.Cookies() {
		id, is := strings.CutPrefix(cookie.Name, sessionCookie)
		if !is {
			continue
		}
		// The name is the client's to choose; the id is sealed into the ticket.
		t, err := p.edge.Keys.Redeem(linktoken.Session, cookie.Value, time.Now())
		twice := slices.ContainsFunc(all, func(a applicant) bool { return a.Nonce == id })
		if err == nil && t.Nonce == id && !twice {
			all = append(all, applicant{t})
		}
	}
	slices.SortFunc(all, func(a, b applicant) int {
		return cmp.Or(a.Expires.Compare(b.Expires), cmp.Compare(a.Nonce, b.Nonce))
	})
	return all
}

// applicant is the holder of the session that the address names, or of the only
// one in this browser if it names none; false if there is none, which is
// answered then.
func (p *Portal) applicant(c *gin.Context) (applicant, bool) {
	all := p.sessions(c)
	if id := c.Param("session"); id != "" {
		all = slices.DeleteFunc(all, func(a applicant) bool { return a.Nonce != id })
	}
	switch {
	case len(all) == 1:
		edge.SetCaller(c, "a session of "+all[0].Subject)
		return all[0], true
	case len(all) > 1: // never a guess: the photos are one person's
		p.renderMessage(c, http.StatusForbidden, "which_check")
	default:
		p.renderMessage(c, http.StatusForbidden, "session_over")
	}
	return applicant{}, false
}

// back is where an applicant goes on after a message: the page of the session
// that the address names, or the link.
func (p *Portal) back(c *gin.Context) string {
	if link := c.Param("ticket"); link != "" {
		return p.home + "/link/" + link
	}
	if id := c.Param("session"); id != "" {
		return p.home + "/case/" + id
	}
	return p.home + "/case"
}

// csrf is in every form of this session, and in no other's.
func (p *Portal) csrf(a applicant) string {
	return p.edge.Keys.Issue(linktoken.Form, a.Ticket)
}

// validCSRF reports whether a form is of this session, which may have been renewed
// since the form was made.
func (p *Portal) validCSRF(a applicant, csrf string) bool {
	t, err := p.edge.Keys.Redeem(linktoken.Form, csrf, time.Now())
	return err == nil && a.same(t) && t.Nonce == a.Nonce
}

// canActFor reports whether this entity is the applicant's to send for.
func (a applicant) canActFor(entity string) bool { return a.Part == "" || a.Part == entity }

// revoked reports whether the links of a case were revoked after this one.
func revoked(t linktoken.Ticket, v kyc.View) bool { return t.Epoch != v.Links }

// cookie sets one that scripts cannot read and other sites do not send along. In
// a frame of another site it is sent all the same, but only below that site: it
// is partitioned.
func (p *Portal) cookie(c *gin.Context, name, value string, lasts time.Duration) {
	cookie := &http.Cookie{Name: name, Value: value, Path: p.home, MaxAge: int(lasts.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: p.edge.Secure()}
	if p.framed() {
		cookie.SameSite, cookie.Secure, cookie.Partitioned = http.SameSiteNoneMode, true, true
	}
	http.SetCookie(c.Writer, cookie)
}

// framed reports whether pages of some origins may show ours in a frame.
func (p *Portal) framed() bool { return len(p.config.Frames) > 0 }

// language is the one the applicant chose, now or before, or the browser's.
func (p *Portal) language(c *gin.Context) string {
	chosen := c.Query("lang")
	if chosen != "" && p.pages.Language(chosen, "") == chosen {
		p.cookie(c, languageCookie, chosen, 365*24*time.Hour)
	} else {
		chosen, _ = c.Cookie(languageCookie)
	}
	return p.pages.Language(chosen, c.GetHeader("Accept-Language"))
}

// alternates is this page in the other languages: the same step of the same person.
func (p *Portal) alternates(c *gin.Context, lang string) (all []page.Other) {
	if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		return nil
	}
	for _, l := range p.pages.Languages() {
		if l == lang {
			continue
		}
		query := url.Values{"lang": {l}}
		for _, name := range []string{"for", "step"} {
			if value := c.Query(name); value != "" {
				query.Set(name, value)
			}
		}
		all = append(all, page.Other{Lang: l, URL: "?" + query.Encode()})
	}
	return all
}
