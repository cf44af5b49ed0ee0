package edge

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/internal/config"
)

// Rate is how often something may be done: one every so often, after a burst.
type Rate struct {
	Every time.Duration
	Burst int
}

// RateLimit holds up an address that asks more often than any crowd of applicants.
// It applies to every route but the callback's, which ConnectFi calls once
// and never again (its own slots bound that one), and the API's, which looks for
// a token first.
func (e *Edge) RateLimit(c *gin.Context) {
	if wait := e.AddressWait(c); wait > 0 {
		e.WriteError(c, TooFastError{wait})
		return
	}
	c.Next()
}

// AddressWait counts a request of its address, and is how long the client must
// wait before this one is taken; zero takes it.
func (e *Edge) AddressWait(c *gin.Context) time.Duration { return e.addresses.Wait(e.Address(c)) }

// ParseProxies reads addresses and ranges, separated by commas or line ends, of
// proxies whose X-Forwarded-For is believed. No error repeats any of them.
func ParseProxies(text string) (proxies []netip.Prefix, err error) {
	for i, field := range config.Fields(text) {
		proxy, err := netip.ParsePrefix(field)
		if ip, is := netip.ParseAddr(field); is == nil && ip.Zone() == "" {
			proxy, err = ip.Prefix(ip.BitLen())
		}
		if err == nil && proxy.Addr().Is4In6() && proxy.Bits() >= 96 { // IPv4 in IPv6 is compared as IPv4
			proxy = netip.PrefixFrom(proxy.Addr().Unmap(), proxy.Bits()-96)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("proxy %d is neither an IP address nor a range such as 10.0.0.0/8", i+1)
		case proxy.Bits() == 0:
			return nil, errors.New("refusing to trust every address: list your proxies")
		}
		proxies = append(proxies, proxy.Masked())
	}
	return proxies, nil
}
