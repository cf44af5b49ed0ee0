package main

import (
	"context"
	"path/filepath"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/records/archive"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
)

// openRecords opens a bucket of records in a directory; nil without o.recordEvery. The key signs its log.
func (s *system) openRecords(ctx context.Context, o options, dir, key string, keyset encryption.Keyset,
) (*recorder.Recorder, [][2]string, error) {
	if o.recordEvery == 0 {
		return nil, nil, nil
	}
	address := "file://" + filepath.ToSlash(dir)
	bucket, err := store.Open(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	s.closers = append(s.closers, bucket.Close)
	entries, err := log.New(bucket, key)
	if err != nil {
		return nil, nil, err
	}
	s.recordsKey = entries.PublicKey()
	closed, err := archive.Open(ctx, address, keyset)
	if err != nil {
		return nil, nil, err
	}
	s.closers = append(s.closers, closed.Close)
	s.cases.Records = closed
	maker := recorder.Maker{Keyset: keyset, Release: telemetry.Version}
	return &recorder.Recorder{Maker: maker, Bucket: bucket, Log: entries},
		[][2]string{{"KYC_RECORDS", address}, {"KYC_RECORDS_KEY", key}}, nil
}
