package cli_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// sent is a notifier with one event that arrived and one that is on its way to
// the caller and was given up for everybody's receiver.
func sent() workflows.NotifierState {
	record := func(number int, what kyc.NoticeType, receipts ...workflows.Delivery) workflows.Record {
		return workflows.Record{Number: number, Receipts: receipts,
			Notice: kyc.Notice{ID: fmt.Sprintf("evt_%d", number), Type: what, At: begin, Stage: kyc.InReview}}
	}
	return workflows.NotifierState{Reference: "A1", Terms: workflows.Terms{WebhookURL: "https://caller.example/a-secret"},
		Ended: true, Records: []workflows.Record{
			record(1, kyc.NoticeReview, workflows.Delivery{Receiver: "all", Attempts: 2, Answer: "204",
				DeliveredAt: begin.Add(time.Minute)}),
			record(2, kyc.NoticeDenied, workflows.Delivery{Receiver: "all", Attempts: 10, Answer: "500",
				GivenUpAt: begin.Add(76 * time.Hour)},
				workflows.Delivery{Receiver: "caller", Pending: true}),
		}}
}

func TestEventsAreOneTable(t *testing.T) {
	next := time.Now().Add(3 * time.Hour)
	f := serve(t, &frontend{script: life()[1:2], notifier: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, ledger: sent(),
		pending: []*workflowpb.PendingActivityInfo{{ActivityId: "evt_2-caller", Attempt: 5,
			NextAttemptScheduleTime: timestamppb.New(next),
			LastFailure: &failurepb.Failure{FailureInfo: &failurepb.Failure_ApplicationFailureInfo{
				ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: "unreachable"}}}}}})
	code, out, errs := f.run(t.Context(), "events", "A1")
	require.Zero(t, code, errs)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 6)
	local := func(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }
	flat := func(i int) string { return strings.Join(strings.Fields(lines[i]), " ") }
	require.Equal(t, "NO WHEN EVENT ID RECEIVER ATTEMPTS ANSWER STATE", flat(0))
	require.Equal(t, "1 "+local(begin)+" case.in_review evt_1 all 2 204 delivered "+local(begin.Add(time.Minute)), flat(1))
	require.Equal(t, "2 "+local(begin)+" case.denied evt_2 all 10 500 given up "+local(begin.Add(76*time.Hour)), flat(2))
	require.Contains(t, flat(3), "caller 4 unreachable next attempt "+local(next)+" (in 2 h 59 min)")
	require.Equal(t, "next: starter resend A1", lines[5])
	require.NotContains(t, out, "caller.example", "an address may hold a secret")

	code, out, _ = f.run(t.Context(), "events", "A1", "--json")
	require.Zero(t, code)
	var events []workflows.Event
	require.NoError(t, json.Unmarshal([]byte(out), &events))
	require.Len(t, events, 2)
	require.Equal(t, 4, events[1].Receipts[1].Attempts)
}

func TestWhereNobodyHearsOrNobodyIs(t *testing.T) {
	f := serve(t, &frontend{script: life()[1:2]})
	code, out, _ := f.run(t.Context(), "events", "A1")
	require.Zero(t, code)
	require.Equal(t, "no notifications for A1\n", out)
	_, out, _ = f.run(t.Context(), "events", "A1", "--json")
	require.Equal(t, "[]\n", out)
	code, _, errs := f.run(t.Context(), "resend", "A1")
	require.Equal(t, 1, code)
	require.Equal(t, "starter: cannot resend notifications of A1: the case has sent no notification\ntry: starter events "+
		"A1\n", errs)

	f.absent = true
	code, _, errs = f.run(t.Context(), "events", "A1")
	require.Equal(t, 1, code)
	require.Equal(t, "starter: no case has the reference A1\ntry: starter list\n", errs)
}

func TestResendAfterTheEnd(t *testing.T) {
	f := serve(t, &frontend{script: life()[2:], notifier: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, ledger: sent()})
	for _, args := range [][]string{{"resend", "A1"}, {"resend", "A1", "1"}, {"resend", "A1", "evt_1"}} {
		code, out, errs := f.run(t.Context(), args...)
		require.Zero(t, code, errs)
		require.Contains(t, out, "queued")
		require.Contains(t, out, "\nnext: starter events A1\n")
	}
	require.Len(t, f.again, 3)
	require.False(t, f.again[0].Records[0].Receipts[0].Pending)
	require.True(t, f.again[0].Records[1].Receipts[0].Pending)
	require.True(t, f.again[1].Records[0].Receipts[0].Pending)
	require.Equal(t, f.again[1], f.again[2], "a number is as good as an id")

	code, _, errs := f.run(t.Context(), "resend", "A1", "9")
	require.Equal(t, 1, code)
	require.Equal(t, "starter: cannot resend notifications of A1: the case has sent no notification \"9\"\ntry: starter "+
		"events A1\n",
		errs)
}

// The address of the caller's events can be changed while the case is open and
// after it; which of the two it is decides what becomes of later events.
func TestResendToAnotherAddress(t *testing.T) {
	f := serve(t, &frontend{script: life()[1:2], notifier: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, ledger: sent(),
		open: true})
	const address = "https://other.example/a-secret"
	code, out, errs := f.run(t.Context(), "resend", "A1", "--webhook-url", address)
	require.Zero(t, code, errs)
	require.Equal(t, "starter: undelivered and later notifications to the caller of A1 go to the new webhook URL\n", errs)
	require.NotContains(t, out, "a-secret")
	require.Equal(t, address, f.again[0].WebhookURL)

	f.ledger.Records = f.ledger.Records[:1] // all of it was delivered
	code, _, errs = f.run(t.Context(), "resend", "A1", "--webhook-url", address)
	require.Zero(t, code, errs)
	require.Len(t, f.again, 1, "and nothing is sent again")

	f.open = false
	f.script = life()[len(life())-1:]
	code, _, errs = f.run(t.Context(), "resend", "A1", "1", "--webhook-url", address)
	require.Zero(t, code, errs)
	require.Equal(t, "starter: A1 is closed and sends no further notifications; those resent to its caller go to the "+
		"new webhook URL\n", errs)
	require.Equal(t, address, f.again[1].WebhookURL)

	code, _, errs = f.run(t.Context(), "resend", "A1", "--webhook-url", "example.com/hook")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "invalid webhook URL")
}

func TestWhoStartsSaysWhetherSomebodyHears(t *testing.T) {
	f := serve(t, &frontend{script: life()[1:2]})
	f.run(t.Context(), "start", "--customer", person, "--reference", "A1")
	f.notifyTo = "https://hooks.example.com"
	f.run(t.Context(), "start", "--customer", person, "--reference", "A1")
	require.Equal(t, []bool{false, true}, f.notify)
}

// A notifier that was terminated has no result, but a worker can still tell what it knew.
func TestANotifierThatWasTerminated(t *testing.T) {
	f := serve(t, &frontend{script: life()[1:2], notifier: enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, ledger: sent()})
	code, out, errs := f.run(t.Context(), "events", "A1")
	require.Zero(t, code, errs)
	require.Contains(t, out, "evt_2")
	code, _, errs = f.run(t.Context(), "resend", "A1", "2")
	require.Zero(t, code, errs)
	require.True(t, f.again[0].Records[1].Receipts[0].Pending)
	f.noWorker = true
	for _, command := range []string{"events", "resend"} {
		code, _, errs := f.run(t.Context(), command, "A1")
		require.Equal(t, 1, code)
		require.Contains(t, errs, "kyc-notify-A1 was terminated in Temporal and has no result, and no worker can read its "+
			"notifications\ntry: starter doctor\n")
	}
}
