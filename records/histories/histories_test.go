package histories_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	exportpb "go.temporal.io/api/export/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/goldens"
	"durablekyc.example/records/facts"
	"durablekyc.example/records/histories"
)

func read(t *testing.T, reference string) (goldens.Case, encryption.Keyset) {
	t.Helper()
	cases, keyset := goldens.Cases(t, "../../workflows/testdata/histories")
	i := slices.IndexFunc(cases, func(c goldens.Case) bool { return c.Reference == reference })
	require.GreaterOrEqual(t, i, 0)
	return cases[i], keyset
}

// What an operator typed in plaintext has no id, in a worker and in the facts: it is told from what was encrypted after
// everything is in plaintext.
func TestWhatWasNeverEncryptedIsMarked(t *testing.T) {
	c, keyset := read(t, "individualreview")
	at := slices.IndexFunc(c.Runs[0].Events, func(e *historypb.HistoryEvent) bool {
		return e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
	})
	require.Positive(t, at)
	hint := func(h *historypb.History) string {
		h, err := histories.Decrypt(h, keyset.Codec())
		require.NoError(t, err)
		account, err := facts.FromHistories([]*historypb.History{h})
		require.NoError(t, err)
		i := slices.IndexFunc(account.Facts, func(f facts.Fact) bool { return f.What == "change_hinted" })
		require.Positive(t, i)
		return string(account.Facts[i].Data)
	}
	require.Contains(t, hint(c.Runs[0]), `"id":`)
	typed, err := converter.GetDefaultDataConverter().ToPayloads(map[string]string{"requestId": "typed"})
	require.NoError(t, err)
	plain := proto.CloneOf(c.Runs[0])
	plain.Events[at].GetWorkflowExecutionSignaledEventAttributes().Input = typed
	require.NotContains(t, hint(plain), `"id":`)
}

func TestWhatCannotBeDecrypted(t *testing.T) {
	c, _ := read(t, "individualreview")
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	other, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	_, err = histories.Decrypt(c.Runs[0], other.Codec())
	require.ErrorContains(t, err, "event 1, WorkflowExecutionStarted: ")
}

// The form is that of Temporal Cloud's exports.
func TestHistoriesAreAnExport(t *testing.T) {
	c, keyset := read(t, "notified")
	var all []*historypb.History
	for _, h := range c.All() {
		plain, err := histories.Decrypt(h, keyset.Codec())
		require.NoError(t, err)
		all = append(all, plain)
	}
	data, err := histories.Encode(all)
	require.NoError(t, err)
	export := &exportpb.WorkflowExecutions{}
	require.NoError(t, proto.Unmarshal(data, export))
	require.Len(t, export.Items, len(all))
	again, err := histories.Decode(data)
	require.NoError(t, err)
	for i := range all {
		require.True(t, proto.Equal(all[i], again[i]))
	}
	ofCase, ofNotifier, err := histories.Split("notified", again)
	require.NoError(t, err)
	require.Len(t, ofCase, len(c.Runs))
	require.Len(t, ofNotifier, len(c.Notifier))
	require.Equal(t, []string{"dev"}, histories.Builds(ofCase))
}

func TestWhatIsNoExport(t *testing.T) {
	_, err := histories.Decode([]byte("no export"))
	require.ErrorContains(t, err, "not an export")
	empty, err := histories.Encode([]*historypb.History{{}})
	require.NoError(t, err)
	_, err = histories.Decode(empty)
	require.ErrorContains(t, err, "history 1 has no WorkflowExecutionStarted event at its start")
	c, _ := read(t, "notified")
	_, _, err = histories.Split("another", c.Runs)
	require.ErrorContains(t, err, "history 1 is of another case")
	_, _, err = histories.Split("notified", slices.Concat(c.Notifier, c.Runs))
	require.ErrorContains(t, err, "history 2 is out of order")
	_, _, err = histories.Split("notified", c.Notifier)
	require.ErrorContains(t, err, "no history of the case")
	gap := proto.CloneOf(c.Runs[0])
	gap.Events = slices.Delete(gap.Events, 4, 5)
	_, _, err = histories.Split("notified", []*historypb.History{gap})
	require.ErrorContains(t, err, "history 1 has event 6 where event 5 belongs")
	_, err = histories.Decrypt(&historypb.History{Events: []*historypb.HistoryEvent{{
		UserMetadata: nil, Attributes: &historypb.HistoryEvent_WorkflowExecutionSignaledEventAttributes{
			WorkflowExecutionSignaledEventAttributes: &historypb.WorkflowExecutionSignaledEventAttributes{
				Input: &commonpb.Payloads{Payloads: []*commonpb.Payload{nil}}}}}}}, nil)
	require.NoError(t, err, "what is empty is left so")
}

// A run that was reset goes by the id that the last reset gave it, and was another one in front of the first.
func TestTheRunOfAHistoryThatWasReset(t *testing.T) {
	c, _ := read(t, "notified")
	h := proto.CloneOf(c.Runs[0])
	original := histories.Started(h).GetOriginalExecutionRunId()
	require.Equal(t, original, histories.RunID(h))
	require.Zero(t, histories.FirstReset(h))
	require.Zero(t, histories.ResetAt(h))
	for i, run := range []string{"second", "third"} {
		h.Events[6+i] = &historypb.HistoryEvent{EventId: int64(7 + i), EventTime: timestamppb.New(time.Unix(int64(i), 0)),
			Attributes: &historypb.HistoryEvent_WorkflowTaskFailedEventAttributes{
				WorkflowTaskFailedEventAttributes: &historypb.WorkflowTaskFailedEventAttributes{
					Cause: enumspb.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW, BaseRunId: original, NewRunId: run}}}
	}
	require.Equal(t, "third", histories.RunID(h))
	require.EqualValues(t, 7, histories.FirstReset(h))
	require.Equal(t, time.Unix(1, 0).UTC(), histories.ResetAt(h))
}
