package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"durablekyc.example/connectfi"
)

func TestTheScheduleOfStandardWebhooks(t *testing.T) {
	require.Len(t, schedule, NotifyAttempts-1)
	var total time.Duration
	for i, want := range []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour} {
		var e *temporal.ApplicationError
		for range 100 {
			require.ErrorAs(t, deliveryError(i+1, "500", 0), &e)
			require.False(t, e.NonRetryable())
			require.InDelta(t, want, e.NextRetryDelay(), float64(want)*0.1+1, "a jitter of a tenth")
		}
		require.ErrorAs(t, deliveryError(i+1, "503", want/2), &e)
		require.Greater(t, e.NextRetryDelay(), want*8/10, "never shorter than the schedule")
		total += want
	}
	require.Equal(t, 75*time.Hour+35*time.Minute+5*time.Second, total)
	var e *temporal.ApplicationError
	for _, attempt := range []int{10, 11} {
		require.ErrorAs(t, deliveryError(attempt, "500", time.Hour), &e)
		require.True(t, e.NonRetryable())
		require.Zero(t, e.NextRetryDelay())
	}
}

// A receiver may answer with any status; there are few classes to count it in.
func TestAnswersAreCountedInClasses(t *testing.T) {
	for answer, counted := range map[string]string{"200": "2xx", "204": "2xx", "404": "4xx", "599": "5xx", "410": "410",
		AnswerNone: AnswerNone, ResultUnreachable: ResultUnreachable} {
		require.Equal(t, counted, statusClass(answer))
	}
}

// A jitter spreads over a tenth to both sides.
func TestJitterIsATenth(t *testing.T) {
	const want = time.Hour
	least, most := want, want
	for range 300 {
		got := jitter(want)
		require.InDelta(t, want, got, float64(want)*0.1)
		least, most = min(least, got), max(most, got)
	}
	require.Less(t, least, want*95/100)
	require.Greater(t, most, want*105/100)
}

// An attempt after the first waits half as much again as the one before, up to five minutes.
func TestBackOff(t *testing.T) {
	for attempt, seconds := range map[int32]float64{-3: 1, 0: 1, 1: 1, 2: 1.5, 3: 2.25, 7: 11.39, 15: 291.93, 16: 300,
		1000: 300} {
		require.InDelta(t, seconds, backOff(attempt).Seconds(), seconds*0.11, "attempt %d", attempt)
	}
}

// The last read is made at Until, and one that failed then is repeated after First.
func TestThePauseOfAWatchEndsAtUntil(t *testing.T) {
	until := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	r := WatchRequest{Until: until, First: time.Minute, Max: time.Hour}
	for name, test := range map[string]struct{ before, want time.Duration }{
		"long before":      {time.Hour, 10 * time.Minute},
		"the delay before": {10 * time.Minute, 10 * time.Minute},
		"just before":      {time.Nanosecond, time.Nanosecond},
		"at Until":         {0, time.Minute},
		"after it":         {-time.Hour, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, r.pause(until.Add(-test.before), 10*time.Minute))
		})
	}
}

// A refusal that the case knows is no news before Until; another one is, and so is the same at Until. What passes
// is tried again, at the least as late as ConnectFi asks for.
func TestARefusedReadIsNewsOnce(t *testing.T) {
	until := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	r := WatchRequest{Refusal: connectfi.CodeCustomerNotFound, Until: until, First: time.Minute, Max: time.Hour}
	for name, test := range map[string]struct {
		code    string
		retry   time.Duration
		at      time.Time
		kind    string
		lasting bool
		pause   time.Duration
	}{
		"the one known": {connectfi.CodeCustomerNotFound, 0, until.Add(-time.Hour), TypeUnchanged, false,
			10 * time.Minute},
		"the one known, last": {connectfi.CodeCustomerNotFound, 0, until, connectfi.CodeCustomerNotFound, true, time.Minute},
		"another": {connectfi.CodeApplicationNotFound, 0, until.Add(-time.Hour),
			connectfi.CodeApplicationNotFound, true, 10 * time.Minute},
		"one that passes": {connectfi.CodeExtAkepa, 0, until.Add(-time.Hour), connectfi.CodeExtAkepa, false,
			10 * time.Minute},
		"it asks for more": {connectfi.CodeExtAkepa, 30 * time.Minute, until.Add(-time.Hour), connectfi.CodeExtAkepa,
			false, 30 * time.Minute},
		"it asks for less": {connectfi.CodeExtAkepa, time.Second, until.Add(-time.Hour), connectfi.CodeExtAkepa, false,
			10 * time.Minute},
		"passes, after Until": {connectfi.CodeExtAkepa, 0, until.Add(time.Second), connectfi.CodeExtAkepa, false,
			time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			err := r.readFailed(&connectfi.Error{Code: test.code, HTTPStatus: 400, Retry: test.retry}, 10*time.Minute, test.at)
			var e *temporal.ApplicationError
			require.ErrorAs(t, err, &e)
			require.Equal(t, test.kind, e.Type())
			require.Equal(t, test.lasting, e.NonRetryable())
			require.InDelta(t, test.pause, e.NextRetryDelay(), float64(test.pause)*0.1)
		})
	}
}
