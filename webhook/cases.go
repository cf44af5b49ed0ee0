package main

import (
	"context"
	"fmt"

	"durablekyc.example/cases"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/records/archive"
)

// openCases connects to the cases: those that Temporal has, and those that are on record. The caller closes the
// client's Temporal; the bucket of records stays open until the program ends.
func openCases(ctx context.Context, s settings, options temporalclient.Options, keyset encryption.Keyset,
) (c cases.Client, err error) {
	if s.Records != "" {
		if c.Records, err = archive.Open(ctx, s.Records, keyset); err != nil {
			return c, fmt.Errorf("KYC_RECORDS: %w", err)
		}
	}
	options.Converters = keyset.Converters()
	if _, c.Namespace, err = options.Target(); err != nil {
		return c, err
	}
	if c.Temporal, err = temporalclient.Dial(ctx, options); err != nil {
		return c, err
	}
	if err = c.CheckAccess(ctx); err != nil {
		c.Temporal.Close()
	}
	return c, err
}
