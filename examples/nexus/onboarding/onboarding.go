// Package onboarding is a workflow of another team, which has a customer checked by Nexus. It has no key of ours and
// imports nothing of ours.
package onboarding

import (
	"fmt"

	"go.temporal.io/sdk/workflow"
)

// Customer is whom to check, and what the caller calls the check: the same reference is the same case for ever.
type Customer struct {
	ID        string `json:"customerId"`
	Reference string `json:"reference"`
}

// Decision is how a case ended.
type Decision struct {
	Stage   string `json:"stage"`   // approved, denied, expired or withdrawn
	Outcome string `json:"outcome"` // approved or denied; empty without a decision
}

// Onboard waits for the decision about a customer, however long that takes. Cancelling it withdraws the case.
func Onboard(ctx workflow.Context, customer Customer) (string, error) {
	kyc := workflow.NewNexusClient("kyc", "kyc") // the endpoint of `starter setup --nexus`, and its service
	var decision Decision
	err := kyc.ExecuteOperation(ctx, "check", customer, workflow.NexusOperationOptions{}).Get(ctx, &decision)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("customer %s is %s", customer.ID, decision.Stage), nil
}
