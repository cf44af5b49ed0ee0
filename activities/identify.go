package activities

import (
	"context"
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
func (a *Activities) Identify(ctx context.Context, r IdentifyRequest) (kyc.Reading, error) {
	asked := ReadRequest{Reference: r.Reference, CustomerID: r.CustomerID}
	known, found, err := a.lookUp(ctx, asked)
	if err != nil {
		return kyc.Reading{}, forTemporal(ctx, err, 0)
	}
	if !found {
		info := activity.GetInfo(ctx)
		if left := info.ScheduledTime.Add(r.Unsettled).Sub(info.StartedTime); r.Unsettled > 0 && left > 0 {
			return kyc.Reading{}, unsettled(left)
		}
		known, err = a.ConnectFi.Identify(ctx, connectfi.IdentificationRequest{
			CustomerID: r.CustomerID, Reference: r.Reference, SyncMode: r.SyncMode,
			WebhookURL: a.CallbackURL(r.Reference),
		})
		if err != nil {
			return kyc.Reading{}, forTemporal(ctx, err, r.Settle)
		}
	}
	answer, err := reading(known, asked)
	return answer, forTemporal(ctx, err, r.Settle)
}

// pageSize is how many applications of a customer are asked for at once: fewer
// than the 1000 the list takes (C), so that an answer stays far below the
// client's limit of 1 MiB.
const pageSize = 200

// lookUp finds the application with this reference among the customer's. Should
// there be several, the one with the smallest id is everybody's choice.
func (a *Activities) lookUp(ctx context.Context, r ReadRequest) (found connectfi.Application, ok bool, err error) {
	matches := 0
	for skip := 0; ; skip += pageSize {
		page, err := a.ConnectFi.List(ctx, connectfi.ListRequest{
			CustomerID: r.CustomerID, NumberOfRecords: pageSize, SkipRecords: skip})
		if err != nil {
			return connectfi.Application{}, false, err
		}
		for _, application := range page.Applications {
			if application.Reference != r.Reference {
				continue
			}
			if matches++; !ok || application.ApplicationID < found.ApplicationID {
				found, ok = application, true
			}
		}
		if !page.More || len(page.Applications) == 0 {
			break
		}
	}
	if matches > 1 {
		activity.GetLogger(ctx).Warn("ConnectFi has several applications under one reference", "reference", r.Reference, "count", matches)
	}
	return found, ok, nil
}
