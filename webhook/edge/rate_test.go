package edge_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/webhook/edge"
)

func TestParseProxies(t *testing.T) {
	for name, test := range map[string]struct {
		text, says string
		want       []string
	}{
		"none": {text: " \n,"},
		"addresses and ranges": {text: "10.1.2.3/8, 192.0.2.1,::1\n2001:db8::/32", want: []string{"10.0.0.0/8",
			"192.0.2.1/32", "::1/128", "2001:db8::/32"}},
		"a name":                  {text: "10.0.0.1,MARKER", says: "proxy 2 is neither an IP address nor a range"},
		"an address with a port":  {text: "10.0.0.1:80", says: "proxy 1"},
		"with a zone":             {text: "fe80::1%eth0", says: "proxy 1"},
		"everybody":               {text: "0.0.0.0/0", says: "refusing to trust every address"},
		"everybody of IPv6":       {text: "::/0", says: "refusing to trust every address"},
		"everybody, the long way": {text: "::ffff:0.0.0.0/96", says: "refusing to trust every address"},
		"IPv4, the long way":      {text: "::ffff:10.1.2.3/104", want: []string{"10.0.0.0/8"}},
	} {
		t.Run(name, func(t *testing.T) {
			proxies, err := edge.ParseProxies(test.text)
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
				require.NotContains(t, err.Error(), "MARKER")
				return
			}
			require.NoError(t, err)
			var got []string
			for _, proxy := range proxies {
				got = append(got, proxy.String())
			}
			require.Equal(t, test.want, got)
		})
	}
}

// FuzzParseProxies: every range that is taken is one, is what Gin makes of it,
// and is not everybody.
func FuzzParseProxies(f *testing.F) {
	for _, text := range []string{"10.1.2.3/8, 192.0.2.1,::1\n2001:db8::/32", "fe80::1%eth0", "0.0.0.0/0",
		"::ffff:192.0.2.9", "::ffff:10.0.0.0/104", "::ffff:0.0.0.0/96", "10.0.0.1:80", " \n,"} {
		f.Add(text)
	}
	ends := []net.IP{net.ParseIP("0.0.0.0"), net.ParseIP("255.255.255.255"), net.ParseIP("::2"), net.ParseIP("ffff::")}
	f.Fuzz(func(t *testing.T, text string) {
		proxies, err := edge.ParseProxies(text)
		if err != nil {
			require.Regexp(t, `^(proxy \d+ is neither an IP address nor a range such as 10\.0\.0\.0/8|refusing to trust every address: list `+
				`your proxies)$`, err.Error())
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
