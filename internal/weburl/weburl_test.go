package weburl_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/weburl"
)

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		text, host, request string // as the request line has it
		err                 error
	}{
		"as it is":             {text: "https://example.com/hook?a=b", host: "example.com", request: "/hook?a=b"},
		"no path":              {text: "https://example.com", host: "example.com", request: "/"},
		"a port":               {text: "http://example.com:8080/x", host: "example.com:8080", request: "/x"},
		"the scheme's port":    {text: "HTTPS://Example.com:443/x", host: "example.com", request: "/x"},
		"a space in the query": {text: "http://h.example/hook?a=b c", host: "h.example", request: "/hook?a=b%20c"},
		"a letter in the query": {text: "http://h.example/hook?name=José", host: "h.example",
			request: "/hook?name=Jos%C3%A9"},
		"a space in the path": {text: "http://h.example/a b/ö", host: "h.example", request: "/a%20b/%C3%B6"},
		"quotes":              {text: `http://h.example/"?q='"`, host: "h.example", request: "/%22?q=%27%22"},
		"escaped already": {text: "http://h.example/a%20b?c=%C3%A9+d", host: "h.example",
			request: "/a%20b?c=%C3%A9+d"},
		"no good escape":            {text: "http://h.example/%zz?100%", host: "h.example", request: "/%zz?100%"},
		"what Go would escape":      {text: "http://h.example/a|b[c]?{d}", host: "h.example", request: "/a|b[c]?{d}"},
		"a fragment is not sent":    {text: "http://h.example/x#part", host: "h.example", request: "/x"},
		"a backslash in the query":  {text: `http://h.example/x?a\b`, host: "h.example", request: `/x?a\b`},
		"dots":                      {text: "http://h.example/a/../b", host: "h.example", request: "/b"},
		"an internationalised host": {text: "https://bücher.example/x", host: "xn--bcher-kva.example", request: "/x"},
		"another alphabet":          {text: "https://例え.テスト/", host: "xn--r8jz45g.xn--zckzah", request: "/"},
		"IPv6":                      {text: "http://[2001:DB8::1]:81/x", host: "[2001:db8::1]:81", request: "/x"},
		"a number is IPv4":          {text: "http://2130706433/x", host: "127.0.0.1", request: "/x"},
		"no scheme":                 {text: "example.com/hook", err: weburl.ErrScheme},
		"another scheme":            {text: "ftp://example.com/hook", err: weburl.ErrScheme},
		"a host and a port":         {text: "127.0.0.1:18099/x", err: weburl.ErrScheme},
		"a path":                    {text: "/hook", err: weburl.ErrScheme},
		"slashes and a host":        {text: "//example.com/hook", err: weburl.ErrScheme},
		"one slash":                 {text: "http:/example.com", err: weburl.ErrScheme},
		"a script":                  {text: "javascript:alert(1)", err: weburl.ErrScheme},
		"nothing":                   {text: "", err: weburl.ErrScheme},
		"no host":                   {text: "http://", err: weburl.ErrHost},
		"a port without a host":     {text: "http://:80/x", err: weburl.ErrHost},
		"a slash too many":          {text: "http:///example.com/x", err: weburl.ErrHost},
		"a user without a host":     {text: "http://me@/x", err: weburl.ErrForm},
		"leading or trailing space": {text: " http://example.com/x", err: weburl.ErrBlank},
		"a blank behind":            {text: "http://example.com/x ", err: weburl.ErrBlank},
		"a line break":              {text: "http://example.com/x\ny", err: weburl.ErrBlank},
		"a tab":                     {text: "http://exam\tple.com/x", err: weburl.ErrBlank},
		"backslashes":               {text: `http:\\example.com\x`, err: weburl.ErrScheme},
		"a backslash in the path":   {text: `http://example.com\x`, err: weburl.ErrBackslash},
		"port 99999":                {text: "http://example.com:99999/x", err: weburl.ErrForm},
		"port 0":                    {text: "http://example.com:0/x", err: weburl.ErrPort},
		"a port in letters":         {text: "http://example.com:http/x", err: weburl.ErrForm},
		"a space in the host":       {text: "http://exa mple.com/x", err: weburl.ErrForm},
		"an escape in the host":     {text: "http://exa%2fmple.com/x", err: weburl.ErrForm},
		"a number beyond IPv4":      {text: "http://1.2.3.4.5/x", err: weburl.ErrForm},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := weburl.Parse(test.text)
			require.ErrorIs(t, err, test.err)
			if test.err != nil {
				return
			}
			require.Equal(t, test.host, u.Host)
			require.Equal(t, test.request, u.RequestURI())
		})
	}
}

func TestParseKeepsAUser(t *testing.T) {
	u, err := weburl.Parse("https://me:p%40ss wörd@example.com/x")
	require.NoError(t, err)
	password, _ := u.User.Password()
	require.Equal(t, "me", u.User.Username())
	require.Equal(t, "p@ss wörd", password)
}

func TestParseBase(t *testing.T) {
	for name, test := range map[string]struct {
		text, want, origin, path string
		err                      error
	}{
		"a host": {text: "https://kyc.example.com", want: "https://kyc.example.com",
			origin: "https://kyc.example.com"},
		"a slash behind": {text: "https://kyc.example.com/", want: "https://kyc.example.com",
			origin: "https://kyc.example.com"},
		"a path": {text: "https://Example.com:443/kyc/", want: "https://example.com/kyc",
			origin: "https://example.com", path: "/kyc"},
		"two steps": {text: "http://127.0.0.1:8080/a/b", want: "http://127.0.0.1:8080/a/b",
			origin: "http://127.0.0.1:8080", path: "/a/b"},
		"letters": {text: "https://prüfung.example/prüfung", want: "https://xn--prfung-4ya.example/pr%C3%BCfung",
			origin: "https://xn--prfung-4ya.example", path: "/pr%C3%BCfung"},
		"a query":          {text: "https://example.com?x=1", err: weburl.ErrBase},
		"an empty query":   {text: "https://example.com/kyc?", err: weburl.ErrBase},
		"a fragment":       {text: "https://example.com/#x", err: weburl.ErrBase},
		"a user":           {text: "https://me@example.com", err: weburl.ErrBase},
		"a semicolon":      {text: "https://example.com/a;b", err: weburl.ErrBase},
		"slashes in a row": {text: "https://example.com/a//b", err: weburl.ErrBase},
		"no scheme":        {text: "kyc.example.com", err: weburl.ErrScheme},
		"a blank behind":   {text: "https://example.com ", err: weburl.ErrBlank},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := weburl.ParseBase(test.text)
			require.ErrorIs(t, err, test.err)
			require.Equal(t, test.want, b.String())
			require.Equal(t, test.origin, b.Origin())
			require.Equal(t, test.path, b.Path())
		})
	}
}
