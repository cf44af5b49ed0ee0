package main

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/client"

	"durablekyc.example/cases"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/records/archive"
)

// nexusOf handles the Nexus operations of cases, by the policy of this worker. What is on record is answered from
// there; the bucket stays open until the program ends.
func nexusOf(ctx context.Context, s settings, temporal client.Client, keyset encryption.Keyset) (*cases.Nexus, error) {
	policy, err := kyc.ParsePolicy(s.Policy)
	if err != nil {
		return nil, fmt.Errorf("KYC_POLICY: %w", err)
	}
	converters := keyset.Converters()
	n := &cases.Nexus{Client: cases.Client{Temporal: temporal, Failures: converters.Failures}, Data: converters.Data,
		Policy: policy, Notify: s.NotifyURL != ""}
	if s.Records == "" {
		return n, nil
	}
	if n.Records, err = archive.Open(ctx, s.Records, keyset); err != nil {
		return nil, fmt.Errorf("KYC_RECORDS: %w", err)
	}
	return n, nil
}
