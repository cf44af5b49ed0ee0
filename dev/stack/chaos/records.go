package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
	"durablekyc.example/records/verify"
	"durablekyc.example/workflows"
)

// recordEvery is the time between two sweeps of each worker's recorder.
const recordEvery = 2 * time.Second

// recordCounts says what there was on record at the end.
type recordCounts struct {
	Closed     int `json:"closedCases"` // runs that closed a case, also those that were deleted since
	Leaves     int `json:"leaves"`
	Whole      int `json:"whole"` // how many records verify at this level
	Consistent int `json:"consistent"`
	Reexecuted int `json:"reexecuted"`
	Torn       int `json:"filesOfKilledRecorders"` // that were not complete when their recorder was killed
}

// openRecords opens the log that the workers write.
func (w *world) openRecords(ctx context.Context) error {
	key, err := w.Secret("records_key")
	if err != nil {
		return err
	}
	if w.bucket, err = store.Open(ctx, w.Vars["KYC_RECORDS"]); err != nil {
		return err
	}
	w.log, err = log.New(w.bucket, key)
	return err
}

// awaitRecord waits until a recorder begins to write a record, and reports false if none does in this time.
func (w *world) awaitRecord(within time.Duration) bool {
	changed := func() (at time.Time) {
		if info, err := os.Stat(filepath.Join(w.Records, "record")); err == nil {
			at = info.ModTime() // each reference has a directory of its own there
		}
		return at
	}
	before := changed()
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if changed().After(before) {
			return true
		}
	}
	return false
}

// onRecord reports whether a record and those of all earlier runs of its reference have their leaves.
func (n *nemesis) onRecord(ctx context.Context, reference, record string) (bool, error) {
	names := []string{record}
	query := fmt.Sprintf("WorkflowId = '%s' AND ExecutionStatus != 'ContinuedAsNew'", workflows.ID(reference))
	listed, err := n.temporal.ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: embedded.Namespace, Query: query})
	for _, e := range listed.GetExecutions() {
		names = append(names, recorder.Name(reference, e.GetExecution().GetRunId()))
	}
	for _, name := range names {
		if err != nil {
			return false, err
		}
		var found bool
		if _, found, err = n.log.Index(ctx, name); err == nil && !found {
			return false, nil
		}
	}
	return true, err
}

// recorded is what the checker of records looks at.
type recorded struct {
	closed  []string                 // the names that the records of all closed cases have
	leaves  []string                 // the records that the log has, in its order
	bundles []string                 // those that the bucket has
	reports map[string]verify.Report // what came of their evidence
}

// examineRecords is the checker of records: each closed case has one leaf and one bundle, nothing else has one, and the
// evidence of each verifies. A case that no worker ever took up has no facts to be checked.
func examineRecords(r recorded) (wrong []violation) {
	say := func(name, format string, args ...any) {
		reference, _, _ := strings.Cut(name, "/")
		wrong = append(wrong, violation{reference, fmt.Sprintf(format, args...)})
	}
	count := func(all []string) map[string]int {
		counts := map[string]int{}
		for _, name := range all {
			counts[name]++
		}
		return counts
	}
	leaves, bundles, closed := count(r.leaves), count(r.bundles), count(r.closed)
	for name := range closed {
		if leaves[name] != 1 || bundles[name] != 1 {
			say(name, "the closed case %s has %d leaves and %d bundles", name, leaves[name], bundles[name])
		}
	}
	for name := range leaves {
		if closed[name] == 0 {
			say(name, "the log has a leaf of %s, which no case was closed by", name)
		}
	}
	for name, report := range r.reports {
		empty := report.Whole.Verdict == verify.Verified && report.Verdict() == verify.NotChecked &&
			slices.Contains(report.Manifest.Flags, bundle.FlagNotReplayed) && report.Manifest.Outcome.Stage == ""
		if report.Verdict() != verify.Verified && !empty {
			say(name, "its record is not verified: whole %s; consistent %s; re-executed %s", report.Whole,
				report.Consistent, report.Reexecuted)
		}
	}
	slices.SortFunc(wrong, func(a, b violation) int { return strings.Compare(a.What, b.What) })
	return wrong
}

// checkRecords waits until every closed case is on record, verifies all records, and checks them.
func (w *world) checkRecords(ctx context.Context, r *result, out *os.File) error {
	temporal, err := w.Dial(ctx)
	if err != nil {
		return err
	}
	defer temporal.Close()
	var (
		all    recorded
		failed error
	)
	began := time.Now()
	err = patiently(ctx, w.Within, func() (bool, error) {
		// Temporal refuses a list while its database is busy, here with 4,000 histories that were just read: the next
		// one may be answered.
		all, failed = w.listRecords(ctx, cases.Client{Temporal: temporal})
		if failed == nil {
			w.deliverNow(ctx, all)
		}
		return failed == nil && len(all.leaves) >= len(all.closed), nil
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d of %d closed cases are on record, %s later\n", len(all.leaves), len(all.closed),
		time.Since(began).Round(time.Second))
	if err := w.verifyRecords(ctx, &all); err != nil {
		return err
	}
	r.Violations = append(r.Violations, examineRecords(all)...)
	r.Records = recordCounts{Closed: len(all.closed), Leaves: len(all.leaves)}
	for _, report := range all.reports {
		for level, counter := range map[*verify.Level]*int{&report.Whole: &r.Records.Whole,
			&report.Consistent: &r.Records.Consistent, &report.Reexecuted: &r.Records.Reexecuted} {
			if level.Verdict == verify.Verified {
				*counter++
			}
		}
	}
	left, err := files(w.Records)
	for _, name := range left {
		if strings.HasSuffix(name, ".tmp") {
			r.Records.Torn++
		}
	}
	return err
}

// listRecords reads what is closed, in Temporal or deleted there, and what is on record.
func (w *world) listRecords(ctx context.Context, caseClient cases.Client) (r recorded, err error) {
	err = caseClient.ListClosed(ctx, func(c cases.ClosedRun) error {
		r.closed = append(r.closed, recorder.Name(strings.TrimPrefix(c.ID, workflows.ID("")), c.RunID))
		return nil
	})
	if err != nil {
		return r, err
	}
	for _, s := range w.all() {
		if s.deleted != "" && !slices.Contains(r.closed, s.deleted) {
			r.closed = append(r.closed, s.deleted)
		}
	}
	size, err := w.log.Size(ctx)
	for i := int64(0); i < size && err == nil; i++ {
		var name string
		name, _, err = w.log.Leaf(ctx, i)
		r.leaves = append(r.leaves, name)
	}
	if err != nil {
		return r, err
	}
	paths, err := files(filepath.Join(w.Records, "record"))
	for _, path := range paths {
		name, isRecord := strings.CutSuffix(path, ".kyc")
		if isRecord {
			name, err = filepath.Rel(filepath.Join(w.Records, "record"), name)
			r.bundles = append(r.bundles, filepath.ToSlash(name))
		}
	}
	return r, err
}

// verifyRecords hands out the evidence of every leaf and verifies it as an auditor does.
func (w *world) verifyRecords(ctx context.Context, all *recorded) error {
	keyset, err := w.Keyset()
	if err != nil {
		return err
	}
	reader := &recorder.Recorder{Maker: recorder.Maker{Keyset: keyset}, Bucket: w.bucket, Log: w.log}
	all.reports = map[string]verify.Report{}
	var (
		mu    sync.Mutex
		group errgroup.Group
	)
	group.SetLimit(4)
	for _, name := range all.leaves {
		group.Go(func() error {
			evidence, err := reader.Evidence(ctx, name)
			if err != nil {
				return fmt.Errorf("no evidence of %s: %w", name, err)
			}
			// The workers were built from the same source as this program, which nothing has stamped.
			verifier := verify.Verifier{Key: w.log.PublicKey(), Release: evidence.Manifest.Release}
			report, err := verifier.File(evidence.Encode())
			mu.Lock()
			defer mu.Unlock()
			all.reports[name] = report
			return err
		})
	}
	return group.Wait()
}
