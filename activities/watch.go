package activities

import (
	"context"
	"math/rand/v2"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"durablekyc.example/kyc"
)

// WatchRequest asks for an answer once the status differs from the one seen before.
type WatchRequest struct {
	ReadRequest
	Seen     string        `json:"seen"`              // kyc.Reading.Fingerprint of the last answer
	Refusal  string        `json:"refusal,omitempty"` // the code of the last refused read, which is no news either
	Since    time.Time     `json:"since"`             // of the last change: reads thin out with its age
	LastRead time.Time     `json:"lastRead,omitzero"` // no need to ask again right after it
	Until    time.Time     `json:"until"`             // when the last look is taken
	First    time.Duration `json:"first"`             // the shortest and …
	Max      time.Duration `json:"max"`               // … the longest time between two reads
}

// WatchResult is the news, or the last look.
type WatchResult struct {
	Reading kyc.Snapshot `json:"reading"`
	Last    bool         `json:"last,omitempty"` // taken at or after Until
}

// WatchStatus reads the status until it differs. Each attempt reads once; while
// nothing changed it ends in a benign error that names the delay to the next,
// so any number of reads leaves no event in the history. The delay follows
// from the age of the case, not from the attempts: a watch that was cancelled
// and begun again goes on at the same pace. It doubles as the age does, between
// First and Max, with a jitter of a tenth. The time is the server's, which the
// case goes by, too: by the clock of a worker that is a day slow the last look
// would be taken after the server has given the watch up, at once and for ever.
func (a *Activities) WatchStatus(ctx context.Context, r WatchRequest) (WatchResult, error) {
	started, begun := activity.GetInfo(ctx).StartedTime, time.Now()
	now := started
	delay := clamp(now.Sub(r.Since), r.First, r.Max)
	if early := r.LastRead.Add(delay).Sub(now); activity.GetInfo(ctx).Attempt == 1 && early > delay/4 &&
		now.Before(r.Until) {
		return WatchResult{}, pollAgain(r.pause(now, early))
	}
	news, err := a.read(ctx, r.ReadRequest)
	now = started.Add(time.Since(begun))
	last := !now.Before(r.Until)
	if err != nil {
		return WatchResult{}, r.readFailed(err, delay, now)
	}
	if last || news.Fingerprint() != r.Seen {
		return WatchResult{Reading: news, Last: last}, nil
	}
	return WatchResult{}, pollAgain(r.pause(now, jitter(delay)))
}

// readFailed decides what a failed read means: a lasting no is news unless it is
// the one known already; anything else waits for the next turn, at the least
// as long as ConnectFi asks for.
func (r WatchRequest) readFailed(err error, delay time.Duration, now time.Time) error {
	kind, options, _ := classify(err)
	pause := r.pause(now, jitter(delay))
	if options.NonRetryable && kind == r.Refusal && now.Before(r.Until) {
		return pollAgain(pause)
	}
	options.NextRetryDelay = max(pause, options.NextRetryDelay)
	return temporal.NewApplicationErrorWithOptions(err.Error(), kind, options)
}

// pause shortens a delay so that the last look is taken at Until. After Until
// only a failed last look is repeated.
func (r WatchRequest) pause(now time.Time, delay time.Duration) time.Duration {
	if left := r.Until.Sub(now); left > 0 {
		return min(delay, left)
	}
	return r.First
}

func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}
