package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

// IdentifyRequest asks for the one application of a reference.
type IdentifyRequest struct {
	Reference  string        `json:"reference"`
	CustomerID string        `json:"customerId"`
	SyncMode   *bool         `json:"syncMode,omitempty"`
	Settle     time.Duration `json:"settle"`

	// Unsettled is how long after this activity was scheduled a post of an earlier
	// run may still be carried out: the case was reset. Zero is not at all.
	Unsettled time.Duration `json:"unsettled,omitempty"`
}

// Identify finds the application made under this reference, or makes it. What
// ConnectFi does with a reference it knows is not documented, so the list is
// asked before every post, the first included; and after a post whose answer
// was lost the next attempt waits for Settle, so that the list can know of it.
// A case that was reset waits likewise: an attempt of the run before it may be at
// its post, and nobody can stop that one or hear how it ends.
// A ConnectFi slower than Settle could still make a second one: without a key
// of the provider's nobody can exclude that.
func (a *Activities) Identify(ctx context.Context, r IdentifyRequest) (kyc.Snapshot, error) {
	asked := ReadRequest{Reference: r.Reference, CustomerID: r.CustomerID}
	known, found, err := a.lookUp(ctx, asked)
	if err != nil {
		return kyc.Snapshot{}, toApplicationError(ctx, err, 0)
	}
	if !found {
		info := activity.GetInfo(ctx)
		if left := info.ScheduledTime.Add(r.Unsettled).Sub(info.StartedTime); r.Unsettled > 0 && left > 0 {
			return kyc.Snapshot{}, unsettled(left)
		}
		known, err = a.ConnectFi.Identify(ctx, connectfi.IdentificationRequest{
			CustomerID: r.CustomerID, Reference: r.Reference, SyncMode: r.SyncMode,
			WebhookURL: a.CallbackURL(r.Reference),
		})
		refused, isRefused := errors.AsType[*connectfi.Error](err)
		if isRefused && refused.Code == connectfi.CodeReferenceExists {
			known, err = a.confirm(ctx, asked, refused)
		}
		if err != nil {
			return kyc.Snapshot{}, toApplicationError(ctx, err, r.Settle)
		}
	}
	answer, err := reading(known, asked)
	return answer, toApplicationError(ctx, err, r.Settle)
}

// confirm finds the application that ConnectFi says there is under a reference,
// and none of another customer or reference: the id in the refusal is a hint
// (A). Where neither it nor the list names one, the refusal is final.
func (a *Activities) confirm(ctx context.Context, r ReadRequest, refused *connectfi.Error) (connectfi.Application,
	error) {
	if refused.EntityID != "" {
		known, err := a.ConnectFi.Status(ctx, connectfi.StatusRequest{CustomerID: r.CustomerID,
			ApplicationID: refused.EntityID})
		other, isOther := errors.AsType[*connectfi.Error](err)
		switch {
		case err == nil && known.ApplicationID == refused.EntityID && known.Reference == r.Reference &&
			known.CustomerID == r.CustomerID:
			return known, nil
		case isOther && other.Temporary():
			return connectfi.Application{}, err
		}
	}
	known, found, err := a.lookUp(ctx, r)
	if err == nil && !found {
		err = refused
	}
	return known, err
}
