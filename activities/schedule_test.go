package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
)

func TestTheScheduleOfStandardWebhooks(t *testing.T) {
	require.Len(t, schedule, NotifyAttempts-1)
	var total time.Duration
	for i, want := range []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour} {
		var e *temporal.ApplicationError
		for range 100 {
			require.ErrorAs(t, undelivered(i+1, "500", 0), &e)
			require.False(t, e.NonRetryable())
			require.InDelta(t, want, e.NextRetryDelay(), float64(want)*0.1+1, "a jitter of a tenth")
		}
		require.ErrorAs(t, undelivered(i+1, "503", want/2), &e)
		require.Greater(t, e.NextRetryDelay(), want*8/10, "never shorter than the schedule")
		total += want
	}
	require.Equal(t, 75*time.Hour+35*time.Minute+5*time.Second, total)
	var e *temporal.ApplicationError
	for _, attempt := range []int{10, 11} {
		require.ErrorAs(t, undelivered(attempt, "500", time.Hour), &e)
		require.True(t, e.NonRetryable())
		require.Zero(t, e.NextRetryDelay())
	}
}

// A receiver may answer with any status; there are few classes to count it in.
func TestAnswersAreCountedInClasses(t *testing.T) {
	for answer, counted := range map[string]string{"200": "2xx", "204": "2xx", "404": "4xx", "599": "5xx", "410": "410", AnswerNone: AnswerNone, AnswerAway: AnswerAway} {
		require.Equal(t, counted, class(answer))
	}
}
