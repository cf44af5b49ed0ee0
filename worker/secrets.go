package main

import (
	"context"
	"fmt"

	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/linktoken"
)

// openSecrets reads the keys of links, the keyset and the secrets of notifications. An error names the variable.
func openSecrets(ctx context.Context, s settings) (keys linktoken.Keys, keyset encryption.Keyset,
	secrets delivery.Secrets, err error) {
	if keys, err = linktoken.ParseKeys(s.LinkKeys); err != nil {
		return keys, keyset, secrets, fmt.Errorf("KYC_LINK_KEYS: %w", err)
	}
	if keyset, err = encryption.OpenKeyset(ctx, s.Keyset, s.KEK); err != nil {
		return keys, keyset, secrets, fmt.Errorf("KYC_KEYSET, KYC_KEYSET_KEK: %w", err)
	}
	if secrets, err = delivery.ParseSecrets(s.Secrets); err != nil {
		return keys, keyset, secrets, fmt.Errorf("KYC_NOTIFY_SECRET: %w", err)
	}
	return keys, keyset, secrets, nil
}
