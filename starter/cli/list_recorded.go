package cli

import (
	"context"
	"errors"
	"strings"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
)

// withRecorded adds to the closed cases that Temporal has those that only their records have, the latest record first,
// up to the limit. They are found by the log: its leaves are in the order in which cases were put on record.
func (a *app) withRecorded(ctx context.Context, rows []row, stage kyc.Stage, limit int) ([]row, bool, error) {
	caseClient, err := a.cases(ctx)
	if err != nil || a.archive == nil {
		return rows, false, err
	}
	records, closeBucket, err := a.records(ctx)
	if err != nil {
		return nil, false, err
	}
	defer closeBucket()
	size, err := records.Log.Size(ctx)
	if err != nil {
		return nil, false, err
	}
	seen := map[string]bool{}
	for _, r := range rows {
		seen[r.Reference] = true
	}
	for index := size - 1; index >= 0; index-- {
		record, _, err := records.Log.Leaf(ctx, index)
		var one *row
		if err == nil {
			one, err = a.recordedRow(ctx, caseClient, record, seen)
		}
		switch {
		case err != nil:
			return nil, false, err
		case one == nil, stage != "" && one.Stage != stage:
			continue
		case len(rows) == limit:
			return rows, true, nil
		}
		rows = append(rows, *one)
	}
	return rows, false, nil
}

// recordedRow is the case of a record; nil if it was seen before, or if Temporal has it.
func (a *app) recordedRow(ctx context.Context, caseClient cases.Client, record string, seen map[string]bool,
) (*row, error) {
	reference, _, _ := strings.Cut(record, "/")
	if seen[reference] {
		return nil, nil
	}
	seen[reference] = true // an earlier record of it is of before it was reset
	switch _, err := caseClient.Describe(ctx, reference); {
	case err == nil:
		return nil, nil
	case !errors.Is(err, cases.ErrNotFound):
		return nil, err
	}
	found, _, err := a.archive.Read(ctx, record)
	if err != nil {
		return nil, err
	}
	v := found.View
	r := &row{Reference: reference, Stage: v.Stage, WaitingOn: kyc.OnNobody, CustomerType: v.CustomerType,
		StartedAt: v.StartedAt, OnRecord: true}
	if r.Broken = found.State.Broken(); r.Broken {
		r.Run = string(found.State)
	}
	return r, nil
}
