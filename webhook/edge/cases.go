package edge

import (
	"context"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// Cases is what the webhook asks of the cases. cases.Client is one; its errors
// are part of the interface: see package cases.
type Cases interface {
	// Callback passes a hint to the case of this reference; nil once it is
	// durable. cases.ErrEnded and ErrNotFound are answers, too.
	Callback(ctx context.Context, reference string, hint workflows.Callback) error

	// Show returns a case, closed or not.
	Show(ctx context.Context, reference string) (kyc.View, error)
	// Expedite lets the tasks of an open case go before those of batches: a person waits for it.
	Expedite(ctx context.Context, reference string) error
	// Revision differs whenever something has happened to a case.
	Revision(ctx context.Context, reference string) (string, error)

	// Start starts a case or finds it, and returns its first status.
	Start(ctx context.Context, o cases.StartOptions) (kyc.View, error)
	// Submit submits documents and returns once ConnectFi has answered.
	Submit(ctx context.Context, reference string, s kyc.Submission) (kyc.View, error)
	// SubmitAsync submits documents and returns nil once the case has accepted them.
	SubmitAsync(ctx context.Context, reference string, s kyc.Submission) error
	// Refresh has the case read its status now, and returns what it then knows.
	Refresh(ctx context.Context, reference string, by kyc.Actor) (kyc.View, error)
}
