package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"durablekyc.example/cases"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/weburl"
	"durablekyc.example/kyc"
)

type linkCommand struct {
	reference
	Entity string        `placeholder:"ID" help:"Restrict the link to one entity (default: all entities of the case)."`
	Valid  time.Duration `placeholder:"DURATION" help:"Link lifetime, e.g. 72h (default: until the stage's deadline)."`
}

// link is what the command prints for machines.
type link struct {
	Reference string    `json:"reference"`
	Entity    string    `json:"entity,omitempty"`
	URL       string    `json:"url"`
	Until     time.Time `json:"until"`
}

// Run makes a link. Nothing is stored: any number can be made, and all of them
// are good until they end or are revoked.
func (c linkCommand) Run(ctx context.Context, a *app) error {
	if err := c.check("link"); err != nil {
		return err
	}
	if c.Valid < 0 {
		return usage("link", "--valid must not be negative")
	}
	base, keys, err := a.links()
	if err != nil {
		return err
	}
	view, err := a.withTimeout(ctx, answerWithin, func(ctx context.Context, caseClient cases.Client) (kyc.View, error) {
		return caseClient.Show(ctx, c.Reference)
	})
	if err != nil {
		return of(c.Reference, err)
	}
	if view.Stage.Final() {
		return &cliError{err: fmt.Errorf("%s no longer accepts uploads (stage %s)", c.Reference, view.Stage),
			next: "starter show " + c.Reference}
	}
	var all []string
	for _, e := range view.Entities {
		all = append(all, e.ID)
	}
	if c.Entity != "" && !slices.Contains(all, c.Entity) {
		return &cliError{err: fmt.Errorf("%s has no such entity: %s, %s", c.Reference, c.Entity, didYouMean(c.Entity, all)),
			next: "starter show " + c.Reference}
	}
	until := view.Until
	if soon := a.out.clock().Add(c.Valid); c.Valid > 0 && soon.Before(until) {
		until = soon
	}
	made := link{c.Reference, c.Entity, keys.Address(base, linktoken.Ticket{
		Subject: c.Reference, Part: c.Entity, Epoch: view.Links, Expires: until}), until}
	if a.out.json {
		return a.out.value(made)
	}
	a.out.notef("this link is valid until %s; to revoke it: starter revoke-links %s",
		a.out.local(until), c.Reference)
	a.out.printf("%s", made.URL)
	return nil
}

type revokeCommand struct{ reference }

func (c revokeCommand) Run(ctx context.Context, a *app) error {
	return a.actAndPrint(ctx, "revoke-links", c.reference, cases.Client.RevokeLinks)
}

// links is what it takes to make one that the webhook accepts.
func (a *app) links() (base string, keys linktoken.Keys, err error) {
	lookup, err := a.lookup()
	if err != nil {
		return "", keys, err
	}
	fail := func(name string, err error) (string, linktoken.Keys, error) {
		return "", linktoken.Keys{}, &cliError{err: fmt.Errorf("invalid %s: %w", name, err), next: name +
			"=the-value-of-the-webhook starter …"}
	}
	base, _, err = lookup.Value("KYC_PUBLIC_URL")
	if err == nil && base == "" {
		err = errors.New("it is not set; it is the base URL of the webhook for applicants")
	}
	var public weburl.Base
	if err == nil {
		public, err = weburl.ParseBase(base)
	}
	if err != nil {
		return fail("KYC_PUBLIC_URL", err)
	}
	text, _, err := lookup.Value("KYC_LINK_KEYS")
	if err == nil {
		keys, err = linktoken.ParseKeys(text)
	}
	if err != nil {
		return fail("KYC_LINK_KEYS", err)
	}
	return public.String(), keys, nil
}
