// Package activities is what a case does outside: every call to ConnectFi,
// every look into the document store and every notification to a receiver. Each activity may be killed at any
// moment and run again; none leaves a thing done twice.
package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/kyc"
)

// Config is what the activities need of the world.
type Config struct {
	ConnectFi   *connectfi.Client
	Documents   *docstore.Store
	CallbackURL func(reference string) string // the capability URL ConnectFi calls back on

	Hooks        *delivery.Sender                                          // sends notices
	NotifyURL    string                                                    // receives notifications of all cases
	ApplicantURL func(reference string, links int, until time.Time) string // a new link to the applicant's page

	// Delivered is what the notifiers of a case knew before this run of one.
	Delivered func(ctx context.Context, reference, run string) (json.RawMessage, error)
}

// Activities are registered with a worker as they are.
type Activities struct{ Config }

// New is ready to register.
func New(config Config) *Activities { return &Activities{config} }

// ReadRequest names the application to read.
type ReadRequest struct {
	Reference     string `json:"reference"`
	CustomerID    string `json:"customerId"`
	ApplicationID string `json:"applicationId"`
}

// ReadStatus reads the application's status once (C).
func (a *Activities) ReadStatus(ctx context.Context, r ReadRequest) (kyc.Snapshot, error) {
	reading, err := a.read(ctx, r)
	return reading, toApplicationError(ctx, err, 0)
}

func (a *Activities) read(ctx context.Context, r ReadRequest) (kyc.Snapshot, error) {
	application, err := a.ConnectFi.Status(ctx, connectfi.StatusRequest{
		CustomerID: r.CustomerID, ApplicationID: r.ApplicationID})
	if err != nil {
		return kyc.Snapshot{}, err
	}
	return reading(application, r)
}

// clamp keeps d within low and high.
func clamp[N cmp.Ordered](d, low, high N) N { return max(low, min(d, high)) }
