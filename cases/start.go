package cases

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// StartOptions is what it takes to start a case.
type StartOptions struct {
	Reference  string     // the caller's own id of the check; 1..32 letters and digits (S)
	CustomerID string     // ConnectFi's id of the customer; 1..36 letters, digits and _ (S)
	SyncMode   *bool      // passed on to ConnectFi only when set (S)
	WebhookURL string     // where the caller wants to hear of changes, in ConnectFi's envelope; empty is nowhere
	Notify     bool       // KYC_NOTIFY_URL is set: events of the case go there, too
	By         kyc.Actor  // who starts it; ignored where the case exists
	Policy     kyc.Policy // pinned for the life of the case
	// Priority orders its tasks among those that wait in Temporal; zero is workflows.PriorityDefault.
	Priority workflows.Priority
}

var (
	referencePattern  = regexp.MustCompile(`^[0-9a-zA-Z]{1,32}$`)  // common-reference (S)
	customerIDPattern = regexp.MustCompile(`^[0-9a-zA-Z_]{1,36}$`) // common-id (S)
)

// ValidateReference says what is wrong with a reference (S), or nothing.
func ValidateReference(reference string) error {
	if !referencePattern.MatchString(reference) {
		return errors.New("the reference must be 1 to 32 letters or digits (no underscore, hyphen or space)")
	}
	return nil
}

// Validate reports everything that is wrong with the order at once.
func (o StartOptions) Validate() error {
	errs := []error{ValidateReference(o.Reference)}
	if !customerIDPattern.MatchString(o.CustomerID) {
		errs = append(errs, errors.New("the customer id must be 1 to 36 letters, digits or underscores"))
	}
	return errors.Join(append(errs, o.Policy.Validate())...)
}

// startOptions is the one place that says how a case is started. One reference
// is one case: a second start finds the first, running or closed, and never
// makes another. The search attributes given here cost no action. There are no
// static details: the current ones say all there is, and cost no byte.
func startOptions(o StartOptions, now time.Time) client.StartWorkflowOptions {
	customerType := kyc.CustomerTypeOf(o.CustomerID)
	return client.StartWorkflowOptions{
		ID:                       workflows.ID(o.Reference),
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.AttributeStage.ValueSet(string(kyc.Identifying)),
			workflows.AttributeWaitingOn.ValueSet(string(kyc.Identifying.WaitingOn())),
			workflows.AttributeCustomerType.ValueSet(string(customerType)),
			workflows.AttributeDeadline.ValueSet(now.Add(time.Duration(o.Policy.Case))),
		),
		Priority:      o.Priority.Options(),
		StaticSummary: fmt.Sprintf("KYC %s · %s %s", o.Reference, customerType, o.CustomerID),
	}
}

// input is what an order makes the case's own.
func input(o StartOptions) workflows.Input {
	return workflows.Input{Reference: o.Reference, CustomerID: o.CustomerID, SyncMode: o.SyncMode,
		WebhookURL: o.WebhookURL, Notify: o.Notify, By: o.By, Policy: o.Policy}
}

// startUpdate asks the case for its first status. One id per customer and
// webhookUrl: any number of callers share one update, since ten may be in flight
// per case, and one who names another webhookUrl is told that it has no effect. Ids
// are not encrypted, so it has a hash of the customer's.
func startUpdate(o StartOptions) client.UpdateWorkflowOptions {
	request := o.request()
	sum := sha256.Sum256([]byte(o.CustomerID + "\n" + request.Webhook))
	return client.UpdateWorkflowOptions{
		UpdateID:     "start-" + hex.EncodeToString(sum[:12]),
		WorkflowID:   workflows.ID(o.Reference),
		UpdateName:   workflows.UpdateStart,
		Args:         []any{request},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	}
}

func (o StartOptions) request() workflows.StartRequest {
	return workflows.StartRequest{CustomerID: o.CustomerID, Webhook: workflows.WebhookSum(o.WebhookURL)}
}
