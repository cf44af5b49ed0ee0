// Package weburl reads URLs as the WHATWG URL standard does, which is what
// browsers and JavaScript clients such as ConnectFi's go by: spaces, letters of
// any alphabet and internationalised hosts are taken and sent in ASCII.
package weburl

import (
	"errors"
	"net/url"
	"strings"

	whatwg "github.com/nlnwa/whatwg-url/url"
)

// What is wrong with a URL. No error repeats any of it: it may hold a secret.
var (
	ErrScheme    = errors.New("it must start with http:// or https://")
	ErrHost      = errors.New("it has no host")
	ErrBlank     = errors.New("it has leading or trailing space, a line break or another control character")
	ErrBackslash = errors.New("it has a backslash instead of a slash")
	ErrPort      = errors.New("its port must be a number from 1 to 65535")
	ErrForm      = errors.New("its host is invalid, or its port is not a number from 1 to 65535")
	ErrBase      = errors.New("it must be an address such as https://kyc.example.com or https://example.com/kyc, " +
		"without a query, a fragment, a user or a semicolon")
)

// Parse reads an absolute http or https URL. Where the standard guesses what
// could have been meant (a blank in front, backslashes, slashes left out or too
// many), it refuses. The result is ready to be requested: its Opaque is the path
// as the standard writes it, which Go's own parser would write another way.
func Parse(text string) (*url.URL, error) {
	parsed, err := parse(text)
	if err != nil {
		return nil, err
	}
	u := &url.URL{Scheme: parsed.Scheme(), Host: parsed.Host(), Opaque: parsed.Pathname(), RawQuery: parsed.Query()}
	if parsed.Username() != "" || parsed.Password() != "" {
		name, _ := url.PathUnescape(parsed.Username()) // the standard has encoded what it keeps
		password, _ := url.PathUnescape(parsed.Password())
		u.User = url.UserPassword(name, password)
	}
	return u, nil
}

// Fault says why a URL cannot be requested, in one of the sentences above; empty
// if it can.
func Fault(text string) string {
	if _, err := parse(text); err != nil {
		return err.Error()
	}
	return ""
}

func parse(text string) (*whatwg.Url, error) {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	if strings.TrimSpace(text) != text || strings.ContainsFunc(text, control) {
		return nil, ErrBlank
	}
	scheme, rest, found := strings.Cut(text, "://")
	if scheme = strings.ToLower(scheme); !found || scheme != "http" && scheme != "https" {
		return nil, ErrScheme
	}
	before, _, _ := strings.Cut(rest, "#")
	before, _, _ = strings.Cut(before, "?")
	switch {
	case strings.Contains(before, `\`):
		return nil, ErrBackslash
	case before == "", before[0] == '/', before[0] == ':':
		return nil, ErrHost
	}
	parsed, err := whatwg.Parse(text)
	switch {
	case err != nil:
		return nil, ErrForm
	case parsed.Hostname() == "":
		return nil, ErrHost
	case parsed.Port() == "0":
		return nil, ErrPort
	}
	return parsed, nil
}

// Base is an address of ours that more is put behind: in ASCII, without a slash
// at its end. Its path, if it has one, begins with a slash.
type Base struct{ text, origin, path string }

// ParseBase reads the address of a service of ours, with or without a path.
func ParseBase(text string) (Base, error) {
	u, err := parse(text)
	if err != nil {
		return Base{}, err
	}
	if strings.ContainsAny(text, "?#;") || u.Username() != "" || u.Password() != "" {
		return Base{}, ErrBase
	}
	b := Base{origin: u.Scheme() + "://" + u.Host(), path: strings.TrimRight(u.Pathname(), "/")}
	if strings.Contains(b.path, "//") {
		return Base{}, ErrBase // proxies make one slash of them
	}
	b.text = b.origin + b.path
	return b, nil
}

// String is the address, such as https://example.com/kyc.
func (b Base) String() string { return b.text }

// Origin is what browsers send as Origin from its pages, such as https://example.com.
func (b Base) Origin() string { return b.origin }

// Path is empty or such as /kyc.
func (b Base) Path() string { return b.path }

// Secure reports whether it is https.
func (b Base) Secure() bool { return strings.HasPrefix(b.origin, "https:") }
