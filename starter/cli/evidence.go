package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
)

// evidenceCommand writes the evidence of a case that is on record. It asks neither Temporal nor a worker.
type evidenceCommand struct {
	reference
	Out string   `placeholder:"FILE" help:"Output file (default: REF.kyc in the working directory)."`
	To  []string `placeholder:"AGE1…" help:"Encrypt its key to this age recipient (repeatable; default: anyone with the file can decrypt it)."`
}

// handedOut says what was written.
type handedOut struct {
	File   string `json:"file"`
	Record string `json:"record"`
	Stage  string `json:"stage"`
	Bytes  int    `json:"bytes"`
	Key    string `json:"key"` // public, of the log: what the evidence is verified with
}

// Run writes the bundle of each record of the reference, with the key of that record alone.
func (c evidenceCommand) Run(ctx context.Context, a *app) error {
	if err := c.check("evidence"); err != nil {
		return err
	}
	recipients, err := parseRecipients(c.To)
	if err != nil {
		return usage("evidence", "%w", err)
	}
	records, closeBucket, err := a.records(ctx)
	if err != nil {
		return err
	}
	defer closeBucket()
	names, err := records.Records(ctx, c.Reference)
	switch {
	case errors.Is(err, recorder.ErrNoRecord):
		return &cliError{next: "starter show " + c.Reference,
			err: fmt.Errorf("%s is not on record: the worker records a case in its next sweep after it ends", c.Reference)}
	case err != nil:
		return of(c.Reference, err)
	}
	for i, name := range names {
		evidence, err := records.Evidence(ctx, name)
		if err == nil {
			evidence, err = encryptedTo(evidence, recipients)
		}
		if err != nil {
			return of(c.Reference, err)
		}
		written, err := c.write(evidence, i)
		if err != nil {
			return err
		}
		written.Key = records.Log.PublicKey()
		if a.out.json {
			err = a.out.value(written)
		} else {
			opens, identity := "it can decrypt only this record", ""
			if len(recipients) > 0 {
				opens, identity = "only its recipient can decrypt it", "--identity FILE "
			}
			a.out.printf("%s  %s, %d bytes; %s", written.File, written.Stage, written.Bytes, opens)
			a.out.notef("next: starter verify --key %s %s%s", written.Key, identity, written.File)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// write writes the n'th record of the reference, never over a file that is there.
func (c evidenceCommand) write(evidence *bundle.Bundle, n int) (handedOut, error) {
	name := c.Out
	if name == "" {
		name = c.Reference + ".kyc"
	}
	if n > 0 { // a case that was reset after its end
		name = fmt.Sprintf("%s.%d.kyc", strings.TrimSuffix(name, ".kyc"), n+1)
	}
	data := evidence.Encode()
	if err := writeNew(name, textOf(string(data))); err != nil { // it has its key in it
		return handedOut{}, &cliError{err: fmt.Errorf("cannot write the evidence: %w", err),
			next: "starter evidence " + c.Reference + " --out ANOTHER.kyc"}
	}
	return handedOut{File: name, Record: evidence.Manifest.Record, Stage: evidence.Manifest.Outcome.Stage,
		Bytes: len(data)}, nil
}

// records opens the bucket of records. The caller calls the function when it is done.
func (a *app) records(ctx context.Context) (*recorder.Recorder, func(), error) {
	lookup, err := a.lookup()
	if err != nil {
		return nil, nil, err
	}
	keyset, err := a.keyset(ctx, lookup)
	if err != nil {
		return nil, nil, err
	}
	address, _, err := lookup.Value("KYC_RECORDS")
	key, _, keyErr := lookup.Value("KYC_RECORDS_KEY")
	switch err = errors.Join(err, keyErr); {
	case err != nil:
	case address == "" || key == "":
		err = errors.New("KYC_RECORDS and KYC_RECORDS_KEY are required: the bucket of records and the key of its log")
	default:
		var r *recorder.Recorder
		var closeBucket func()
		if r, closeBucket, err = openRecorder(ctx, address, key, keyset); err == nil {
			return r, closeBucket, nil
		}
	}
	return nil, nil, &cliError{err: err, next: "KYC_RECORDS=s3://BUCKET KYC_RECORDS_KEY_FILE=FILE starter evidence …"}
}

// openRecorder opens the bucket of records and its log.
func openRecorder(ctx context.Context, address, key string, keyset encryption.Keyset,
) (*recorder.Recorder, func(), error) {
	bucket, err := store.OpenExisting(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	entries, err := log.New(bucket, key)
	if err != nil {
		return nil, nil, fmt.Errorf("invalid KYC_RECORDS_KEY: %w", errors.Join(err, bucket.Close()))
	}
	r := &recorder.Recorder{Maker: recorder.Maker{Keyset: keyset}, Bucket: bucket, Log: entries}
	return r, func() { _ = bucket.Close() }, nil
}

// keysLogCommand draws the key of a log of records.
type keysLogCommand struct {
	Name string `arg:"" help:"Name of the log, shown in every checkpoint, such as kyc.example.com/records."`
}

// Run prints the private part for the worker, and the public one for those who verify.
func (c keysLogCommand) Run(a *app) error {
	if c.Name == "" || strings.ContainsFunc(c.Name, func(r rune) bool { return unicode.IsSpace(r) || r == '+' }) {
		return usage("keys log", "the name of a log must not contain spaces or plus signs, e.g. kyc.example.com/records")
	}
	private, public, err := log.NewKey(c.Name)
	if err != nil {
		return err
	}
	if a.out.json {
		return a.out.value(map[string]string{"KYC_RECORDS_KEY": private, "public": public})
	}
	a.out.printf("KYC_RECORDS_KEY=%s", private)
	a.out.notef("public key, for those who verify evidence: %s", public)
	return nil
}
