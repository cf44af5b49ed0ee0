package main

import (
	"context"
	"fmt"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
)

// openBuckets opens the bucket of documents, which the caller closes, and that of records: a nil recorder if none is
// configured.
func openBuckets(ctx context.Context, s settings, keyset encryption.Keyset,
) (*docstore.Store, *recorder.Recorder, error) {
	records, err := openRecords(ctx, s, keyset)
	if err != nil {
		return nil, nil, err
	}
	documents, err := docstore.Open(ctx, s.Documents, keyset)
	if err != nil {
		return nil, nil, fmt.Errorf("KYC_DOCUMENTS: %w", err)
	}
	if records != nil {
		records.Text = documents.Text
	}
	return documents, records, nil
}

// openRecords opens the bucket of records, which stays open until the program ends: a nil recorder if none is
// configured.
func openRecords(ctx context.Context, s settings, keyset encryption.Keyset) (*recorder.Recorder, error) {
	if s.Records == "" {
		return nil, nil
	}
	bucket, err := store.Open(ctx, s.Records)
	if err != nil {
		return nil, fmt.Errorf("KYC_RECORDS: %w", err)
	}
	entries, err := log.New(bucket, s.RecordsKey)
	if err != nil {
		return nil, fmt.Errorf("KYC_RECORDS_KEY: %w", err)
	}
	maker := recorder.Maker{Keyset: keyset, Release: telemetry.Version}
	return &recorder.Recorder{Maker: maker, Bucket: bucket, Log: entries}, nil
}
