package cli

import (
	"context"
	"errors"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
)

// reference is the one argument that most commands take.
type reference struct {
	Reference string `arg:"" help:"The case's reference."`
}

// check refuses a reference that no case can have before anybody is asked.
func (r reference) check(command string) error {
	if err := cases.ValidateReference(r.Reference); err != nil {
		return usage(command, "%w", err)
	}
	return nil
}

type startCommand struct {
	Customer  string `placeholder:"ID" help:"ConnectFi's id of the customer."`
	Scenario  string `placeholder:"NAME" help:"Create a customer of this scenario at the sandbox, instead of --customer."`
	Reference string `required:"" placeholder:"REF" help:"Your reference for this check: 1–32 letters or digits."`
	SyncMode  *bool  `negatable:"" help:"ConnectFi's syncMode; omitted from the request if unset."`
	Wait      bool   `help:"Watch the case until it ends."`
}

// Run starts the case or finds it. One reference is one case for ever, so it
// can be repeated as often as it takes.
func (c startCommand) Run(ctx context.Context, a *app) error {
	if (c.Customer == "") == (c.Scenario == "") {
		return usage("start", "either --customer or --scenario is required")
	}
	order, err := a.order()
	if err != nil {
		return err
	}
	if c.Scenario != "" {
		if err := (reference{c.Reference}).check("start"); err != nil {
			return err
		}
		if c.Customer, err = a.newCustomer(ctx, c.Scenario); err != nil {
			return err
		}
	}
	order.Reference, order.CustomerID, order.SyncMode = c.Reference, c.Customer, c.SyncMode
	if err := order.Validate(); err != nil {
		return usage("start", "%w", err)
	}
	view, err := a.start(ctx, order)
	switch {
	case errors.Is(err, cases.ErrNoAnswer):
		if err := a.reportNoAnswer(ctx, c, err); err != nil || !c.Wait {
			return err
		}
	case err != nil:
		return of(c.Reference, err)
	case !c.Wait:
		return a.out.begun(view)
	}
	return a.follow(ctx, c.Reference, kyc.Held)
}

// order is what all cases have in common that this program starts.
func (a *app) order() (cases.StartOptions, error) {
	policy, err := a.policy()
	if err != nil {
		return cases.StartOptions{}, err
	}
	by, err := a.actor()
	if err != nil {
		return cases.StartOptions{}, err
	}
	notify, err := a.notify()
	return cases.StartOptions{Notify: notify, By: by, Policy: policy}, err
}

// startAsync is how cases are started that nobody waits for.
func (a *app) startAsync(ctx context.Context) (func(context.Context, cases.StartOptions) (found bool, err error),
	error) {
	caseClient, err := a.cases(ctx)
	if err != nil {
		return nil, err
	}
	lookup, err := a.lookup()
	if err != nil {
		return nil, err
	}
	keyset, err := a.keyset(ctx, lookup)
	data := keyset.Converters().Data
	return func(ctx context.Context, o cases.StartOptions) (bool, error) {
		return caseClient.StartAsync(ctx, o, data)
	}, err
}

// start starts a case, or finds it, and prints its state. The answer to a
// start is the first status, however long ago that was: a case that was found
// is asked again.
func (a *app) start(ctx context.Context, order cases.StartOptions) (kyc.View, error) {
	first, err := a.withTimeout(ctx, answerWithin, func(ctx context.Context, caseClient cases.Client) (kyc.View, error) {
		return caseClient.Start(ctx, order)
	})
	if err != nil || first.Stage.Final() {
		return first, err
	}
	now, err := a.withTimeout(ctx, answerWithin, func(ctx context.Context, caseClient cases.Client) (kyc.View, error) {
		return caseClient.Show(ctx, order.Reference)
	})
	switch {
	case errors.Is(err, cases.ErrEnded), errors.Is(err, cases.ErrPaused):
		return kyc.View{}, err
	case err != nil:
		return first, nil
	}
	return now, nil
}

// reportNoAnswer finds out how a start without an answer ended: who
// waits goes on waiting, for anybody else it is an error that says what is so.
func (a *app) reportNoAnswer(ctx context.Context, c startCommand, why error) error {
	caseClient, err := a.cases(ctx)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	switch _, err = caseClient.Describe(within, c.Reference); {
	case errors.Is(err, cases.ErrNotFound):
		return &cliError{err: errors.New("timed out starting the case " + c.Reference +
			"; safe to retry"),
			next: "starter start --customer " + c.Customer + " --reference " + c.Reference}
	case err != nil:
		return of(c.Reference, err)
	case errors.Is(why, cases.ErrNoWorker) && c.Wait:
		a.out.notef("the case %s is started and waits for a worker", c.Reference)
		return nil
	case errors.Is(why, cases.ErrNoWorker):
		return &cliError{err: errors.New("the case " + c.Reference +
			" is started and waits for a worker"),
			next: "go run ./worker, then starter watch " + c.Reference}
	case errors.Is(why, cases.ErrBusy) && c.Wait:
		a.out.notef("the case %s is started; ConnectFi has not answered yet", c.Reference)
		return nil
	case errors.Is(why, cases.ErrBusy):
		return &cliError{err: errors.New("the case " + c.Reference +
			" is started; ConnectFi has not answered yet, and the worker keeps retrying"),
			next: "starter watch " + c.Reference}
	case c.Wait:
		a.out.notef("%s; still watching", unavailable(why))
		return nil
	}
	return of(c.Reference, why)
}

type showCommand struct{ reference }

func (c showCommand) Run(ctx context.Context, a *app) error {
	return a.callAndPrint(ctx, "show", c.reference, cases.Client.Show)
}

type refreshCommand struct{ reference }

func (c refreshCommand) Run(ctx context.Context, a *app) error {
	return a.actAndPrint(ctx, "refresh", c.reference, cases.Client.Refresh)
}

type withdrawCommand struct{ reference }

func (c withdrawCommand) Run(ctx context.Context, a *app) error {
	return a.actAndPrint(ctx, "withdraw", c.reference, cases.Client.Withdraw)
}

// callAndPrint makes one call on a case and prints what it answers.
func (a *app) callAndPrint(ctx context.Context, command string, r reference,
	call func(cases.Client, context.Context, string) (kyc.View, error)) error {
	if err := r.check(command); err != nil {
		return err
	}
	view, err := a.withTimeout(ctx, answerWithin, func(ctx context.Context, caseClient cases.Client) (kyc.View, error) {
		return call(caseClient, ctx, r.Reference)
	})
	if err != nil {
		return of(r.Reference, err)
	}
	return a.out.view(view)
}
