package edge

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"
)

// forwardedFor is the header that every proxy extends instead of passing it on.
const forwardedFor = "X-Forwarded-For"

// Why a request that a trusted proxy passed on counts as the proxy's own.
const (
	forwardedMissing    = "missing"    // the proxy did not set the header: a health check, or a proxy without that setting
	forwardedUnreadable = "unreadable" // the nearest part of it is not an address
)

// Address is what a request is counted by. Of IPv6 it is the first half, which
// is one household's or one machine's: the other half is free to choose.
func (e *Edge) Address(c *gin.Context) string {
	ip, why := clientAddress(c.Request, e.proxies)
	if why != "" {
		e.countsAsProxy(why)
	}
	if !ip.IsValid() {
		return "" // all requests without an address share one rate
	}
	if ip.Is4() {
		return ip.String()
	}
	network, _ := ip.Prefix(64) // 64 is a good number of bits
	return network.String()
}

// countsAsProxy counts a request whose client is not known, and logs the reason
// once an hour: every client behind that proxy shares one rate meanwhile.
func (e *Edge) countsAsProxy(why string) {
	e.metrics.forwarded.WithLabelValues(why).Inc()
	e.unforwarded[why].Do(func() {
		e.Logger.Warn("a trusted proxy sent no client address; the request counts as the proxy's own",
			"header", forwardedFor, "reason", why)
	})
}

func hourly() map[string]*rate.Sometimes {
	return map[string]*rate.Sometimes{
		forwardedMissing: {First: 1, Interval: time.Hour}, forwardedUnreadable: {First: 1, Interval: time.Hour}}
}

// clientAddress is the address of the nearest host that is not a trusted proxy.
// Each proxy appends the address it was called from, so the header is read from
// its end and only as far as trusted proxies wrote it; what comes before that
// anybody may have made up. A reason says why the address is a proxy's after all.
func clientAddress(r *http.Request, proxies []netip.Prefix) (ip netip.Addr, why string) {
	ip, ok := parseAddress(r.RemoteAddr)
	if !ok || !trusted(ip, proxies) {
		return ip, ""
	}
	chain := strings.Join(r.Header.Values(forwardedFor), ",") // several lines are one list (RFC 9110, 5.3)
	if strings.Trim(chain, ", \t") == "" {
		return ip, forwardedMissing
	}
	for chain != "" {
		at := strings.LastIndexByte(chain, ',')
		part := strings.Trim(chain[at+1:], " \t")
		chain = chain[:max(at, 0)]
		if part == "" {
			continue // empty elements of a list count for nothing (RFC 9110, 5.6.1)
		}
		before, ok := parseAddress(part)
		if !ok {
			return ip, forwardedUnreadable
		}
		if ip = before; !trusted(ip, proxies) {
			break
		}
	}
	return ip, ""
}

func trusted(ip netip.Addr, proxies []netip.Prefix) bool {
	for _, proxy := range proxies {
		if proxy.Contains(ip) {
			return true
		}
	}
	return false
}

// parseAddress reads an address as proxies write it: alone, with a port, IPv6 in
// brackets or not, with a zone, in quotes. IPv4 written as IPv6 is IPv4, and the
// zone is left out: it names an interface of the proxy's.
func parseAddress(text string) (netip.Addr, bool) {
	text = strings.Trim(text, `"`)
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		var with netip.AddrPort
		if with, err = netip.ParseAddrPort(text); err != nil {
			return netip.Addr{}, false
		}
		ip = with.Addr()
	}
	return ip.Unmap().WithZone(""), true
}
