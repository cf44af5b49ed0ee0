package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"durablekyc.example/workflows"
)

const (
	formatCSV    = "csv"
	formatNDJSON = "ndjson"

	besideFile = ".results.ndjson" // after FILE's name, where its results are

	maxRate   = 1000
	maxAtOnce = 256
)

var formats = []string{formatCSV, formatNDJSON}

type batchCommand struct {
	File     string  `arg:"" help:"CSV or NDJSON with customerId, reference and optional syncMode. \"-\" reads stdin."`
	Format   string  `placeholder:"csv|ndjson" help:"Input format, if not clear from the file name."`
	Results  string  `placeholder:"FILE" help:"Results file (default FILE.results.ndjson). Lines it marks started or found are skipped on the next run."`
	Rate     float64 `default:"5" help:"Maximum starts per second. ConnectFi documents no limit."`
	Parallel int     `default:"16" help:"Maximum concurrent starts."`
}

// Run checks everything, then starts. One reference is one case for ever, so it
// can be repeated as often as it takes.
func (c batchCommand) Run(ctx context.Context, a *app) error {
	if err := c.complete(); err != nil {
		return err
	}
	common, err := a.order()
	if err != nil {
		return err
	}
	common.Priority = workflows.PriorityBatch
	file, err := c.open(ctx, a.stdin)
	switch {
	case ctx.Err() != nil:
		return &cliError{err: errors.New("interrupted before any case was started"), next: c.again()}
	case err != nil:
		return usage("batch", "cannot read %s: %w", c.name(), err)
	}
	defer file.Close()
	p, err := c.check(lines(c.Format, file), common)
	if err != nil {
		return err
	}
	whole, err := c.earlier(file, p)
	if err != nil {
		return err
	}
	begin, err := a.startAsync(ctx)
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	told, err := results(c.Results, whole)
	if err != nil {
		return usage("batch", "cannot write %s: %w", c.Results, err)
	}
	w := &batchRunner{begin: begin, common: common, rate: c.Rate, parallel: c.Parallel, results: told, out: a.out,
		// Not with the command's context: a failure is reported as one while the run is being stopped, too.
		explain: func(err error) error { return a.explain(context.WithoutCancel(ctx), err) }}
	err = w.run(ctx, lines(c.Format, file), p)
	w.tally.Results = c.Results
	return errors.Join(c.verdict(a.out, w.tally, err), told.Close())
}

// complete says what is wrong with the flags, and fills in what they leave open.
func (c *batchCommand) complete() error {
	if c.Format == "" {
		c.Format = formatOf(c.File)
	}
	switch {
	case c.Format == "" && c.File == "-":
		return usage("batch", "--format is required when reading standard input: csv or ndjson")
	case c.Format == "":
		return usage("batch", "%s does not end in .csv, .ndjson or .jsonl: use --format csv or --format ndjson", c.File)
	case !slices.Contains(formats, c.Format):
		return usage("batch", "unknown format %q, %s", c.Format, didYouMean(c.Format, formats))
	case c.Results == "" && c.File == "-":
		return usage("batch", "--results FILE is required when reading standard input")
	case c.Results == "":
		c.Results = c.File + besideFile
	}
	if !(c.Rate > 0 && c.Rate <= maxRate) { // which no NaN is
		return usage("batch", "--rate must be more than 0 and at most %d", maxRate)
	}
	if c.Parallel < 1 || c.Parallel > maxAtOnce {
		return usage("batch", "--parallel must be from 1 to %d", maxAtOnce)
	}
	return nil
}

// formatOf is what a name says of its file, or nothing.
func formatOf(name string) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		return formatCSV
	case ".ndjson", ".jsonl":
		return formatNDJSON
	}
	return ""
}

// again is the same command once more.
func (c batchCommand) again() string {
	command := "starter batch " + c.File
	if c.Format != formatOf(c.File) {
		command += " --format " + c.Format
	}
	if c.Results != c.File+besideFile {
		command += " --results " + c.Results
	}
	return command
}

func (c batchCommand) name() string {
	if c.File == "-" {
		return "standard input"
	}
	return c.File
}

// open opens what can be read twice: to check all of it before anything is
// started, and to start. A pipe is written to a temporary file for that.
// Checking it as it comes would start half of a file with a mistake in it.
func (c batchCommand) open(ctx context.Context, stdin io.Reader) (*os.File, error) {
	if c.File == "-" {
		return spool(ctx, stdin)
	}
	file, err := os.Open(c.File)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err == nil && info.IsDir():
		err = errors.New("is a directory")
	case err == nil && info.Mode().IsRegular():
		return file, nil
	case err == nil:
		defer file.Close()
		return spool(ctx, file)
	}
	return nil, errors.Join(err, file.Close())
}

// spool is what a pipe holds, in a file that has no name any more: whatever
// becomes of this program, nothing of it stays. A read of a terminal cannot be
// called off, so a stop does not wait for one; what it reads then is thrown
// away.
func spool(ctx context.Context, in io.Reader) (*os.File, error) {
	file, err := os.CreateTemp("", "batch-*")
	if err != nil {
		return nil, err
	}
	err = os.Remove(file.Name())
	if err == nil {
		read := make(chan error, 1)
		go func() {
			_, err := io.Copy(file, in)
			read <- err
		}()
		select {
		case err = <-read:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// earlier is what the result file says of earlier runs. It answers how much of
// it stays.
func (c batchCommand) earlier(file *os.File, p *batchIndex) (whole int64, err error) {
	refuse := func(format string, args ...any) (int64, error) {
		return 0, &cliError{err: fmt.Errorf(format, args...), code: exitUsage, next: "starter batch " + c.File +
			" --results ANOTHER"}
	}
	if there, err := os.Stat(c.Results); err == nil {
		own, err := file.Stat()
		switch {
		case err != nil:
			return 0, err
		case !there.Mode().IsRegular():
			return refuse("%s is not a regular file", c.Results)
		case os.SameFile(there, own):
			return refuse("%s is the input file: use another file for the results", c.Results)
		}
	}
	if whole, err = loadResults(c.Results, p); err != nil {
		return refuse("%w", err)
	}
	return whole, nil
}

// verdict reports how a batch ended, and makes an error of what is not done.
func (c batchCommand) verdict(out printer, t summary, err error) error {
	if err := out.tally(t); err != nil {
		return err
	}
	again := func(format string, args ...any) error {
		return &cliError{err: fmt.Errorf(format, args...), next: c.again()}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return again("interrupted with %d of %d lines left; rerun to continue", t.Left, t.Lines)
	case err != nil:
		return again("%w; %d of %d lines left; rerun to continue", err, t.Left, t.Lines)
	case t.Failed > 0:
		return again("%d of %d lines failed; rerun to retry them", t.Failed, t.Lines)
	case t.Conflict > 0:
		return &cliError{next: "grep conflict " + c.Results,
			err: fmt.Errorf("%d of %d references are already used for other customers: use a new reference for every check",
				t.Conflict, t.Lines)}
	case t.Ended > 0:
		return &cliError{next: "grep ended " + c.Results,
			err: fmt.Errorf("%d of %d references belong to cases that were ended in Temporal: reset them or use other "+
				"references",
				t.Ended, t.Lines)}
	}
	return nil
}
