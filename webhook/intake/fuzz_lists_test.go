package intake_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/webhook/intake"
)

// FuzzParseProxies: every range that is taken is one, is what Gin makes of it,
// and is not everybody.
func FuzzParseProxies(f *testing.F) {
	for _, text := range []string{"10.1.2.3/8, 192.0.2.1,::1\n2001:db8::/32", "fe80::1%eth0", "0.0.0.0/0", "::ffff:192.0.2.9", "::ffff:10.0.0.0/104", "::ffff:0.0.0.0/96", "10.0.0.1:80", " \n,"} {
		f.Add(text)
	}
	ends := []net.IP{net.ParseIP("0.0.0.0"), net.ParseIP("255.255.255.255"), net.ParseIP("::2"), net.ParseIP("ffff::")}
	f.Fuzz(func(t *testing.T, text string) {
		proxies, err := intake.ParseProxies(text)
		if err != nil {
			require.Regexp(t, `^(proxy \d+ is neither an address nor a range such as 10\.0\.0\.0/8|a range of everybody would let anybody say who they are: name the proxies)$`, err.Error())
			return
		}
		for _, proxy := range proxies {
			require.True(t, proxy.IsValid())
			require.Equal(t, proxy, proxy.Masked())
			same, err := netip.ParsePrefix(proxy.String())
			require.NoError(t, err)
			require.Equal(t, proxy, same)
			_, believed, err := net.ParseCIDR(proxy.String()) // as Gin does
			require.NoError(t, err)
			require.False(t, believed.Contains(ends[0]) && believed.Contains(ends[1]), "%s is everybody", proxy)
			require.False(t, believed.Contains(ends[2]) && believed.Contains(ends[3]), "%s is everybody", proxy)
		}
	})
}

// FuzzParseCredentials: no text that is refused is repeated, and none that is
// taken is shown.
func FuzzParseCredentials(f *testing.F) {
	f.Add(apiToken, apiLogin+":"+apiPassword)
	f.Add(apiToken+",\nanother-token-that-does-not-end", "a:b\r\nc:d")
	f.Add("short", "no colon")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, tokens, logins string) {
		c, err := intake.ParseCredentials(tokens, logins)
		if err != nil {
			require.Regexp(t, `^(token \d+ needs at least 16 characters, and only such as a header takes|login \d+ must be login:password, `+
				`the login of 1 to 36 letters, digits or underscores, the password of 1 to 50 characters)$`, err.Error())
			require.True(t, c.None())
			return
		}
		require.Regexp(t, `^(no credentials|\d+ tokens and \d+ logins, not shown)$`, c.String())
	})
}
