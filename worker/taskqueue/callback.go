package taskqueue

import (
	"fmt"
	"time"

	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/weburl"
)

// maxBaseURL leaves room for path, reference and capability within the 500
// bytes ConnectFi takes for a webhookUrl (S).
const maxBaseURL = 400

// callbackURL makes the URLs that ConnectFi calls back on, one per reference:
// who knows one can say "look again" about that reference and no more.
// The same reference gets the same URL for as long as the newest key stays, so
// that a repeated identification asks for nothing new.
func callbackURL(base string, keys linktoken.Keys) (func(reference string) string, error) {
	b, err := weburl.ParseBase(base)
	if err != nil {
		return nil, fmt.Errorf("invalid callback URL: %w", err)
	}
	if len(b.String()) > maxBaseURL {
		return nil, fmt.Errorf("the callback URL must not be longer than %d bytes", maxBaseURL)
	}
	root := b.String() + "/connectfi/callbacks/"
	return func(reference string) string {
		return root + reference + "/" + keys.Mint(linktoken.Callback, reference)
	}, nil
}

// applicantURL makes links to the applicant's page of a whole case, for events
// that ask for something. A link is as good as those of starter link: it ends
// with the stage, and is revoked with all others of its number.
func applicantURL(base string, keys linktoken.Keys) (func(reference string, links int, until time.Time) string, error) {
	b, err := weburl.ParseBase(base)
	if err != nil {
		return nil, fmt.Errorf("invalid public URL: %w", err)
	}
	return func(reference string, links int, until time.Time) string {
		return keys.Address(b.String(), linktoken.Ticket{Subject: reference, Epoch: links, Expires: until})
	}, nil
}
