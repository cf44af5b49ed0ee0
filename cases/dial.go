// Package cases is how programs start cases, speak to them and read what became
// of them. Dial connects a program to Temporal with the keyset that encrypts cases.
package cases

import (
	"context"
	"fmt"
	"log/slog"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/temporalclient"
)

// Dial returns a client of cases. lookup finds a variable, as os.LookupEnv
// does: the TEMPORAL_* variables and profiles that Temporal's own tools read,
// KYC_KEYSET, and KYC_KEYSET_KEK where the keyset is encrypted. Either of the
// last two may be in the file that NAME_FILE names. Dial fails if Temporal does
// not answer within 5 seconds. The caller closes the client's Temporal.
func Dial(ctx context.Context, lookup func(name string) (string, bool)) (Client, error) {
	text, _, err := config.Lookup(lookup).Value("KYC_KEYSET")
	if err != nil {
		return Client{}, fmt.Errorf("KYC_KEYSET: %w", err)
	}
	kek, _, err := config.Lookup(lookup).Value("KYC_KEYSET_KEK")
	if err != nil {
		return Client{}, fmt.Errorf("KYC_KEYSET_KEK: %w", err)
	}
	keyset, err := encryption.OpenKeyset(ctx, text, kek)
	if err != nil {
		return Client{}, fmt.Errorf("KYC_KEYSET, KYC_KEYSET_KEK: %w", err)
	}
	converters := keyset.Converters()
	log := slog.New(slog.DiscardHandler)
	temporal, err := temporalclient.Dial(ctx, temporalclient.Options{Lookup: lookup, Converters: converters, Logger: log})
	if err != nil {
		return Client{}, err
	}
	return Client{Temporal: temporal, Failures: converters.Failures}, nil
}
