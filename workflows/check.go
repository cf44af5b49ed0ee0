package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
)

// The Nexus operations. Workflows of other namespaces call OperationCheck. It is backed by a KYCCheck, which waits for
// the case by OperationCase: a case's own result is encrypted, and Temporal would hand it to the caller as it is.
const (
	NexusService   = "kyc"   // payloads in plaintext
	OperationCheck = "check" // a Check → a CheckResult, once the case has ended

	InternalService = "kyc-internal" // payloads encrypted with the keyset of cases: internal/encryption knows the name
	OperationCase   = "case"         // a Check → the case's kyc.View, once it has ended

	CheckType = "KYCCheck" // workflow type
)

// Check asks for the check of a customer under a reference. The same again is the same case.
type Check struct {
	CustomerID string `json:"customerId"`
	Reference  string `json:"reference"`
}

// ID is the workflow id of the KYCCheck of this check. Those of two customers under one reference differ, so that
// none gets the other's result. Ids are not encrypted, so it has a hash of the customer's.
func (c Check) ID() string {
	sum := sha256.Sum256([]byte(c.CustomerID))
	return CheckPrefix + c.Reference + "-" + hex.EncodeToString(sum[:12])
}

// CheckPrefix begins the workflow id of every KYCCheck. No case has an id that does: a reference has no hyphen.
const CheckPrefix = "kyc-check-"

// CheckResult is what a caller of OperationCheck gets: how the case ended, as the API would answer, and nothing about
// its persons.
type CheckResult struct {
	Reference     string      `json:"reference"`
	CustomerID    string      `json:"customerId"`
	ApplicationID string      `json:"applicationId,omitempty"`
	Stage         kyc.Stage   `json:"stage"`             // approved, denied, expired or withdrawn
	Outcome       kyc.Outcome `json:"outcome,omitempty"` // approved or denied; empty without a decision
	EndedAt       time.Time   `json:"endedAt"`
}

// ResultOf is the result of a check whose case has ended.
func ResultOf(v kyc.View) CheckResult {
	return CheckResult{Reference: v.Reference, CustomerID: v.CustomerID, ApplicationID: v.ApplicationID, Stage: v.Stage,
		Outcome: v.Outcome, EndedAt: v.EndedAt}
}

// CheckInput starts a KYCCheck.
type CheckInput struct {
	Check
	Endpoint string `json:"endpoint"` // Nexus endpoint that leads back to the workers of cases
}

// CheckEnded is the error type of a check whose case was ended in Temporal, without a result.
const CheckEnded = "CaseEnded"

// KYCCheck waits for the end of a case on behalf of a Nexus caller. Its result is plaintext, since the caller has no
// key; everything else of it is encrypted. Cancelling it withdraws the case. Its operation attaches to the case again
// where Temporal limits how long one may take: Temporal Cloud to 60 days, a case to 90 by default.
func KYCCheck(ctx workflow.Context, in CheckInput) (converter.RawValue, error) {
	client := workflow.NewNexusClient(in.Endpoint, InternalService)
	for {
		var view kyc.View
		err := client.ExecuteOperation(ctx, OperationCase, in.Check, workflow.NexusOperationOptions{}).Get(ctx, &view)
		switch {
		case temporal.IsTimeoutError(err) && ctx.Err() == nil:
			continue
		case err != nil:
			return converter.RawValue{}, checkError(err)
		case view.Reference != in.Reference || view.CustomerID != in.CustomerID:
			return converter.RawValue{}, temporal.NewNonRetryableApplicationError(OtherCustomer, RefusedOtherCustomer, nil)
		}
		return plaintextValue(ResultOf(view))
	}
}

// checkError keeps the type of a refusal, which the caller can read, where its text is encrypted.
func checkError(err error) error {
	if temporal.IsCanceledError(err) {
		return err
	}
	kind := CheckEnded
	if refused, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		kind = refused.Type()
	}
	return temporal.NewNonRetryableApplicationError("the case has no result", kind, err)
}

// plaintextValue is a value that the converter of workers (internal/encryption) stores as it is.
func plaintextValue(value any) (converter.RawValue, error) {
	payload, err := converter.GetDefaultDataConverter().ToPayload(value)
	if err != nil {
		return converter.RawValue{}, err
	}
	marked := &commonpb.Payload{Data: payload.GetData(), Metadata: payload.GetMetadata()}
	marked.Metadata[MetadataPlaintext] = []byte("true")
	return converter.NewRawValue(marked), nil
}
