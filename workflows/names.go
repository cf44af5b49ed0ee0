package workflows

import (
	"crypto/sha256"
	"encoding/hex"

	"durablekyc.example/kyc"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
)

// The names that users, dashboards and other programs rely on.
const (
	Type       = "KYC"       // workflow type
	TaskQueue  = "kyc"       // workflows and every activity but the slow reads
	ReadsQueue = "kyc-reads" // slow status reads, with a rate of its own

	SignalCallback = "callback"         // a Callback
	UpdateStart    = "start"            // a StartRequest → kyc.View, once the first status is known
	UpdateSubmit   = "submit-documents" // a kyc.Submission → kyc.View, once the case has taken it
	UpdateRefresh  = "refresh"          // → kyc.View, before the status was read
	UpdateWithdraw = "withdraw"         // → kyc.View
	UpdateRevoke   = "revoke-links"     // → kyc.View
	UpdateWebhook  = "change-webhook"   // the new webhookUrl → kyc.View
	QueryCase      = "case"             // → kyc.View
)

// The search attributes, in the namespace before the first case starts.
var (
	AttributeStage        = temporal.NewSearchAttributeKeyKeyword("KycStage")
	AttributeWaitingOn    = temporal.NewSearchAttributeKeyKeyword("KycWaitingOn")
	AttributeCustomerType = temporal.NewSearchAttributeKeyKeyword("KycCustomerType")
	AttributeDeadline     = temporal.NewSearchAttributeKeyTime("KycDeadline")
)

// SearchAttributes are the names and types that a namespace has to have.
func SearchAttributes() map[string]enumspb.IndexedValueType {
	return map[string]enumspb.IndexedValueType{
		AttributeStage.GetName():        AttributeStage.GetValueType(),
		AttributeWaitingOn.GetName():    AttributeWaitingOn.GetValueType(),
		AttributeCustomerType.GetName(): AttributeCustomerType.GetValueType(),
		AttributeDeadline.GetName():     AttributeDeadline.GetValueType(),
	}
}

// ID is the workflow id of the case with this reference. One reference is one
// case, for ever.
func ID(reference string) string { return "kyc-" + reference }

// Callback is the envelope of the callback signal: a hint that something
// changed, never the change itself. It contains nothing that an outsider wrote.
type Callback struct {
	RequestID     string `json:"requestId"`               // ConnectFi's id of this callback; two with one id are one
	ApplicationID string `json:"applicationId,omitempty"` // which application it speaks of

	actor kyc.Actor // empty for ConnectFi
}

// Request is the argument of the updates refresh, withdraw and revoke-links. One
// without it is from Temporal's own tools.
type Request struct {
	By kyc.Actor `json:"by,omitempty"`
}

// StartRequest is the argument of the start update.
type StartRequest struct {
	CustomerID string `json:"customerId"`
	Webhook    string `json:"webhook,omitempty"` // a sum of the caller's webhookUrl; empty where the caller named none
}

// Mismatch says what the case of a view differs in from what a start asks for:
// the error type of the refusal and its reason, or nothing. Any webhookUrl is
// right for a start without one.
func (r StartRequest) Mismatch(v kyc.View) (refusal, reason string) {
	switch {
	case v.CustomerID != r.CustomerID:
		return RefusedOtherCustomer, OtherCustomer
	case r.Webhook != "" && v.Webhook != r.Webhook:
		return RefusedOtherWebhook, "the case sends its notifications to another webhookUrl"
	}
	return "", ""
}

// OtherCustomer is the sentence of RefusedOtherCustomer.
const OtherCustomer = "the reference belongs to another customer"

// WebhookSum is a hash that replaces a webhookUrl where the URL must not be: it may contain
// a secret of the caller's, and ids are not encrypted. Empty for none.
func WebhookSum(url string) string {
	if url == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:8])
}

// Error types of refused updates, for callers that must distinguish them.
const (
	RefusedOtherCustomer = "OtherCustomer" // the reference belongs to another customer
	RefusedOtherWebhook  = "OtherWebhook"  // the case sends its events to another webhookUrl
	RefusedNotWanted     = "NotWanted"     // the case does not want this now
	RefusedInvalid       = "Invalid"       // the argument is wrong in itself
	RefusedEnded         = "Ended"         // the case is decided or ended
)
