package taskqueue

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"durablekyc.example/internal/seal"
)

// longestBase leaves room for path, reference and capability within the 500
// bytes ConnectFi takes for a webhookUrl (S).
const longestBase = 400

// callbackURL makes the URLs that ConnectFi calls back on, one per reference:
// whoever knows one can say "look again" about that reference and no more.
// The same reference gets the same URL for as long as the newest key stays, so
// that a repeated identification asks for nothing new.
func callbackURL(base string, keys seal.Keys) (func(reference string) string, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the callback URL must be an http or https URL")
	case u.RawQuery != "", u.Fragment != "", u.User != nil, len(base) > longestBase, strings.ContainsAny(base, "<>"):
		return nil, errors.New("the callback URL must have no query, fragment, user or angle brackets, and at most 400 bytes")
	}
	root := strings.TrimSuffix(base, "/") + "/connectfi/callbacks/"
	return func(reference string) string {
		return root + reference + "/" + keys.Mint(seal.Callback, reference)
	}, nil
}

// applicantURL makes links to the applicant's page of a whole case, for events
// that ask for something. A link is as good as those of starter link: it ends
// with the stage, and is revoked with all others of its number.
func applicantURL(base string, keys seal.Keys) (func(reference string, links int, until time.Time) string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the public URL must be an http or https URL")
	}
	return func(reference string, links int, until time.Time) string {
		return keys.Address(base, seal.Ticket{Subject: reference, Epoch: links, Expires: until})
	}, nil
}
