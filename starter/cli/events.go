package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"durablekyc.example/cases"
	"durablekyc.example/internal/weburl"
	"durablekyc.example/workflows"
)

type eventsCommand struct{ reference }

// Run prints the notifications of a case.
func (c eventsCommand) Run(ctx context.Context, a *app) error {
	if err := c.check("events"); err != nil {
		return err
	}
	events, err := a.events(ctx, c.Reference, func(ctx context.Context, caseClient cases.Client) ([]workflows.Event,
		error) {
		return caseClient.Events(ctx, c.Reference)
	})
	if err != nil {
		return err
	}
	return a.out.events(c.Reference, events, "starter resend "+c.Reference)
}

type resendCommand struct {
	reference
	Event      string `arg:"" optional:"" help:"Notification id, or number in starter events (default: all undelivered ones)."`
	WebhookURL string `name:"webhook-url" placeholder:"URL" help:"New URL for the caller's notifications, these and all later ones of the case."`
}

// Run sends again. The id stays, so a receiver that has the event already
// knows it.
func (c resendCommand) Run(ctx context.Context, a *app) error {
	if err := c.check("resend"); err != nil {
		return err
	}
	if fault := weburl.Fault(c.WebhookURL); c.WebhookURL != "" && fault != "" {
		return usage("resend", "invalid webhook URL: %s", fault)
	}
	open := false
	events, err := a.events(ctx, c.Reference, func(ctx context.Context, caseClient cases.Client) (events []workflows.Event,
		err error) {
		if c.WebhookURL == "" {
			return caseClient.Resend(ctx, c.Reference, c.Event)
		}
		events, open, err = caseClient.Redirect(ctx, c.Reference, c.Event, c.WebhookURL)
		return events, err
	})
	if refused, ok := errors.AsType[*cases.RefusedError](err); ok {
		if open {
			a.out.notef("later notifications of %s go to the new webhook URL", c.Reference)
		}
		return &cliError{err: fmt.Errorf("cannot resend notifications of %s: %s", c.Reference, refused.Reason),
			next: "starter events " + c.Reference}
	}
	if err != nil {
		return err
	}
	switch {
	case c.WebhookURL == "":
	case open:
		a.out.notef("undelivered and later notifications to the caller of %s go to the new webhook URL",
			c.Reference)
	default:
		a.out.notef("%s is closed and sends no further notifications; those resent to its caller go to the new "+
			"webhook URL", c.Reference)
	}
	return a.out.events(c.Reference, events, "starter events "+c.Reference)
}

// events makes one bounded call about the events of a case.
func (a *app) events(ctx context.Context, reference string, call func(context.Context, cases.Client) ([]workflows.Event,
	error)) ([]workflows.Event, error) {
	caseClient, err := a.cases(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	events, err := call(ctx, caseClient)
	if ended, ok := errors.AsType[*cases.EndedError](err); ok {
		return nil, &cliError{err: fmt.Errorf("%s %s, and no worker can read its notifications",
			workflows.NotifyID(reference), ended),
			next: "starter doctor"}
	}
	return events, of(reference, err)
}

// notify says whether cases that this program starts notify KYC_NOTIFY_URL of
// themselves. Its value is the worker's concern.
func (a *app) notify() (bool, error) {
	lookup, err := a.lookup()
	if err != nil {
		return false, err
	}
	address, _, err := lookup.Value("KYC_NOTIFY_URL")
	if err != nil {
		return false, &cliError{err: err, code: exitUsage, next: "KYC_NOTIFY_URL=as-the-worker-has-it starter …"}
	}
	return address != "", nil
}

// events are printed one receiver a line; then the next command, unless all of
// them have arrived.
func (p printer) events(reference string, events []workflows.Event, next string) error {
	if p.json {
		return p.value(events)
	}
	if len(events) == 0 {
		p.printf("no notifications for %s", reference)
		return nil
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "NO\tWHEN\tEVENT\tID\tRECEIVER\tATTEMPTS\tANSWER\tSTATE")
	undelivered := false
	for _, e := range events {
		for _, r := range e.Receipts {
			answer := r.Answer
			if answer == "" {
				answer = "-"
			}
			undelivered = undelivered || r.DeliveredAt.IsZero()
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", e.Number, p.local(e.At), sanitize(string(e.Type)),
				sanitize(e.ID),
				sanitize(string(r.Receiver)), r.Attempts, sanitize(answer), p.delivery(r))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		p.printf("%s", strings.TrimRight(line, " \n"))
	}
	if undelivered {
		p.printf("")
		p.printf("next: %s", next)
	}
	return nil
}

func (p printer) delivery(r workflows.Delivery) string {
	switch {
	case r.Pending && !r.NextAt.IsZero():
		return fmt.Sprintf("next attempt %s (in %s)", p.local(r.NextAt), formatDuration(r.NextAt.Sub(p.clock())))
	case r.Pending:
		return "queued"
	case !r.GivenUpAt.IsZero():
		return "given up " + p.local(r.GivenUpAt)
	}
	return "delivered " + p.local(r.DeliveredAt)
}
