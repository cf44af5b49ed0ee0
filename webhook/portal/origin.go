package portal

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"durablekyc.example/webhook/page"
)

// openedCookie says that this browser has opened a link. It is Strict: no browser
// sends it along with what another site's page makes it send.
const openedCookie = "kyc_opened"

// sameSite refuses what another site's page makes a browser send. The origin of
// KYC_PUBLIC_URL counts as ours whatever Host a proxy writes.
func (p *Portal) sameSite(c *gin.Context) {
	if err := p.crossOrigin.Check(c.Request); err == nil || hidesOrigin(c) && hasOpened(c) {
		c.Next()
		return
	}
	p.edge.LogSample("form rejected: its Origin matches neither the Host header nor KYC_PUBLIC_URL. If this affects "+
		"your applicants, set KYC_PUBLIC_URL to the address that browsers show, or have the proxy forward Host",
		"origin", map[bool]string{true: "null", false: "another"}[c.GetHeader("Origin") == "null"])
	p.message(c, http.StatusForbidden, page.Message{Code: "other_site"})
}

// hidesOrigin reports whether a browser, old enough not to say Sec-Fetch-Site,
// does not say either which page a form comes from: a proxy that sets a stricter
// Referrer-Policy makes it. What another site sends may look the same.
func hidesOrigin(c *gin.Context) bool {
	return c.GetHeader("Origin") == "null" && c.GetHeader("Sec-Fetch-Site") == ""
}

func hasOpened(c *gin.Context) bool {
	_, err := c.Cookie(openedCookie)
	return err == nil
}

// rememberOpened gives the browser the cookie that tells our own page from
// another site's where nothing else does.
func (p *Portal) rememberOpened(c *gin.Context) {
	http.SetCookie(c.Writer, &http.Cookie{Name: openedCookie, Value: "1", Path: p.home,
		MaxAge: int(sessionLasts.Seconds()), HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: p.edge.Secure()})
}
