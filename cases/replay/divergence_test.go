package replay_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/proto"

	"durablekyc.example/cases/replay"
	"durablekyc.example/internal/goldens"
)

// Wherever a case stands when it is read, it replays: cut off before any
// workflow task is scheduled, started or completed.
func TestOpenHistoriesReplay(t *testing.T) {
	all, keyset := goldens.Read(t, histories, 0)
	for path, history := range all {
		for i, event := range history.Events[1:] {
			switch event.GetEventType() {
			case enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED,
				enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
				cut := &historypb.History{Events: history.Events[:i+1]}
				require.NoError(t, replay.Replayer(keyset.WorkerConverters()).Replay(cut), "%s up to event %d", path, i+1)
			}
		}
	}
}

// One activity by another name is found on every path and at every place, by
// the number of its event, also where it is the last that was decided.
func TestTheDivergenceIsNamed(t *testing.T) {
	all, keyset := goldens.Read(t, histories, 0)
	replayer := replay.Replayer(keyset.WorkerConverters())
	found := 0
	for path, history := range all {
		for i, event := range history.Events {
			attributes := event.GetActivityTaskScheduledEventAttributes()
			if attributes == nil {
				continue
			}
			found++
			name := attributes.GetActivityType().GetName()
			broken := proto.Clone(history).(*historypb.History)
			broken.Events[i].GetActivityTaskScheduledEventAttributes().ActivityType.Name = "Other"
			require.Equal(t, enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED, next(history, i).GetEventType())
			open := &historypb.History{Events: broken.Events[:next(history, i).GetEventId()]}
			for _, h := range []*historypb.History{broken, open} {
				var divergence *replay.NonDeterminismError
				require.ErrorAs(t, replayer.Replay(h), &divergence, "%s event %d", path, event.GetEventId())
				require.Equal(t, event.GetEventId(), divergence.Event.GetEventId(), "%s: %v", path, divergence)
				require.Contains(t, divergence.Reason,
					"history event is ActivityTaskScheduled Other, replay command is ScheduleActivityTask "+name)
			}
		}
	}
	require.Greater(t, found, 50)
}

// next is the event by which the next workflow task is started.
func next(history *historypb.History, after int) *historypb.HistoryEvent {
	for _, e := range history.Events[after:] {
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED {
			return e
		}
	}
	return history.Events[after]
}

func TestHowHistoriesPart(t *testing.T) {
	all, keyset := goldens.Read(t, histories, 0)
	golden := all[histories+"/v0.1/kyc-individualstepupreview.1.json"]
	require.NotNil(t, golden)
	for _, test := range []struct {
		name  string
		wreck func(h *historypb.History)
		says  string
	}{
		{"a timer is another", func(h *historypb.History) { h.Events[12].GetTimerStartedEventAttributes().TimerId = "other" },
			"event 13, TimerStarted: [TMPRL1100] During replay, a matching Timer command was expected in history event " +
				"position other."},
		{"something was not done", func(h *historypb.History) { // the last thing of what was decided with event 32
			h.Events = h.Events[:34]
		}, "event 32, WorkflowTaskCompleted: [TMPRL1100] nondeterministic workflow: extra replay command for CancelTimer"},
		{"something was done that nobody would do", func(h *historypb.History) {
			h.Events[34] = &historypb.HistoryEvent{EventId: 35, EventType: enumspb.EVENT_TYPE_TIMER_STARTED,
				Attributes: &historypb.HistoryEvent_TimerStartedEventAttributes{
					TimerStartedEventAttributes: &historypb.TimerStartedEventAttributes{TimerId: "35",
						WorkflowTaskCompletedEventId: 32}}}
		}, "event 35, TimerStarted: [TMPRL1100] During replay, a matching Timer command was expected"},
		{"a read was an activity", func(h *historypb.History) { // as it was before reads were tried within the task
			h.Events[32] = &historypb.HistoryEvent{EventId: 33, EventType: enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
				Attributes: &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{
					ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{
						ActivityId: "33", WorkflowTaskCompletedEventId: 32, ActivityType: &commonpb.ActivityType{Name: "ReadStatus"}}}}
		}, "event 33, ActivityTaskScheduled: [TMPRL1100]"},
		{"its end is another", func(h *historypb.History) {
			h.Events[35].EventType = enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
		}, "event 36, WorkflowExecutionContinuedAsNew: replay workflow doesn't return the same result as the last event"},
		{"its workflow is none of ours", func(h *historypb.History) {
			h.Events[0].GetWorkflowExecutionStartedEventAttributes().WorkflowType.Name = "Order"
		}, "event 1, WorkflowExecutionStarted: this build has no workflow type Order"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := proto.Clone(golden).(*historypb.History)
			test.wreck(h)
			err := replay.Replayer(keyset.WorkerConverters()).Replay(h)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "(", "attributes are left out")
		})
	}
}
