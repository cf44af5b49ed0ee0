package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
)

// registerHandlers registers every message a case takes. Handlers apply an event and
// return: the server keeps ten updates in flight for a workflow, so one that waited
// for ConnectFi would lock out a withdrawal. The loop alone runs activities. The
// sender who wants the outcome follows the case: see Client.follow.
func (f *caseWorkflow) registerHandlers(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, QueryCase,
		func() (kyc.View, error) { return f.view(), nil },
		workflow.QueryHandlerOptions{Description: "the case: stage, entities, missing documents, who must act until when, " +
			"timeline"})
	return errors.Join(err,
		update(ctx, UpdateStart, "the first status, once it is known", f.handleStart, f.checkStart),
		update(ctx, UpdateSubmit, "document images of one entity; answers once the case has accepted them", f.handleSubmit,
			f.checkSubmission),
		update(ctx, UpdateRefresh, "read the status now; answers before the read", f.handleRefresh, f.checkRequest),
		update(ctx, UpdateRevoke, "revoke all upload links made so far",
			f.handleRevokeLinks, f.checkRequest),
		update(ctx, UpdateWebhook, "send the caller's notifications to another webhookUrl from now on", f.webhookChanged,
			f.checkWebhook),
		update(ctx, UpdateWithdraw, "end the case without a decision", f.handleWithdraw, f.checkRequest))
}

func update(ctx workflow.Context, name, description string, handler, validator any) error {
	return workflow.SetUpdateHandlerWithOptions(ctx, name, handler,
		workflow.UpdateHandlerOptions{Validator: validator, Description: description})
}

func (f *caseWorkflow) checkStart(r StartRequest) error {
	if refusal, reason := r.Mismatch(f.view()); refusal != "" {
		return refuse(refusal, reason)
	}
	return nil
}

// view is the case and where its events go.
func (f *caseWorkflow) view() kyc.View {
	v := f.kycCase().View()
	v.Webhook = WebhookSum(f.in.WebhookURL)
	return v
}

// webhookChanged makes later reports name the new address. What the notifier
// has taken already is changed by its own update.
func (f *caseWorkflow) webhookChanged(_ workflow.Context, url string) (kyc.View, error) {
	f.in.WebhookURL = url
	return f.view(), nil
}

// handleStart answers once the first status is known. Callers share one update, by
// its id: another one beside it answers with the present state of the case, so that
// however many ask, one is in flight.
func (f *caseWorkflow) handleStart(ctx workflow.Context, _ StartRequest) (kyc.View, error) {
	if f.starting {
		return f.view(), nil
	}
	f.starting = true
	defer func() { f.starting = false }()
	ctx, _ = uncancelled(ctx) // a cancelled case is withdrawn, and that is an answer
	err := workflow.Await(ctx, func() bool { return f.kycCase().Stage != kyc.Identifying })
	return f.view(), err
}

func (f *caseWorkflow) checkSubmission(s kyc.Submission) error {
	err := f.kycCase().CheckSubmission(s)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kyc.ErrEnded):
		return refuse(RefusedEnded, err.Error())
	case errors.Is(err, kyc.ErrDocumentsNotRequested):
		return refuse(RefusedNotWanted, err.Error())
	}
	return refuse(RefusedInvalid, err.Error())
}

func (f *caseWorkflow) handleSubmit(ctx workflow.Context, s kyc.Submission) (kyc.View, error) {
	f.apply(ctx, kyc.Submitted{At: workflow.Now(ctx), Submission: s})
	return f.view(), nil
}

func (f *caseWorkflow) checkOpen() error {
	if f.kycCase().Stage.Final() {
		return refuse(RefusedEnded, fmt.Sprintf("%v (stage %s)", kyc.ErrEnded, f.kycCase().Stage))
	}
	return nil
}

func (f *caseWorkflow) checkRequest(converter.RawValue) error { return f.checkOpen() }

func (f *caseWorkflow) checkWebhook(url string) error {
	if url == "" {
		return refuse(RefusedInvalid, "a webhookUrl is required")
	}
	return f.checkOpen()
}

func (f *caseWorkflow) handleRefresh(ctx workflow.Context, r converter.RawValue) (kyc.View, error) {
	f.apply(ctx, kyc.ChangeHinted{At: workflow.Now(ctx), By: kyc.HintRefresh, Actor: requestedBy(r)})
	return f.view(), nil
}

func (f *caseWorkflow) handleRevokeLinks(ctx workflow.Context, r converter.RawValue) (kyc.View, error) {
	f.apply(ctx, kyc.LinksRevoked{At: workflow.Now(ctx), By: requestedBy(r)})
	return f.view(), nil
}

func (f *caseWorkflow) handleWithdraw(ctx workflow.Context, r converter.RawValue) (kyc.View, error) {
	f.apply(ctx, kyc.WithdrawRequested{At: workflow.Now(ctx), By: requestedBy(r)})
	return f.view(), nil
}

// refusedAs reports whether an error is a no of this kind.
func refusedAs(err error, kind string) bool {
	no, isNo := errors.AsType[*temporal.ApplicationError](err)
	return isNo && no.Type() == kind
}

// refuse makes an error of a type that the caller can recognise.
func refuse(kind, reason string) error { return temporal.NewApplicationError(reason, kind) }
