package cases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// What a call on a case can end in, besides an answer. Everything is matched
// with errors.Is or errors.As; texts are for people.
var (
	ErrNotFound    = errors.New("no case has this reference")
	ErrEnded       = errors.New("the case has ended")
	ErrNoAnswer    = errors.New("timed out; the request may still take effect")
	ErrUnavailable = errors.New("Temporal is unavailable")
)

// ErrUnanswered is an ErrNoAnswer of ConnectFi's: the case has taken what was
// asked, and ConnectFi has not answered it in time.
var ErrUnanswered error = unanswered{}

type unanswered struct{}

func (unanswered) Error() string        { return "ConnectFi has not answered yet; the case keeps retrying" }
func (unanswered) Is(target error) bool { return target == ErrNoAnswer }

// Transient reports whether an error is one to sit out: the same call may do better later.
func Transient(err error) bool { return errors.Is(err, ErrNoAnswer) || errors.Is(err, ErrUnavailable) }

// RefusedError is the case's own no to an update.
type RefusedError struct {
	Type   string // RefusedOtherCustomer, RefusedOtherWebhook, RefusedNotWanted, RefusedInvalid or RefusedEnded
	Reason string
}

func (e *RefusedError) Error() string { return e.Reason }

// Client speaks to cases. Every method is bounded by its context alone.
type Client struct {
	Temporal client.Client

	// Namespace is the one that Temporal was dialled for. Only Expedite needs it.
	Namespace string

	// Failures reads why a workflow task failed; without it a missing key looks
	// like any other panic.
	Failures converter.FailureConverter

	// Records has the cases that Temporal has forgotten; nil where none are kept.
	// What is on record is answered from there, and not started again.
	Records Records
}

// Start starts the case, or finds it, and answers once its first status is
// known. The same order again, from any number of callers, is the same case;
// the same reference for another customer is a *RefusedError. ErrNoAnswer
// means that the case exists and no worker has taken it up yet.
func (c Client) Start(ctx context.Context, o StartOptions) (kyc.View, error) {
	if err := o.Validate(); err != nil {
		return kyc.View{}, &RefusedError{Type: workflows.RefusedInvalid, Reason: err.Error()}
	}
	if view, found, err := c.closedBefore(ctx, o); found || err != nil {
		return view, err
	}
	operation := c.Temporal.NewWithStartWorkflowOperation(startOptions(o, time.Now()), workflows.Type, input(o))
	view, err := finish(ctx)(c.Temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: operation, UpdateOptions: startUpdate(o),
	}))
	_, isStarted := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err)
	if err != nil && !isStarted && !errors.Is(err, ErrEnded) && !errors.Is(err, ErrNotFound) {
		return view, c.explain(ctx, o.Reference, err)
	}
	// The server answers for a closed case as well, from an update that was
	// finished while it was open (temporalio/temporal#7656): its status decides.
	info, unknown := c.describe(ctx, o.Reference)
	switch state := RunStateOf(info.GetStatus()); {
	case unknown != nil && err == nil:
		return view, nil
	case unknown != nil:
		return kyc.View{}, unknown
	case state.Open():
		return view, c.explain(ctx, o.Reference, err)
	}
	if view, err = c.closed(ctx, o.Reference, info); err != nil {
		return kyc.View{}, err
	}
	if err := o.Matches(view); err != nil {
		return kyc.View{}, err
	}
	return view, nil
}

// Matches reports what a case that was found differs in from the order: a
// *RefusedError, or nil. An order without a webhookUrl takes any.
func (o StartOptions) Matches(v kyc.View) error {
	if refusal, reason := o.request().Mismatch(v); refusal != "" {
		return &RefusedError{Type: refusal, Reason: reason}
	}
	return nil
}

// Show returns the case, from its record if Temporal has forgotten it. A closed case is read from its result and
// needs no worker; one that was ended in Temporal is an *EndedError, a paused one a *PausedError.
// The timeline of one that was reset says so, where Temporal reports it.
func (c Client) Show(ctx context.Context, reference string) (kyc.View, error) {
	d, err := c.Temporal.DescribeWorkflowExecution(ctx, workflows.ID(reference), "")
	if err != nil {
		r, err := c.recorded(ctx, reference, translate(ctx, err))
		if err != nil {
			return kyc.View{}, err
		}
		return r.view()
	}
	view, err := c.shown(ctx, reference, d)
	if reset := d.GetWorkflowExtendedInfo().GetLastResetTime(); reset != nil && err == nil {
		view.ResetAt(reset.AsTime())
	}
	return view, err
}

func (c Client) shown(ctx context.Context, reference string,
	d *workflowservice.DescribeWorkflowExecutionResponse) (view kyc.View, err error) {
	info := d.GetWorkflowExecutionInfo()
	switch state := RunStateOf(info.GetStatus()); {
	case !state.Open():
		return c.closed(ctx, reference, info)
	case state == RunPaused:
		return kyc.View{}, pausedError(d)
	}
	value, err := c.Temporal.QueryWorkflow(ctx, workflows.ID(reference), "", workflows.QueryCase)
	if err != nil {
		return kyc.View{}, c.explain(ctx, reference, translate(ctx, err))
	}
	if err := value.Get(&view); err != nil {
		return kyc.View{}, fmt.Errorf("cannot read the case's answer: %w", err)
	}
	addPolls(&view, d)
	return view, nil
}

// Describe reports whether the case is running or closed, without a worker:
// ErrNotFound if Temporal has never heard of it or has forgotten it.
func (c Client) Describe(ctx context.Context, reference string) (enumspb.WorkflowExecutionStatus, error) {
	info, err := c.describe(ctx, reference)
	return info.GetStatus(), err
}

func (c Client) describe(ctx context.Context, reference string) (*workflowpb.WorkflowExecutionInfo, error) {
	d, err := c.Temporal.DescribeWorkflowExecution(ctx, workflows.ID(reference), "")
	if err != nil {
		return nil, translate(ctx, err)
	}
	return d.GetWorkflowExecutionInfo(), nil
}

// CloseState reports whether and how the case was closed. ErrNotFound as for Describe.
func (c Client) CloseState(ctx context.Context, reference string) (Standing, error) {
	info, err := c.describe(ctx, reference)
	if err != nil {
		return Standing{}, err
	}
	return standingOf(info)
}

// HasPendingUploads reports whether a running case has images to hand to ConnectFi. It
// asks the case, which takes a worker.
func (c Client) HasPendingUploads(ctx context.Context, reference string) (bool, error) {
	view, err := c.Show(ctx, reference)
	if err != nil {
		return false, err
	}
	sending := slices.ContainsFunc(view.Entities, func(e kyc.EntityView) bool { return e.Sending })
	return sending || view.Queued > 0, nil
}

// Revision shows whether a case has changed: it differs whenever anything has
// happened since. It costs no action and needs no worker.
func (c Client) Revision(ctx context.Context, reference string) (string, error) {
	info, err := c.describe(ctx, reference)
	if err != nil {
		if _, err = c.recorded(ctx, reference, err); err != nil {
			return "", err
		}
		return onRecord, nil
	}
	return revision(info), nil
}

// onRecord is the revision of a case that Temporal has forgotten: nothing changes it any more.
const onRecord = "on-record"

func revision(info *workflowpb.WorkflowExecutionInfo) string {
	return fmt.Sprintf("%s-%d-%d", info.GetExecution().GetRunId(), info.GetStatus(), info.GetHistoryLength())
}

// Callback hands the case a hint. ErrEnded if the case is closed, ErrNotFound
// if there is none.
func (c Client) Callback(ctx context.Context, reference string, hint workflows.Callback) error {
	err := translate(ctx, c.Temporal.SignalWorkflow(ctx, workflows.ID(reference), "", workflows.SignalCallback, hint))
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	// A closed and an unknown workflow answer the same to a signal.
	switch status, err := c.Describe(ctx, reference); {
	case err != nil:
		if _, err = c.recorded(ctx, reference, err); err != nil {
			return err
		}
	case RunStateOf(status).Open():
		return ErrUnavailable // it opened or continued between the two calls
	}
	return ErrEnded
}

// Submit hands over what an applicant sent and answers once ConnectFi did.
// ErrUnanswered means that the case has it and goes on trying.
func (c Client) Submit(ctx context.Context, reference string, s kyc.Submission) (kyc.View, error) {
	view, err := c.update(ctx, reference, workflows.UpdateSubmit, s.ID, s)
	if err != nil {
		return view, err
	}
	sent := view.Sent(s.Entity)
	return c.follow(ctx, reference, view, func(v kyc.View) bool { return v.Answered(s.Entity) >= sent })
}

// SubmitAsync hands over what an applicant sent and answers once the case has
// accepted it, whatever ConnectFi says later.
func (c Client) SubmitAsync(ctx context.Context, reference string, s kyc.Submission) error {
	_, err := c.update(ctx, reference, workflows.UpdateSubmit, s.ID, s)
	return err
}

// Refresh has the status read now and answers with what was found.
// ErrUnanswered means that ConnectFi has not answered; the case goes on asking.
func (c Client) Refresh(ctx context.Context, reference string, by kyc.Actor) (kyc.View, error) {
	view, err := c.update(ctx, reference, workflows.UpdateRefresh, "", workflows.Request{By: by})
	if err != nil {
		return view, err
	}
	asked := view.Hints
	return c.follow(ctx, reference, view, func(v kyc.View) bool { return v.Covered >= asked })
}

// RevokeLinks makes every link to the applicant's page useless that was given
// out before.
func (c Client) RevokeLinks(ctx context.Context, reference string, by kyc.Actor) (kyc.View, error) {
	return c.update(ctx, reference, workflows.UpdateRevoke, "", workflows.Request{By: by})
}

// Withdraw ends the case without a decision.
func (c Client) Withdraw(ctx context.Context, reference string, by kyc.Actor) (kyc.View, error) {
	return c.update(ctx, reference, workflows.UpdateWithdraw, "", workflows.Request{By: by})
}

func (c Client) update(ctx context.Context, reference, name, id string, args ...any) (kyc.View, error) {
	view, err := finish(ctx)(c.Temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.ID(reference), UpdateName: name, UpdateID: id, Args: args,
		WaitForStage: client.WorkflowUpdateStageCompleted,
	}))
	return view, c.ended(ctx, reference, err)
}

// ended distinguishes a closed case, which takes no update, from one that never existed.
func (c Client) ended(ctx context.Context, reference string, err error) error {
	if !errors.Is(err, ErrNotFound) {
		return c.explain(ctx, reference, err)
	}
	info, unknown := c.describe(ctx, reference)
	state := RunStateOf(info.GetStatus())
	if unknown != nil {
		r, unknown := c.recorded(ctx, reference, unknown)
		switch {
		case errors.Is(unknown, ErrRecords):
			return unknown
		case unknown != nil:
			return err
		}
		state = r.State
	}
	if state.Broken() {
		return &EndedError{state}
	}
	return &RefusedError{Type: workflows.RefusedEnded, Reason: ErrEnded.Error()}
}

// closed is the result of a case that is not open any more.
func (c Client) closed(ctx context.Context, reference string, info *workflowpb.WorkflowExecutionInfo) (kyc.View,
	error) {
	if state := RunStateOf(info.GetStatus()); state.Broken() {
		return kyc.View{}, &EndedError{state}
	}
	var view kyc.View
	err := c.Temporal.GetWorkflow(ctx, workflows.ID(reference), "").Get(ctx, &view)
	return view, translate(ctx, err)
}

// finish waits for an update's answer; it is shaped to take the pair that the
// SDK's update calls return.
func finish(ctx context.Context) func(client.WorkflowUpdateHandle, error) (kyc.View, error) {
	return func(handle client.WorkflowUpdateHandle, err error) (kyc.View, error) {
		var view kyc.View
		if err == nil {
			err = handle.Get(ctx, &view)
		}
		return view, translate(ctx, err)
	}
}

// translate turns what the SDK says into this package's vocabulary, once.
func translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	_, isNotFound := errors.AsType[*serviceerror.NotFound](err)
	_, isExhausted := errors.AsType[*serviceerror.ResourceExhausted](err)
	_, isAway := errors.AsType[*serviceerror.Unavailable](err)
	_, isLate := errors.AsType[*serviceerror.DeadlineExceeded](err)
	_, isQueryLate := errors.AsType[*serviceerror.QueryFailed](err)
	_, isTimeout := errors.AsType[*client.WorkflowUpdateServiceTimeoutOrCanceledError](err)
	refused, isRefused := errors.AsType[*temporal.ApplicationError](err)
	switch {
	case isRefused:
		return &RefusedError{Type: refused.Type(), Reason: refused.Message()}
	case isExhausted, isAway:
		// Before the deadline: the SDK repeats such a call until its context ends,
		// and the last refusal is why (internal/temporalclient keeps it).
		return fmt.Errorf("%w: %v", ErrUnavailable, err)
	case isTimeout, errors.Is(ctx.Err(), context.DeadlineExceeded), isLate:
		return fmt.Errorf("%w (%v)", ErrNoAnswer, err)
	case isNotFound:
		return fmt.Errorf("%w (%v)", ErrNotFound, err)
	case isQueryLate:
		return fmt.Errorf("%w (%v)", ErrUnavailable, err)
	}
	return err
}

// TranslateError turns what the SDK says into this package's vocabulary, for callers
// that use the SDK beside a Client.
func TranslateError(ctx context.Context, err error) error { return translate(ctx, err) }
