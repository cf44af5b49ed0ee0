// Package archive answers for closed cases from their records, as package cases does while Temporal has them. It needs
// the bucket and the keyset, and not the log: that a record is there is enough to answer.
package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/facts"
	"durablekyc.example/records/histories"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
	"durablekyc.example/workflows"
)

// Archive has the cases that are on record. It implements cases.Records.
type Archive struct {
	bucket  *store.Bucket
	records *recorder.Recorder // without a source and a log: it reads
}

// Open opens the bucket of records at a URL. The caller closes the archive.
func Open(ctx context.Context, address string, keyset recorder.Keyset) (*Archive, error) {
	bucket, err := store.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	return &Archive{bucket, &recorder.Recorder{Bucket: bucket, Maker: recorder.Maker{Keyset: keyset}}}, nil
}

// Close closes the bucket.
func (a *Archive) Close() error { return a.bucket.Close() }

// Find implements cases.Records. A case that was reset after its end has several records: the latest one is the case.
func (a *Archive) Find(ctx context.Context, reference string) (found cases.Recorded, err error) {
	names, err := a.records.Records(ctx, reference)
	if errors.Is(err, recorder.ErrNoRecord) {
		return found, cases.ErrNotFound
	}
	if err != nil {
		return found, fmt.Errorf("%w: %w", cases.ErrRecords, err)
	}
	var latest time.Time
	for _, name := range names {
		one, closed, err := a.Read(ctx, name)
		if err != nil {
			return cases.Recorded{}, err
		}
		if closed.After(latest) {
			found, latest = one, closed
		}
	}
	return found, nil
}

// Read returns the case of one record, by its name, and when its last run was closed.
func (a *Archive) Read(ctx context.Context, name string) (cases.Recorded, time.Time, error) {
	b, err := a.records.Stored(ctx, name)
	part, isDamaged := errors.AsType[*bundle.PartError](err)
	switch {
	case isDamaged:
		return cases.Recorded{}, time.Time{}, fmt.Errorf("the record %s is damaged: %w", name, part)
	case err != nil:
		return cases.Recorded{}, time.Time{}, fmt.Errorf("%w: %w", cases.ErrRecords, err)
	}
	if b.Manifest.Record != name {
		return cases.Recorded{}, time.Time{}, fmt.Errorf("the record %s is damaged: it is %s", name, b.Manifest.Record)
	}
	parts, err := a.records.Unlock(b)
	if err != nil {
		return cases.Recorded{}, time.Time{}, fmt.Errorf("the record %s cannot be opened: %w", name, err)
	}
	r, closed, err := caseOf(b.Manifest.Reference, parts)
	if err != nil {
		err = fmt.Errorf("the record %s cannot be read: %w", name, err)
	}
	return r, closed, err
}

// caseOf is the case of the parts of a record.
func caseOf(reference string, parts map[string][]byte) (r cases.Recorded, closed time.Time, err error) {
	all, err := histories.Decode(parts[bundle.HistoriesName])
	if err != nil {
		return r, closed, err
	}
	ofCase, ofNotifier, err := histories.Split(reference, all)
	if err != nil {
		return r, closed, err
	}
	last := final(ofCase)
	if r.State = stateOf(last); r.State == cases.RunCompleted {
		err = result(last, &r.View)
	} else {
		r.View, err = stood(ofCase, parts)
	}
	if err != nil {
		return r, closed, err
	}
	for _, h := range slices.Backward(ofCase) { // the last reset, as Temporal reports it
		if at := histories.ResetAt(h); !at.IsZero() {
			r.View.ResetAt(at)
			break
		}
	}
	r.Events, r.Notifier = []workflows.Event{}, cases.RunCompleted
	if len(ofNotifier) > 0 {
		last := final(ofNotifier)
		if r.Notifier = stateOf(last); r.Notifier == cases.RunCompleted {
			var notifier workflows.NotifierState
			err = result(last, &notifier)
			r.Events = notifier.Events()
		}
	}
	return r, last.GetEventTime().AsTime(), err
}

// final is the event that closed the last run.
func final(runs []*historypb.History) *historypb.HistoryEvent {
	events := runs[len(runs)-1].GetEvents()
	return events[len(events)-1]
}

// states are the run states that the last event of a run tells.
var states = map[enumspb.EventType]cases.RunState{
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:  cases.RunCompleted,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:     cases.RunFailed,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:  cases.RunTimedOut,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:   cases.RunCancelled,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: cases.RunTerminated,
}

// stateOf is the state of a run by its last event. A run whose history does not say how it ended was terminated: it is
// closed, or it would not be on record.
func stateOf(last *historypb.HistoryEvent) cases.RunState {
	if state, known := states[last.GetEventType()]; known {
		return state
	}
	return cases.RunTerminated
}

func result(last *historypb.HistoryEvent, into any) error {
	return converter.GetDefaultDataConverter().FromPayloads(
		last.GetWorkflowExecutionCompletedEventAttributes().GetResult(), into)
}

// stood is a case that has no result, as its facts leave it. Where the record has none, what is known is what the case
// was started with.
func stood(ofCase []*historypb.History, parts map[string][]byte) (kyc.View, error) {
	var in workflows.Input
	err := converter.GetDefaultDataConverter().FromPayloads(histories.Started(ofCase[0]).GetInput(), &in)
	if err != nil {
		return kyc.View{}, errors.New("the input of the case is not readable")
	}
	v := kyc.View{Reference: in.Reference, CustomerID: in.CustomerID, CustomerType: kyc.CustomerTypeOf(in.CustomerID),
		StartedAt: ofCase[0].GetEvents()[0].GetEventTime().AsTime()}
	if all, err := facts.Decode(parts[bundle.FactsName]); err == nil {
		stepped, err := facts.Step(all, in.Policy)
		if err != nil {
			return v, err
		}
		v = stepped.Case.View()
	}
	v.Webhook = workflows.WebhookSum(in.WebhookURL)
	return v, nil
}
