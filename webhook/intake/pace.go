package intake

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// Rate is how often something may be done: one every so often, after a burst.
type Rate struct {
	Every time.Duration
	Burst int
}

// How often strangers and programs may call where nothing else is configured.
// A page with all it shows is five requests, so many applicants fit behind one
// address; a program that was let in is trusted with ten times as much.
var (
	addressRate = Rate{Every: time.Second / 50, Burst: 200}
	tokenRate   = Rate{Every: time.Second / 500, Burst: 2000}
)

// orDefault is the rate, or another one where this one says nothing.
func (r Rate) orDefault(other Rate) Rate {
	if r.Every <= 0 {
		r.Every = other.Every
	}
	if r.Burst <= 0 {
		r.Burst = other.Burst
	}
	return r
}

// limited is what is answered to whoever must wait first.
type tooFast struct{ wait time.Duration }

func (e tooFast) Error() string { return "too many requests" }

// rateLimit holds up an address that asks more often than any crowd of applicants.
// It stands before every route but the callback's, which ConnectFi calls once
// and never again (places and slots bound that one), and the API's, which looks for a token
// first: see api.admit.
func (s *Server) rateLimit(c *gin.Context) {
	wait := s.addresses.wait(s.address(c))
	switch {
	case wait <= 0:
		c.Next()
	case strings.HasPrefix(c.FullPath(), applicantPath+"/"):
		s.renderTooManyRequests(c, wait)
	default:
		s.writeError(c, tooFast{wait})
	}
}

// ParseProxies reads addresses and ranges, separated by commas or line ends, of
// proxies whose X-Forwarded-For is believed. No error repeats any of them.
func ParseProxies(text string) (proxies []netip.Prefix, err error) {
	for i, field := range fields(text) {
		proxy, err := netip.ParsePrefix(field)
		if ip, is := netip.ParseAddr(field); is == nil && ip.Zone() == "" {
			proxy, err = ip.Prefix(ip.BitLen())
		}
		if err == nil && proxy.Addr().Is4In6() && proxy.Bits() >= 96 { // IPv4 as IPv6 has it is IPv4 to whoever compares
			proxy = netip.PrefixFrom(proxy.Addr().Unmap(), proxy.Bits()-96)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("proxy %d is neither an address nor a range such as 10.0.0.0/8", i+1)
		case proxy.Bits() == 0:
			return nil, errors.New("a range of everybody would let anybody say who they are: name the proxies")
		}
		proxies = append(proxies, proxy.Masked())
	}
	return proxies, nil
}
