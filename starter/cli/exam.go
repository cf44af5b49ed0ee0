package cli

import (
	"context"
	"fmt"
	"time"

	"durablekyc.example/internal/telemetry"
	"durablekyc.example/records/exam"
)

// examCommand makes the pack that an examiner is given.
type examCommand struct {
	From   string `placeholder:"DATE" help:"Cases that ended on this day (UTC) or later; the log's beginning if not given."`
	To     string `placeholder:"DATE" help:"Cases that ended before this day (UTC); the log's end if not given."`
	Sample int    `default:"25" help:"How many records the seed draws."`
	Seed   string `required:"" placeholder:"TEXT" help:"What draws the sample: the examiner's choice, never yours."`
	Out    string `required:"" placeholder:"FILE" help:"Where to write the pack, such as pack.zip."`
}

// packed says what was written.
type packed struct {
	File       string `json:"file"`
	Records    int    `json:"records"`
	InPeriod   int    `json:"inPeriod"`
	Sample     int    `json:"sample"`
	Key        string `json:"key"`        // public, of the log
	Checkpoint string `json:"checkpoint"` // of the log with the last record
}

// Run writes the pack, never over a file that is there.
func (c examCommand) Run(ctx context.Context, a *app) error {
	from, err := day(c.From)
	if err != nil {
		return usage("exam", "--from %w", err)
	}
	to, err := day(c.To)
	switch {
	case err != nil:
		return usage("exam", "--to %w", err)
	case c.Sample < 0 || c.Seed == "":
		return usage("exam", "--sample must be 0 or more, and --seed must not be empty")
	case !from.IsZero() && !to.IsZero() && !from.Before(to):
		return usage("exam", "--from must be before --to")
	}
	records, closeBucket, err := a.records(ctx)
	if err != nil {
		return err
	}
	defer closeBucket()
	pack, err := exam.Make(ctx, records, exam.Options{From: from, To: to, Seed: c.Seed, Sample: c.Sample,
		Release: telemetry.Version})
	if err != nil {
		return &cliError{err: fmt.Errorf("no pack can be made: %w", err), next: "starter doctor"}
	}
	if err := writeNew(c.Out, pack.Write); err != nil { // it has keys in it
		return &cliError{err: fmt.Errorf("cannot write the pack: %w", err), next: "starter exam … --out ANOTHER.zip"}
	}
	done := packed{File: c.Out, Records: len(pack.Rows), Sample: len(pack.Evidence), Key: records.Log.PublicKey(),
		Checkpoint: pack.Info.Checkpoint}
	for _, r := range pack.Rows {
		if r.InPeriod {
			done.InPeriod++
		}
	}
	if a.out.json {
		return a.out.value(done)
	}
	a.out.printf("%s  %d records, %d of them in the period, %d in the sample", done.File, done.Records, done.InPeriod,
		done.Sample)
	a.out.notef("the keys of the sample are in it: it opens these records and no others")
	a.out.notef("next: starter verify --key %s %s", done.Key, done.File)
	return nil
}

// day reads a day as its first moment in UTC; nothing is the zero time.
func day(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, fmt.Errorf("must be a day, such as 2026-01-31, and not %q", text)
	}
	return t, nil
}
