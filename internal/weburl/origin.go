package weburl

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// ParseOrigin writes an origin as browsers send it (HTML, "ASCII serialisation of
// an origin"): in lower case, a name of another alphabet as punycode, and
// without the port that its scheme has anyway.
func ParseOrigin(origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Contains(origin, "*") ||
		!strings.EqualFold(origin, u.Scheme+"://"+u.Host) {
		return "", fmt.Errorf("%q is not an origin (want scheme://host[:port], no wildcard)", origin)
	}
	host, port := u.Hostname(), u.Port()
	if net.ParseIP(host) == nil {
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			return "", fmt.Errorf("%q is not an origin: browsers do not accept its host name", origin)
		}
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	host = strings.ToLower(host)
	if port == "" || port == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		return u.Scheme + "://" + host, nil
	}
	return u.Scheme + "://" + host + ":" + port, nil
}

// Loopback reports whether the address is this machine's own: browsers trust it
// without TLS.
func (b Base) Loopback() bool {
	u, err := url.Parse(b.origin)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
