package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
)

// listen registers every message a case takes. Handlers apply an event and
// return: the server keeps ten updates in flight for a workflow, so one that waited
// for ConnectFi would lock out a withdrawal. The loop alone runs activities. The
// sender who wants the outcome follows the case: see Client.follow.
func (f *flow) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, QueryCase,
		func() (kyc.View, error) { return f.view(), nil },
		workflow.QueryHandlerOptions{Description: "the case: stage, entities, what is missing, waiting for whom, until when, timeline"})
	return errors.Join(err,
		update(ctx, UpdateStart, "the first status, once it is known", f.started, f.checkStart),
		update(ctx, UpdateSubmit, "document images of one entity; answers once the case has taken them", f.submitted, f.checkSubmission),
		update(ctx, UpdateRefresh, "read the status now; answers before it was read", f.refreshed, f.checkOpen),
		update(ctx, UpdateRevoke, "make every link to the applicant's page useless that was given out before", f.revoked, f.checkOpen),
		update(ctx, UpdateWebhook, "send the caller's events to another webhookUrl from now on", f.webhookChanged, f.checkWebhook),
		update(ctx, UpdateWithdraw, "end the case without a decision", f.withdrawn, f.checkOpen))
}

func update(ctx workflow.Context, name, description string, handler, validator any) error {
	return workflow.SetUpdateHandlerWithOptions(ctx, name, handler,
		workflow.UpdateHandlerOptions{Validator: validator, Description: description})
}

func (f *flow) checkStart(r StartRequest) error {
	if r.CustomerID != f.kase().CustomerID {
		return refuse(RefusedOtherCustomer, otherCustomer)
	}
	if r.Webhook != "" && r.Webhook != webhookSum(f.in.WebhookURL) {
		return refuse(RefusedOtherWebhook, otherWebhook)
	}
	return nil
}

// view is the case and where its events go.
func (f *flow) view() kyc.View {
	v := f.kase().View()
	v.Webhook = webhookSum(f.in.WebhookURL)
	return v
}

// webhookChanged makes later reports name the new address. What the notifier
// has taken already is changed by its own update.
func (f *flow) webhookChanged(_ workflow.Context, url string) (kyc.View, error) {
	f.in.WebhookURL = url
	return f.view(), nil
}

// started answers once the first status is known. Callers share one update, by
// its id: another one beside it answers with the case as it stands, so that
// however many ask, one is in flight.
func (f *flow) started(ctx workflow.Context, _ StartRequest) (kyc.View, error) {
	if f.starting {
		return f.view(), nil
	}
	f.starting = true
	defer func() { f.starting = false }()
	ctx, _ = uncancelled(ctx) // a cancelled case is withdrawn, and that is an answer
	err := workflow.Await(ctx, func() bool { return f.kase().Stage != kyc.Identifying })
	return f.view(), err
}

func (f *flow) checkSubmission(s kyc.Submission) error {
	err := f.kase().CheckSubmission(s)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kyc.ErrEnded):
		return refuse(RefusedEnded, err.Error())
	case errors.Is(err, kyc.ErrNotWanted):
		return refuse(RefusedNotWanted, err.Error())
	}
	return refuse(RefusedInvalid, err.Error())
}

func (f *flow) submitted(ctx workflow.Context, s kyc.Submission) (kyc.View, error) {
	f.apply(ctx, kyc.Submitted{At: workflow.Now(ctx), Submission: s})
	return f.view(), nil
}

func (f *flow) checkOpen() error {
	if f.kase().Stage.Final() {
		return refuse(RefusedEnded, kyc.ErrEnded.Error()+": it is "+string(f.kase().Stage))
	}
	return nil
}

func (f *flow) checkWebhook(url string) error {
	if url == "" {
		return refuse(RefusedInvalid, "a webhookUrl is needed")
	}
	return f.checkOpen()
}

func (f *flow) refreshed(ctx workflow.Context) (kyc.View, error) {
	f.apply(ctx, kyc.Hinted{At: workflow.Now(ctx), By: kyc.HintRefresh})
	return f.view(), nil
}

func (f *flow) revoked(ctx workflow.Context) (kyc.View, error) {
	f.apply(ctx, kyc.LinksRevoked{At: workflow.Now(ctx)})
	return f.view(), nil
}

func (f *flow) withdrawn(ctx workflow.Context) (kyc.View, error) {
	f.apply(ctx, kyc.Withdrawal{At: workflow.Now(ctx)})
	return f.view(), nil
}

// refusedAs reports whether an error is a no of this kind.
func refusedAs(err error, kind string) bool {
	var no *temporal.ApplicationError
	return errors.As(err, &no) && no.Type() == kind
}

// refuse is the case's no, in a form that the caller can tell apart.
func refuse(kind, reason string) error { return temporal.NewApplicationError(reason, kind) }
