package cases

import (
	"context"
	"errors"
	"time"

	"github.com/nexus-rpc/sdk-go/nexus"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporalnexus"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// actorNexus starts the cases that a Nexus operation starts: Temporal does not say which caller it was.
var actorNexus = kyc.APIClient("nexus")

// DefaultEndpoint is the name of the Nexus endpoint that `starter setup --nexus` makes.
const DefaultEndpoint = "kyc"

// Nexus handles the Nexus operations of cases, in the worker. With Client.Records, cases that Temporal has forgotten
// are answered from there.
type Nexus struct {
	Client
	Data   converter.DataConverter // that Client's Temporal was dialled with
	Policy kyc.Policy              // of the cases that are started here
	Notify bool                    // events of these cases go to the receiver of all cases, too
}

// Services are what a worker of the task queue of cases registers. Their handlers return as soon as the case is
// started or found. Of an error the caller gets our own words alone: its cause goes to the log.
func (n Nexus) Services() ([]*nexus.Service, error) {
	check, err := temporalnexus.NewTemporalOperation(temporalnexus.TemporalOperationOptions[workflows.Check,
		workflows.CheckResult]{Name: workflows.OperationCheck, Start: n.check})
	if err != nil {
		return nil, err
	}
	public, internal := nexus.NewService(workflows.NexusService), nexus.NewService(workflows.InternalService)
	if err := public.Register(check); err != nil {
		return nil, err
	}
	ofCase, err := temporalnexus.NewTemporalOperation(temporalnexus.TemporalOperationOptions[workflows.Check,
		kyc.View]{Name: workflows.OperationCase, Start: n.attach})
	if err != nil {
		return nil, err
	}
	return []*nexus.Service{public, internal}, internal.Register(ofCase)
}

type (
	checking  = temporalnexus.TemporalOperationResult[workflows.CheckResult]
	attaching = temporalnexus.TemporalOperationResult[kyc.View]
)

// check answers a caller: at once if the case has ended, or by a KYCCheck, which any number of callers share.
func (n Nexus) check(ctx context.Context, nc temporalnexus.NexusClient, in workflows.Check,
	_ temporalnexus.StartTemporalOperationOptions) (checking, error) {
	if err := n.order(in).Validate(); err != nil {
		return checking{}, &nexus.HandlerError{Type: nexus.HandlerErrorTypeBadRequest, Message: err.Error()}
	}
	view, ended, err := n.standing(ctx, in)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return checking{}, handlerError(ctx, err)
	case ended:
		return temporalnexus.NewSyncResult(workflows.ResultOf(view)), nil
	}
	endpoint := temporalnexus.GetOperationInfo(ctx).Endpoint
	if endpoint == "" { // Temporal before 1.30 does not say
		endpoint = DefaultEndpoint
	}
	result, err := temporalnexus.StartUntypedWorkflow[workflows.CheckResult](ctx, nc, client.StartWorkflowOptions{
		ID: in.ID(), TaskQueue: workflows.TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		Priority:                 workflows.PriorityInteractive.Options(),
	}, workflows.CheckType, workflows.CheckInput{Check: in, Endpoint: endpoint})
	return result, handlerError(ctx, translate(ctx, err))
}

// attach starts the case of a KYCCheck or finds it, and has Temporal call back when it ends. A case that has ended is
// the answer itself, also once Temporal has forgotten it: its reference is not started again.
func (n Nexus) attach(ctx context.Context, nc temporalnexus.NexusClient, in workflows.Check,
	_ temporalnexus.StartTemporalOperationOptions) (attaching, error) {
	order := n.order(in)
	if err := order.Validate(); err != nil {
		return attaching{}, &nexus.HandlerError{Type: nexus.HandlerErrorTypeBadRequest, Message: err.Error()}
	}
	view, ended, err := n.standing(ctx, in)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return attaching{}, handlerError(ctx, err)
	case ended:
		return temporalnexus.NewSyncResult(view), nil
	}
	result, err := temporalnexus.StartUntypedWorkflow[kyc.View](ctx, nc, startOptions(order, time.Now()), workflows.Type,
		input(order))
	if _, isThere := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); isThere {
		return attaching{}, handlerError(ctx, ErrUnavailable) // it has just ended: the next attempt answers
	}
	if err != nil {
		return attaching{}, handlerError(ctx, translate(ctx, err))
	}
	// Between the two calls, somebody else may have started a case of another customer.
	if _, _, err = n.standing(ctx, in); err != nil {
		return attaching{}, handlerError(ctx, err)
	}
	return result, nil
}

func (n Nexus) order(in workflows.Check) StartOptions {
	return StartOptions{Reference: in.Reference, CustomerID: in.CustomerID, Policy: n.Policy, Notify: n.Notify,
		By: actorNexus, Priority: workflows.PriorityInteractive}
}

// standing reports how the case of a check has ended, if it has: from Temporal, or from its record once Temporal has
// forgotten it. ErrNotFound if there is none, a *RefusedError if the reference belongs to another customer, an
// *EndedError if it was ended in Temporal. It costs no action.
func (n Nexus) standing(ctx context.Context, in workflows.Check) (view kyc.View, ended bool, err error) {
	view, ended, err = n.inTemporal(ctx, in)
	if !errors.Is(err, ErrNotFound) {
		return view, ended, err
	}
	r, err := n.recorded(ctx, in.Reference, err)
	if err != nil {
		return kyc.View{}, false, err
	}
	if err := n.order(in).Matches(r.View); err != nil {
		return kyc.View{}, false, err
	}
	view, err = r.view()
	return view, err == nil, err
}

func (n Nexus) inTemporal(ctx context.Context, in workflows.Check) (view kyc.View, ended bool, err error) {
	info, err := n.describe(ctx, in.Reference)
	if err != nil {
		return kyc.View{}, false, err
	}
	customer, err := n.customer(ctx, in.Reference, n.Data)
	if err != nil {
		return kyc.View{}, false, err
	}
	if customer != in.CustomerID {
		return kyc.View{}, false, &RefusedError{Type: workflows.RefusedOtherCustomer, Reason: workflows.OtherCustomer}
	}
	if RunStateOf(info.GetStatus()).Open() {
		return kyc.View{}, false, nil
	}
	view, err = n.closed(ctx, in.Reference, info)
	return view, err == nil, err
}

// handlerError is what a caller is told of an error: what the case refuses and how it was ended, and of all else only
// whether Temporal is to try again.
func handlerError(ctx context.Context, err error) error {
	refused, isRefused := errors.AsType[*RefusedError](err)
	broken, isBroken := errors.AsType[*EndedError](err)
	switch {
	case err == nil:
		return nil
	case isRefused:
		return &nexus.HandlerError{Type: nexus.HandlerErrorTypeBadRequest, Message: refused.Reason}
	case isBroken:
		return nexus.NewOperationFailedErrorf("the case %v", broken)
	}
	temporalnexus.GetLogger(ctx).Warn("a Nexus operation could not start", "error", err)
	if Transient(err) {
		return &nexus.HandlerError{Type: nexus.HandlerErrorTypeUnavailable, Message: "it cannot be taken now"}
	}
	return &nexus.HandlerError{Type: nexus.HandlerErrorTypeInternal, Message: "it could not be started"}
}
