// Package cases is how a program uses cases: Dial connects it to Temporal with
// the keyset that encrypts them.
package cases

import (
	"context"
	"fmt"
	"log/slog"

	"durablekyc.example/internal/cluster"
	"durablekyc.example/internal/env"
	"durablekyc.example/internal/seal"
	"durablekyc.example/workflows"
)

// Dial returns a client of cases. lookup finds a variable, as os.LookupEnv
// does: the TEMPORAL_* variables and profiles that Temporal's own tools read,
// KYC_KEYSET, and KYC_KEYSET_KEK where the keyset is encrypted. Either of the
// last two may be in the file that NAME_FILE names. Dial fails if Temporal does
// not answer within 5 seconds. The caller closes the client's Temporal.
func Dial(ctx context.Context, lookup func(name string) (string, bool)) (workflows.Client, error) {
	text, _, err := env.Lookup(lookup).Value("KYC_KEYSET")
	if err != nil {
		return workflows.Client{}, fmt.Errorf("KYC_KEYSET: %w", err)
	}
	kek, _, err := env.Lookup(lookup).Value("KYC_KEYSET_KEK")
	if err != nil {
		return workflows.Client{}, fmt.Errorf("KYC_KEYSET_KEK: %w", err)
	}
	keyset, err := seal.OpenKeyset(ctx, text, kek)
	if err != nil {
		return workflows.Client{}, fmt.Errorf("KYC_KEYSET, KYC_KEYSET_KEK: %w", err)
	}
	converters := keyset.Converters()
	log := slog.New(slog.DiscardHandler)
	temporal, err := cluster.Dial(ctx, cluster.Options{Lookup: lookup, Converters: converters, Logger: log})
	if err != nil {
		return workflows.Client{}, err
	}
	return workflows.Client{Temporal: temporal, Failures: converters.Failures}, nil
}
