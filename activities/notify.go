package activities

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"durablekyc.example/internal/delivery"
	"durablekyc.example/kyc"
)

// Receiver says who receives a notification.
type Receiver string

// The receivers.
const (
	ReceiverGlobal Receiver = "all"    // KYC_NOTIFY_URL: notifications of all cases
	ReceiverCaller Receiver = "caller" // the webhookUrl of the request that started the case
)

// NotifyRequest is one notice on its way to one receiver.
type NotifyRequest struct {
	Reference  string     `json:"reference"`
	CustomerID string     `json:"customerId"`
	Receiver   Receiver   `json:"receiver"`
	WebhookURL string     `json:"webhookUrl,omitempty"` // ReceiverCaller only
	Notice     kyc.Notice `json:"notice"`
	Sequence   int64      `json:"sequence,omitempty"` // a later notice of this reference has a higher one
}

// NotifyResult says how a delivery ended: as a result if it was taken, in the
// details of the error if it was given up.
type NotifyResult struct {
	Attempts int    `json:"attempts"`
	Answer   string `json:"answer"` // the status code, or one of the words below
}

// Answers that are no status code. They are error types, too, and in clear.
const (
	AnswerNone        = "noAnswer"         // within 15 seconds
	ResultUnreachable = "unreachable"      // no connection, or it broke
	AnswerForbidden   = "forbiddenAddress" // a private one, or a port that is not open to messages
	AnswerURL         = "invalidUrl"       // not http or https
	ResultNoReceiver  = "noReceiver"       // this worker has no KYC_NOTIFY_URL
	AnswerInvalid     = "invalidMessage"   // it could not be written
	AnswerGone        = "410"              // the receiver wants nothing more
)

// RecallRequest names the case whose earlier notifiers are asked.
type RecallRequest struct {
	Reference string `json:"reference"`
}

// Recall is what the notifiers of a case knew before the one that asks.
func (a *Activities) Recall(ctx context.Context, r RecallRequest) (json.RawMessage, error) {
	return a.Delivered(ctx, r.Reference, activity.GetInfo(ctx).WorkflowExecution.RunID)
}

// schedule is the time between attempts that Standard Webhooks recommends: with
// the first, at once, ten attempts in a little over three days.
var schedule = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}

// NotifyAttempts is how often a delivery is attempted.
const NotifyAttempts = 10

// maxWait bounds what a receiver may ask for: as long as the schedule ever waits.
const maxWait = 24 * time.Hour

// Notify makes one attempt to deliver a notice. Nothing is kept of the answer
// but its status. The error names the delay to the next attempt, so that three
// days of attempts leave no event in the history; it names no address, because
// that may hold a secret of the receiver's.
func (a *Activities) Notify(ctx context.Context, r NotifyRequest) (NotifyResult, error) {
	result, err := a.notify(ctx, r)
	answer := result.Answer
	if failed, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		answer = failed.Type()
	}
	activity.GetMetricsHandler(ctx).WithTags(map[string]string{"receiver": string(r.Receiver),
		"answer": statusClass(answer)}).Counter(countAttempts).Inc(1)
	return result, err
}

// countAttempts is what Prometheus has as kyc_notification_attempts_total.
const countAttempts = "kyc_notification_attempts"

// statusClass puts the status codes that a receiver may think of into a few classes,
// such as 5xx; words stay, and so does the code that ends a delivery.
func statusClass(answer string) string {
	if _, err := strconv.Atoi(answer); err == nil && len(answer) == 3 && answer != AnswerGone {
		return answer[:1] + "xx"
	}
	return answer
}

func (a *Activities) notify(ctx context.Context, r NotifyRequest) (NotifyResult, error) {
	attempt := int(activity.GetInfo(ctx).Attempt)
	address := r.WebhookURL
	write := a.envelope
	if r.Receiver == ReceiverGlobal {
		address, write = a.NotifyURL, a.event
	}
	if address == "" {
		return NotifyResult{}, deliveryError(attempt, ResultNoReceiver, 0)
	}
	body, err := write(r, time.Now())
	if err != nil {
		return NotifyResult{}, deliveryError(attempt, AnswerInvalid, 0)
	}
	answer, err := a.Hooks.Send(ctx, address, r.Notice.ID, body)
	switch {
	case err != nil:
		return NotifyResult{}, deliveryError(attempt, deliveryErrorType(err), 0)
	case answer.Status >= 200 && answer.Status < 300:
		return NotifyResult{Attempts: attempt, Answer: strconv.Itoa(answer.Status)}, nil
	}
	return NotifyResult{}, deliveryError(attempt, strconv.Itoa(answer.Status), requestedDelay(answer))
}

// deliveryError is a failed attempt. Where another can help it waits for the
// schedule, and longer if the receiver asks for it, but never shorter: a
// receiver that says "at once" may say so for three days.
func deliveryError(attempt int, answer string, asked time.Duration) error {
	options := temporal.ApplicationErrorOptions{Details: []any{NotifyResult{Attempts: attempt, Answer: answer}}}
	switch {
	case answer == AnswerGone, answer == AnswerURL, answer == AnswerInvalid, attempt > len(schedule):
		options.NonRetryable = true
	default:
		options.NextRetryDelay = max(jitter(schedule[max(attempt-1, 0)]), min(asked, maxWait))
	}
	return temporal.NewApplicationErrorWithOptions("notification not delivered: "+answer, answer, options)
}

// requestedDelay is how long the receiver wants to be left alone: 429 and 503 say so.
func requestedDelay(answer delivery.Answer) time.Duration {
	if answer.Status == http.StatusTooManyRequests || answer.Status == http.StatusServiceUnavailable {
		return answer.RetryAfter
	}
	return 0
}

func deliveryErrorType(err error) string {
	switch {
	case errors.Is(err, delivery.ErrTimeout):
		return AnswerNone
	case errors.Is(err, delivery.ErrForbidden):
		return AnswerForbidden
	case errors.Is(err, delivery.ErrURL):
		return AnswerURL
	}
	return ResultUnreachable
}
