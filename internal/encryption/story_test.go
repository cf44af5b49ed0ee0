package encryption_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	protocolpb "go.temporal.io/api/protocol/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	flow "go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/internal/encryption"
)

// story is a workflow that takes one thing in, by the way that its input
// names, and ends with what it took.
func story(ctx flow.Context, way string) (string, error) {
	told := way
	err := flow.SetUpdateHandler(ctx, "word", func(_ flow.Context, word string) (string, error) {
		told = word
		return word,
			nil
	})
	err = errors.Join(err, flow.SetQueryHandler(ctx, "echo", func(word string) (string, error) { return word, nil }))
	if err != nil {
		return "", err
	}
	switch way {
	case "signal":
		flow.GetSignalChannel(ctx, "word").Receive(ctx, &told)
	case "update":
		err = flow.Await(ctx, func() bool { return told != way })
	case "update, then signal":
		err = flow.Await(ctx, func() bool { return told != way })
		flow.GetSignalChannel(ctx, "word").Receive(ctx, nil)
	case "activity":
		ctx = flow.WithActivityOptions(ctx, flow.ActivityOptions{ActivityID: "a", StartToCloseTimeout: time.Minute,
			RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1}})
		failed := flow.ExecuteActivity(ctx, "deed", "x").Get(ctx, &told)
		if refused, isRefused := errors.AsType[*temporal.ApplicationError](failed); isRefused {
			told = "error: " + refused.Message()
		} else if failed != nil {
			told = "error of another kind"
		}
	case "version":
		told = fmt.Sprint(flow.GetVersion(ctx, "change", flow.DefaultVersion, 1))
		flow.GetSignalChannel(ctx, "word").Receive(ctx, nil)
	case "side effect":
		err = flow.SideEffect(ctx, func(flow.Context) any { return "drawn anew" }).Get(&told)
		flow.GetSignalChannel(ctx, "word").Receive(ctx, nil)
	}
	return told, err
}

// deed is an activity.
func deed(_ context.Context, word string) (string, error) {
	if word == "fail" {
		return "", temporal.NewApplicationError("Mario has no document", "Refused", "and a detail")
	}
	return word, nil
}

func cast(w worker.Worker) {
	w.RegisterWorkflowWithOptions(story, flow.RegisterOptions{Name: "story"})
	w.RegisterWorkflowWithOptions(others, flow.RegisterOptions{Name: "others"})
	w.RegisterActivityWithOptions(deed, activity.RegisterOptions{Name: "deed"})
}

// ways are how something gets into a workflow, and the history in which it
// has just done so.
var ways = map[string]struct {
	past  func(t *testing.T, ours converter.DataConverter, word *commonpb.Payloads) *past
	taken string // what a worker with the key answers
	clear string // what it answers if the word was not encrypted; empty: the task fails
	never bool   // whether it cannot be clear: the worker itself wrote it, or took it in before
}{
	"input": {past: func(_ *testing.T, _ converter.DataConverter, word *commonpb.Payloads) *past {
		return begun(word).asked()
	}, taken: "completed: word"},
	"signal": {past: func(t *testing.T, ours converter.DataConverter, word *commonpb.Payloads) *past {
		return begun(payloads(t, ours, workflow, "signal")).signalled(word).asked()
	}, taken: "completed: word"},
	"update": {past: func(t *testing.T, ours converter.DataConverter, word *commonpb.Payloads) *past {
		p := begun(payloads(t, ours, workflow, "update")).asked()
		body, err := anypb.New(request(word))
		require.NoError(t, err)
		p.task.Messages = []*protocolpb.Message{{Id: "m", ProtocolInstanceId: "u", Body: body,
			SequencingId: &protocolpb.Message_EventId{EventId: p.last() - 1}}}
		return p
	}, taken: "Acceptance, Response, completed: word", clear: "Rejection"},
	"update that was accepted before": {past: func(t *testing.T, ours converter.DataConverter,
		word *commonpb.Payloads) *past {
		p := begun(payloads(t, ours, workflow, "update, then signal")).done()
		p.add(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
			&historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionUpdateAcceptedEventAttributes{
				WorkflowExecutionUpdateAcceptedEventAttributes: &historypb.WorkflowExecutionUpdateAcceptedEventAttributes{
					ProtocolInstanceId: "u", AcceptedRequestMessageId: "u/request", AcceptedRequestSequencingEventId: 2,
					AcceptedRequest: request(word)}}})
		p.add(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED,
			&historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionUpdateCompletedEventAttributes{
				WorkflowExecutionUpdateCompletedEventAttributes: &historypb.WorkflowExecutionUpdateCompletedEventAttributes{
					AcceptedEventId: p.last(), Meta: &updatepb.Meta{UpdateId: "u"}, Outcome: &updatepb.Outcome{}}}})
		return p.signalled(payloads(t, ours, workflow, "go")).asked()
	}, taken: "completed: word", never: true},
	"activity's result": {past: func(t *testing.T, ours converter.DataConverter, word *commonpb.Payloads) *past {
		p := begun(payloads(t, ours, workflow, "activity")).done().scheduled(t, ours)
		p.add(enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
			&historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskCompletedEventAttributes{
				ActivityTaskCompletedEventAttributes: &historypb.ActivityTaskCompletedEventAttributes{ScheduledEventId: 5,
					StartedEventId: 6, Result: word}}})
		return p.asked()
	}, taken: "completed: word"},
	"version": {past: func(t *testing.T, ours converter.DataConverter, word *commonpb.Payloads) *past {
		// Of the four payloads of a marker the one that counts is the number.
		return begun(payloads(t, ours, workflow, "version")).done().marked("Version", map[string]*commonpb.Payloads{
			"change-id": payloads(t, ours, workflow, "change"), "version": word, "version-search-attribute-updated": payloads(t,
				ours, workflow, false),
		}).signalled(payloads(t, ours, workflow, "go")).asked()
	}, taken: "completed: 1", never: true},
	"side effect": {past: func(t *testing.T, ours converter.DataConverter, word *commonpb.Payloads) *past {
		return begun(payloads(t, ours, workflow, "side effect")).done().marked("SideEffect", map[string]*commonpb.Payloads{
			"side-effect-id": payloads(t, ours, workflow, 1), "data": word,
		}).signalled(payloads(t, ours, workflow, "go")).asked()
	}, taken: "completed: word"},
}

func request(word *commonpb.Payloads) *updatepb.Request {
	return &updatepb.Request{Meta: &updatepb.Meta{UpdateId: "u"}, Input: &updatepb.Input{Name: "word", Args: word}}
}

func (p *past) scheduled(t *testing.T, dc converter.DataConverter) *past {
	p.add(enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
		&historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{
			ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{ActivityId: "a",
				ActivityType: &commonpb.ActivityType{Name: "deed"},
				TaskQueue:    &taskqueuepb.TaskQueue{Name: queue}, Input: payloads(t, dc, workflow, "x"),
				WorkflowTaskCompletedEventId: p.last()}}})
	return p.add(enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED,
		&historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskStartedEventAttributes{
			ActivityTaskStartedEventAttributes: &historypb.ActivityTaskStartedEventAttributes{ScheduledEventId: p.last(),
				Attempt: 1}}})
}

// The promise that matters most: what a worker cannot open it does not lose.
// Temporal repeats a task that failed; every other answer would be for good.
func TestAWorkflowWaitsForItsKey(t *testing.T) {
	keys, _ := drawn(t)
	ours, others, worker := keys.Converters().Data, otherKeys(t).Converters().Data, keys.WorkerConverters()
	for name, way := range ways {
		word := any("word")
		if name == "version" {
			word = 1
		}
		changed := payloads(t, ours, workflow, word)
		changed.Payloads[0].Data[20] ^= 1
		for how, test := range map[string]struct {
			word *commonpb.Payloads
			want string
		}{
			"sealed": {payloads(t, ours, workflow, word), "^" + way.taken + "$"},
			"another key": {payloads(t, others, workflow, word),
				"^task failed: .*cannot read a payload of .*: .*key [0-9]+, which is not in this keyset"},
			"another workflow": {payloads(t, ours, "kyc-other", word),
				"^task failed: .*cannot read a payload of .*: .*bound to another workflow"},
			"no workflow": {payloads(t, ours, "", word), "^task failed: .*cannot read a payload of .*: .*not bound to a " +
				"workflow"},
			"changed": {changed, "^task failed: .*cannot read a payload of .*: .*damaged or altered"},
			"clear":   {payloads(t, converter.GetDefaultDataConverter(), workflow, word), "^task failed: .*not encrypted"},
		} {
			switch {
			case how == "clear" && way.never:
				continue
			case how == "clear" && way.clear != "":
				test.want = "^" + way.clear + "$"
			}
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				f := work(t, worker)
				f.workflows <- way.past(t, ours, test.word).task
				require.Regexp(t, test.want, f.outcome(t, keys.Converters()))
			})
		}
	}
}

// What an activity said when it failed gets in as well, by another door.
func TestAWorkflowWaitsForTheTextOfAnError(t *testing.T) {
	keys, _ := drawn(t)
	ours := keys.Converters()
	refused := temporal.NewApplicationError("Mario has no document", "Refused")
	in := func(c encryption.Converters, id string) *failurepb.Failure {
		if id == "" {
			return c.Failures.ErrorToFailure(refused)
		}
		return converter.WithFailureConverterSerializationContext(c.Failures,
			converter.ActivitySerializationContext{WorkflowID: id}).ErrorToFailure(refused)
	}
	clear := temporal.NewDefaultFailureConverter(
		temporal.DefaultFailureConverterOptions{EncodeCommonAttributes: true}).ErrorToFailure(refused)
	for name, test := range map[string]struct {
		failure *failurepb.Failure
		want    string
	}{
		"sealed":                       {in(ours, workflow), "^completed: error: Mario has no document$"},
		"sealed by the SDK for nobody": {in(ours, ""), "^completed: error: Mario has no document$"},
		"another key": {in(otherKeys(t).Converters(), workflow), "^task failed: .*cannot read a payload " +
			"of "},
		"another workflow": {in(ours, "kyc-other"), "^task failed: .*cannot read a payload of "},
		"clear":            {clear, "^task failed: .*not encrypted"},
		"made by Temporal, without a text": {&failurepb.Failure{Message: "heartbeat timeout",
			FailureInfo: &failurepb.Failure_TimeoutFailureInfo{TimeoutFailureInfo: &failurepb.TimeoutFailureInfo{}}},
			"^completed: error of another kind$"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := begun(payloads(t, ours.Data, workflow, "activity")).done().scheduled(t, ours.Data)
			p.add(enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED,
				&historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskFailedEventAttributes{
					ActivityTaskFailedEventAttributes: &historypb.ActivityTaskFailedEventAttributes{ScheduledEventId: 5,
						StartedEventId: 6, Failure: test.failure,
						RetryState: enumspb.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED}}})
			f := work(t, keys.WorkerConverters())
			f.workflows <- p.asked().task
			require.Regexp(t, test.want, f.outcome(t, ours))
		})
	}
}

// An activity that cannot open its input fails in a way that is tried again.
func TestAnActivityIsTriedAgain(t *testing.T) {
	keys, _ := drawn(t)
	ours := keys.Converters()
	for name, test := range map[string]struct {
		input *commonpb.Payloads
		want  string // of the failure
	}{
		"another key":      {payloads(t, otherKeys(t).Converters().Data, workflow, "x"), "which is not in this keyset"},
		"another workflow": {payloads(t, ours.Data, "kyc-other", "x"), "bound to another workflow"},
		"clear":            {payloads(t, converter.GetDefaultDataConverter(), workflow, "x"), "not encrypted"},
		"its own refusal":  {payloads(t, ours.Data, workflow, "fail"), "Mario has no document"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := work(t, keys.WorkerConverters())
			f.activities <- deedTask(test.input)
			failed, ok := f.answer(t).(*workflowservice.RespondActivityTaskFailedRequest)
			require.True(t, ok)
			require.False(t, failed.Failure.GetApplicationFailureInfo().NonRetryable)
			require.NotEqual(t, "PanicError", failed.Failure.GetApplicationFailureInfo().Type)
			require.Equal(t, "Encoded failure", failed.Failure.Message)
			require.NotContains(t, failed.String(), "Mario")
			about := converter.ActivitySerializationContext{WorkflowID: workflow}
			require.ErrorContains(t, converter.WithFailureConverterSerializationContext(ours.Failures,
				about).FailureToError(failed.Failure), test.want)
		})
	}
	f := work(t, keys.WorkerConverters())
	f.activities <- deedTask(payloads(t, ours.Data, workflow, "x"))
	require.IsType(t, &workflowservice.RespondActivityTaskCompletedRequest{}, f.answer(t))
}

func deedTask(input *commonpb.Payloads) *workflowservice.PollActivityTaskQueueResponse {
	now := timestamppb.Now()
	return &workflowservice.PollActivityTaskQueueResponse{TaskToken: []byte("token"),
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflow, RunId: "run"},
		ActivityId:        "a", ActivityType: &commonpb.ActivityType{Name: "deed"},
		WorkflowType: &commonpb.WorkflowType{Name: "story"}, Input: input, Attempt: 1,
		ScheduledTime: now, CurrentAttemptScheduledTime: now, StartedTime: now, ScheduleToCloseTimeout: durationpb.New(
			time.Minute), StartToCloseTimeout: durationpb.New(time.Minute)}
}

func otherKeys(t testing.TB) encryption.Keyset { k, _ := drawn(t); return k }

// others speaks to other workflows, and says something to everybody who looks.
func others(ctx flow.Context, word string) error {
	flow.SetCurrentDetails(ctx, word)
	flow.SignalExternalWorkflow(ctx, "kyc-other", "", "word", word)
	child := flow.WithChildOptions(ctx, flow.ChildWorkflowOptions{WorkflowID: "kyc-child", StaticSummary: word,
		StaticDetails: word})
	flow.ExecuteChildWorkflow(child, "story", word)
	act := flow.WithActivityOptions(ctx, flow.ActivityOptions{StartToCloseTimeout: time.Minute, Summary: word})
	flow.ExecuteActivity(act, "deed", word)
	flow.NewTimerWithOptions(ctx, time.Minute, flow.TimerOptions{Summary: word})
	flow.GetVersion(ctx, "change", flow.DefaultVersion, 1)
	if word := flow.SideEffect(ctx, func(flow.Context) any { return word }); word == nil {
		return nil
	}
	_ = flow.Sleep(ctx, time.Second)
	return flow.NewContinueAsNewError(ctx, "others", word)
}
