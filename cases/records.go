package cases

import (
	"context"
	"errors"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// Records has closed cases that Temporal may have forgotten. Package records/archive has one.
type Records interface {
	// Find returns the case that a reference has on record, as it ended last. ErrNotFound if it has none, and ErrRecords
	// while the records cannot be read.
	Find(ctx context.Context, reference string) (Recorded, error)
}

// ErrRecords is an ErrUnavailable of the records: it is unknown for now whether a case is one of them.
var ErrRecords error = recordsUnavailable{}

type recordsUnavailable struct{}

func (recordsUnavailable) Error() string        { return "the records of closed cases cannot be read now" }
func (recordsUnavailable) Is(target error) bool { return target == ErrUnavailable }

// Recorded is a closed case as its record has it.
type Recorded struct {
	View     kyc.View          // as it ended; of a case that was ended in Temporal, as it stood then
	State    RunState          // of the run that closed it
	Events   []workflows.Event // its notifications; none if the notifier had no result
	Notifier RunState          // of the last run of the notifier; RunCompleted for a case that sent nothing, too
}

// view is the answer of a case on record: an *EndedError if it was ended in Temporal, as while Temporal had it.
func (r Recorded) view() (kyc.View, error) {
	if r.State.Broken() {
		return kyc.View{}, &EndedError{r.State}
	}
	return r.View, nil
}

// recorded returns a case that Temporal does not have from its record. unknown is how Temporal said that: the error if
// there is no record, either.
func (c Client) recorded(ctx context.Context, reference string, unknown error) (Recorded, error) {
	if c.Records == nil || !errors.Is(unknown, ErrNotFound) {
		return Recorded{}, unknown
	}
	r, err := c.Records.Find(ctx, reference)
	if errors.Is(err, ErrNotFound) {
		return Recorded{}, unknown
	}
	return r, err
}

// closedBefore answers a start of a case that is closed, as closedCase does. Without records there is nothing to ask:
// Temporal refuses the start of a case that it has.
func (c Client) closedBefore(ctx context.Context, o StartOptions) (v kyc.View, found bool, err error) {
	if c.Records == nil {
		return v, false, nil
	}
	return c.closedCase(ctx, o)
}

// closedCase answers an order whose case is closed: from Temporal for as long as that has it, and then from its record.
//
// Temporal is asked first. A record is written while Temporal has the case, so a case that is in neither, in this
// order, was never there; in the other order both could just have missed it.
func (c Client) closedCase(ctx context.Context, o StartOptions) (v kyc.View, found bool, err error) {
	info, err := c.describe(ctx, o.Reference)
	if err == nil && RunStateOf(info.GetStatus()).Open() {
		return v, false, nil
	}
	if err == nil {
		v, err = c.closed(ctx, o.Reference, info)
	}
	if errors.Is(err, ErrNotFound) { // also if it was forgotten between the two calls
		var r Recorded
		if r, err = c.recorded(ctx, o.Reference, err); errors.Is(err, ErrNotFound) {
			return v, false, nil
		}
		if err == nil {
			v, err = r.view()
		}
	}
	if err == nil {
		err = o.Matches(v)
	}
	return v, true, err
}
