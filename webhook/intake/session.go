package intake

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/internal/seal"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/page"
)

// Cookies of the applicant's page.
const (
	sessionCookie  = "kyc_session"
	languageCookie = "kyc_language"
)

// sessionLasts is how long a browser may go on without opening its link again.
const sessionLasts = 12 * time.Hour

// applicant is somebody who opened a link: which case, which part of it, and
// for how long. Nothing is kept here; the cookie is all there is, so any number
// of us serve the same applicant.
type applicant struct{ seal.Ticket }

// admit turns a link into a session, which ends with the link at the latest.
func (s *Server) admit(c *gin.Context, link seal.Ticket) {
	session := link
	if soon := time.Now().Add(sessionLasts); soon.Before(session.Expires) {
		session.Expires = soon
	}
	session.Nonce = rand.Text()
	s.cookie(c, sessionCookie, s.config.Keys.Issue(seal.Session, session), time.Until(session.Expires))
}

// applicant is whoever the cookie says; false if it says nothing that counts.
func (s *Server) applicant(c *gin.Context) (applicant, bool) {
	text, err := c.Cookie(sessionCookie)
	if err != nil {
		return applicant{}, false
	}
	t, err := s.config.Keys.Redeem(seal.Session, text, time.Now())
	if err == nil {
		c.Set(who, "a session of "+t.Subject)
	}
	return applicant{t}, err == nil
}

// csrf is in every form of this session, and in no other's.
func (s *Server) csrf(a applicant) string {
	return s.config.Keys.Issue(seal.Form, a.Ticket)
}

func (s *Server) ours(a applicant, csrf string) bool {
	t, err := s.config.Keys.Redeem(seal.Form, csrf, time.Now())
	return err == nil && t == a.Ticket
}

// may reports whether this entity is the applicant's to send for.
func (a applicant) may(entity string) bool { return a.Part == "" || a.Part == entity }

// revoked reports whether the links of a case were revoked after this one.
func revoked(t seal.Ticket, v kyc.View) bool { return t.Epoch != v.Links }

// cookie sets one that scripts cannot read and other sites do not send along.
func (s *Server) cookie(c *gin.Context, name, value string, lasts time.Duration) {
	http.SetCookie(c.Writer, &http.Cookie{Name: name, Value: value, Path: s.home, MaxAge: int(lasts.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.secure()})
}

// language is the one the applicant chose, now or before, or the browser's.
func (s *Server) language(c *gin.Context) string {
	chosen := c.Query("lang")
	if chosen != "" && page.Language(chosen, "") == chosen {
		s.cookie(c, languageCookie, chosen, 365*24*time.Hour)
	} else {
		chosen, _ = c.Cookie(languageCookie)
	}
	return page.Language(chosen, c.GetHeader("Accept-Language"))
}

// others is this page in the other languages.
func others(lang string) (all []page.Other) {
	for _, l := range page.Languages {
		if l != lang {
			all = append(all, page.Other{Lang: l, URL: "?lang=" + l})
		}
	}
	return all
}
