package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
)

// listen registers every message a case takes. Handlers only apply an event
// and wait for the case to have dealt with it; the loop alone runs activities,
// so that an exit never waits for an upload that is being retried.
func (f *flow) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, QueryCase,
		func() (kyc.View, error) { return f.kase().View(), nil },
		workflow.QueryHandlerOptions{Description: "the case: stage, entities, what is missing, waiting for whom, until when, timeline"})
	return errors.Join(err,
		update(ctx, UpdateStart, "the first status, once it is known", f.started, f.checkStart),
		update(ctx, UpdateSubmit, "document images of one entity; answers once ConnectFi did", f.submitted, f.checkSubmission),
		update(ctx, UpdateRefresh, "read the status now", f.refreshed, f.checkOpen),
		update(ctx, UpdateRevoke, "make every link to the applicant's page useless that was given out before", f.revoked, f.checkOpen),
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
		return refuse(RefusedOtherWebhook, "the case sends its events to the webhookUrl that it was started with")
	}
	return nil
}

func (f *flow) started(ctx workflow.Context, _ StartRequest) (kyc.View, error) {
	return f.once(ctx, func() bool { return f.kase().Stage != kyc.Identifying })
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
	return f.once(ctx, func() bool { return f.kase().Handled(s.ID) })
}

func (f *flow) checkOpen() error {
	if f.kase().Stage.Final() {
		return refuse(RefusedEnded, kyc.ErrEnded.Error()+": it is "+string(f.kase().Stage))
	}
	return nil
}

func (f *flow) refreshed(ctx workflow.Context) (kyc.View, error) {
	f.apply(ctx, kyc.Hinted{At: workflow.Now(ctx), By: kyc.HintRefresh})
	mine := f.kase().Hints
	return f.once(ctx, func() bool { return f.kase().Answered >= mine })
}

func (f *flow) revoked(ctx workflow.Context) (kyc.View, error) {
	f.apply(ctx, kyc.LinksRevoked{At: workflow.Now(ctx)})
	return f.kase().View(), nil
}

func (f *flow) withdrawn(ctx workflow.Context) (kyc.View, error) {
	f.apply(ctx, kyc.Withdrawal{At: workflow.Now(ctx)})
	return f.kase().View(), nil
}

// once answers with the case as soon as something holds, or the case has ended.
func (f *flow) once(ctx workflow.Context, holds func() bool) (kyc.View, error) {
	err := workflow.Await(ctx, func() bool { return holds() || f.kase().Stage.Final() })
	if f.kase().Stage.Final() {
		err = nil // it was cancelled from outside, and that is an answer
	}
	return f.kase().View(), err
}

// refuse is the case's no, in a form that the caller can tell apart.
func refuse(kind, reason string) error { return temporal.NewApplicationError(reason, kind) }
