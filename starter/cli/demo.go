package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
)

// pageCustomers are those that ConnectFi's identification page prints, with
// the references it prints for them (S).
var pageCustomers = []struct{ reference, customer, who string }{
	{"extRefApp100", "cstap_6reGTr3k8vpAu8uFV7EdiN", "the individual"},
	{"extRefBApp100", "cstab_7BX5DO49J48VeWKsJ6gWNb", "the business"},
}

// demoWithin is how long the whole walk may take.
const demoWithin = 2 * time.Minute

// maxUploads is how many pictures the demo's applicant sends for one entity
// before it stops.
const maxUploads = 3

type demoCommand struct{}

// Run walks both customers, one after the other, so that the story can be read.
func (demoCommand) Run(ctx context.Context, a *app) error {
	order, err := a.order()
	if err != nil {
		return err
	}
	// What is missing is reported before anything is started.
	if _, err := a.cases(ctx); err != nil {
		return err
	}
	store, err := a.documents(ctx)
	if err != nil {
		return err
	}
	if err := store.Close(); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, demoWithin)
	defer cancel()
	for _, page := range pageCustomers {
		order.Reference, order.CustomerID = page.reference, page.customer
		w := demoRun{app: a, sent: map[string]int{}, begun: time.Now(), order: order}
		view, err := w.run(bounded, page.who)
		if ctx.Err() == nil && bounded.Err() != nil {
			return &cliError{err: fmt.Errorf("timed out: %s has no decision after %s", page.reference, demoWithin),
				next: "starter show " + page.reference}
		}
		if err != nil {
			return err
		}
		if view.Outcome == "" {
			return &cliError{err: fmt.Errorf("%s ended without a decision (stage %s)", page.reference, view.Stage),
				next: "starter show " + page.reference}
		}
	}
	if !a.out.json {
		a.out.printf("Both are decided. To show one again: starter show %s", pageCustomers[0].reference)
		if a.keepsRecords() {
			a.out.printf("Its evidence, in a few seconds: starter evidence %s", pageCustomers[0].reference)
		}
	}
	return nil
}

// keepsRecords reports whether closed cases are put on record here.
func (a *app) keepsRecords() bool {
	lookup, err := a.lookup()
	if err != nil {
		return false
	}
	address, _, err := lookup.Value("KYC_RECORDS")
	return err == nil && address != ""
}

// demoRun is one customer's way through the demo.
type demoRun struct {
	app   *app
	order cases.StartOptions
	begun time.Time
	told  int            // entries of the timeline that were printed
	sent  map[string]int // how often the applicant sent documents, by entity
}

// step prints what happened, and when since the walk began.
func (w *demoRun) step(at time.Time, format string, args ...any) {
	if !w.app.out.json {
		w.app.out.printf("%6.1f s  %-13s  %s", max(0, at.Sub(w.begun).Seconds()), w.order.Reference,
			fmt.Sprintf(format, args...))
	}
}

func (w *demoRun) run(ctx context.Context, who string) (view kyc.View, err error) {
	w.step(w.begun, "starting the check of %s in ConnectFi's documentation, %s", who, w.order.CustomerID)
	view, err = w.app.start(ctx, w.order)
	if err == nil && view.Stage.Final() && view.EndedAt.Before(w.begun) {
		w.step(w.begun, "is already decided: %s, on %s", view.Headline(), w.app.out.local(view.EndedAt))
		return view, w.end(view)
	}
	for pause := minPoll; ; pause = min(2*pause, lookLate) {
		switch {
		case err != nil && !cases.Transient(err):
			return view, of(w.order.Reference, err)
		case err != nil:
			w.step(time.Now(), "%s: waiting", unavailable(err))
		default:
			if w.tell(view) {
				pause = minPoll
			}
			if view.Stage.Final() {
				w.step(view.EndedAt, "ended: %s", view.Headline())
				return view, w.end(view)
			}
			if entity := w.wanting(view); entity != "" {
				view, err = w.send(ctx, view, entity)
				if err != nil {
					return view, err
				}
				continue
			}
		}
		select {
		case <-ctx.Done():
			return view, of(w.order.Reference, ctx.Err())
		case <-time.After(pause):
		}
		view, err = w.show(ctx)
	}
}

// tell prints what is new in the timeline.
func (w *demoRun) tell(v kyc.View) (news bool) {
	for ; w.told < len(v.Timeline); w.told++ {
		news = true
		w.step(v.Timeline[w.told].At, "%s", v.Timeline[w.told])
	}
	return news
}

// end prints the case for machines; people have read the story.
func (w *demoRun) end(v kyc.View) error {
	if w.app.out.json {
		return w.app.out.value(v)
	}
	if page := w.app.out.details(w.order.Reference); page != "" {
		w.app.out.printf("details: %s", page)
	}
	w.app.out.printf("")
	return nil
}

// wanting is an entity whose applicant has something to send, or nobody.
func (w *demoRun) wanting(v kyc.View) string {
	for _, e := range v.Entities {
		if e.Status.WantsDocuments() && !e.Sending && w.sent[e.ID] < maxUploads {
			return e.ID
		}
	}
	return ""
}

// send acts as the applicant. Each time it is another picture; the first one
// is the same in every run of the demo, and so the same submission.
func (w *demoRun) send(ctx context.Context, v kyc.View, entity string) (kyc.View, error) {
	w.step(time.Now(), "the applicant photographs a driver's license, front and back, for %s", entity)
	pictures, err := sampleLicense(fmt.Sprint(entity, w.sent[entity]))
	if err != nil {
		return kyc.View{}, err
	}
	w.sent[entity]++
	view, err := w.app.send(ctx, v, entity, "license", pictures)
	if _, ok := errors.AsType[*cases.RefusedError](err); ok { // it went on meanwhile: look again
		return w.show(ctx)
	}
	return view, err
}

func (w *demoRun) show(ctx context.Context) (kyc.View, error) {
	return w.app.withTimeout(ctx, answerWithin, func(ctx context.Context, c cases.Client) (kyc.View, error) {
		return c.Show(ctx, w.order.Reference)
	})
}
