package activities

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/docstore"
)

// Error types that are no code of ConnectFi's. A workflow sees a code or one
// of these as the type of the application error.
const (
	TypeNoAnswer     = "noAnswer"       // ConnectFi did not answer, or nothing that can be read
	TypeMismatch     = "foreignAnswer"  // ConnectFi answered about something else
	TypeInvalid      = "invalidRequest" // we would have broken ConnectFi's documented rules
	TypeImageMissing = "imageMissing"   // the document store has lost an image
	TypeUnchanged    = "unchanged"      // nothing has changed yet: not a fault
	TypeStore        = "documentStore"  // the document store does not answer
	TypeUnsettled    = "unsettled"      // a run before this one may be identifying still: not a fault
)

var errForeignAnswer = errors.New("ConnectFi answered about another application")

// toApplicationError translates an error, once, into the one that Temporal acts on;
// it is built last because the outermost type decides whether to retry. The
// next attempt waits longer each time, at the least as long as ConnectFi asks
// for, and after a call that may have been carried out without our learning of
// it at the least for settle; zero where doing it again does no harm.
func toApplicationError(ctx context.Context, err error, settle time.Duration) error {
	return after(activity.GetInfo(ctx).Attempt, err, settle)
}

// after is toApplicationError for callers that count attempts themselves.
func after(attempt int32, err error, settle time.Duration) error {
	if err == nil {
		return nil
	}
	kind, options, uncertain := classify(err)
	options.NextRetryDelay = max(options.NextRetryDelay, backOff(attempt))
	if uncertain {
		options.NextRetryDelay = max(options.NextRetryDelay, settle)
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), kind, options)
}

// backOff is 1 s, half as much again each time, up to 5 min, with a jitter of a
// tenth: ten attempts in two minutes for an applicant who is looking on, and
// twelve an hour for a ConnectFi that stays away.
func backOff(attempt int32) time.Duration {
	delay := float64(time.Second) * math.Pow(1.5, float64(clamp(attempt-1, 0, 30)))
	return jitter(min(time.Duration(delay), 5*time.Minute))
}

// classify says what an error is called, whether trying again can help, and
// whether the call may have been carried out all the same. No text of
// ConnectFi's passes: a connectfi.Error holds none.
func classify(err error) (kind string, options temporal.ApplicationErrorOptions, uncertain bool) {
	refused, isRefused := errors.AsType[*connectfi.Error](err)
	_, isInvalid := errors.AsType[*connectfi.InvalidError](err)
	switch {
	case isRefused:
		options.NonRetryable, options.NextRetryDelay = !refused.Temporary(), refused.RetryAfter()
		if !refused.Answered() {
			return TypeNoAnswer, options, true
		}
		if refused.RequestID != "" {
			options.Details = []any{refused.RequestID} // the case records which answer refused it
		}
		return refused.Code, options, false
	case isInvalid:
		options.NonRetryable = true
		return TypeInvalid, options, false
	case errors.Is(err, errForeignAnswer):
		return TypeMismatch, options, true
	case errors.Is(err, docstore.ErrNotFound):
		options.NonRetryable = true
		return TypeImageMissing, options, false
	}
	return TypeStore, options, false
}

// CountStoreFailures is the metric of attempts that the document store ended:
// it is full, may not be written to, or is away.
const CountStoreFailures = "kyc_document_store_failures_total"

func countStoreFailure(ctx context.Context, err error) {
	if kind, _, _ := classify(err); kind == TypeStore && ctx.Err() == nil {
		activity.GetMetricsHandler(ctx).Counter(CountStoreFailures).Inc(1)
	}
}

// pollAgain makes the server call again after the delay, without a trace in
// the history: the pattern that lets a watch of months cost no event.
func pollAgain(delay time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(fmt.Sprintf("no change; the next read is in %s",
		delay.Round(time.Second)),
		TypeUnchanged, temporal.ApplicationErrorOptions{
			NextRetryDelay: max(delay, time.Millisecond), Category: temporal.ApplicationErrorCategoryBenign})
}

// unsettled makes the server call again once no run before can identify any more.
func unsettled(delay time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(
		fmt.Sprintf("the case was reset, and an identification of its earlier run may be in progress; the next attempt is "+
			"in %s", delay.Round(time.Second)),
		TypeUnsettled, temporal.ApplicationErrorOptions{NextRetryDelay: delay,
			Category: temporal.ApplicationErrorCategoryBenign})
}
