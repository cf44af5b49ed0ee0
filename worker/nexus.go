package main

import (
	"go.temporal.io/sdk/client"

	"durablekyc.example/cases"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
)

// nexusOf handles the Nexus operations of cases, by the policy of this worker.
func nexusOf(s settings, temporal client.Client, keyset encryption.Keyset) *cases.Nexus {
	policy, _ := kyc.ParsePolicy(s.Policy) // Validate has read it
	return &cases.Nexus{Client: cases.Client{Temporal: temporal}, Data: keyset.Converters().Data, Policy: policy,
		Notify: s.NotifyURL != ""}
}
