package encryption_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/proxy"
	querypb "go.temporal.io/api/query/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"durablekyc.example/internal/encryption"
)

const name = "Mario Rossi" // nobody's, but a name

// homes are the workflows that the payloads in a message are sealed for, and
// how many there are of each. Whatever is not sealed fails the test.
func homes(t *testing.T, k encryption.Keyset, message proto.Message) map[string]int {
	t.Helper()
	found := map[string]int{}
	require.NoError(t, proxy.VisitPayloads(t.Context(), message, proxy.VisitPayloadsOptions{SkipSearchAttributes: true,
		Visitor: func(_ *proxy.VisitPayloadsContext, all []*commonpb.Payload) ([]*commonpb.Payload, error) {
			for _, p := range all {
				require.Equal(t, "binary/encrypted", string(p.Metadata["encoding"]))
				found[string(p.Metadata["workflow-id"])]++
			}
			_, err := k.Codec().Decode(all)
			return all, err
		}}))
	require.NotContains(t, fmt.Sprint(message), "Mario")
	return found
}

func TestAWorkerSendsNoPlaintext(t *testing.T) {
	keys, _ := drawn(t)
	f := work(t, keys.WorkerConverters())
	p := begun(payloads(t, keys.Converters().Data, workflow, name)).asked()
	p.task.WorkflowType.Name = "others"
	f.workflows <- p.task
	require.Equal(t, map[string]int{
		// an activity and its summary, a timer's, a version in three, a side effect in two, the child's summary and details
		workflow:    10,
		"kyc-other": 1, // the signal
		"kyc-child": 1, // the input
	}, homes(t, keys, f.answer(t)))

	p.task.WorkflowType.Name = "story"
	f.workflows <- p.task
	require.Equal(t, map[string]int{workflow: 1}, homes(t, keys, f.answer(t)), "the result")
}

// Answers to questions are sealed, and one that does not open leaves the
// worker as it was: Temporal tells whoever asked that nobody answered.
func TestAWorkerAnswersSealed(t *testing.T) {
	keys, _ := drawn(t)
	ours := keys.Converters()
	f := work(t, keys.WorkerConverters())
	ask := func(kind string, words *commonpb.Payloads) {
		p := begun(payloads(t, ours.Data, workflow, "signal")).done()
		p.task.Query = &querypb.WorkflowQuery{QueryType: kind, QueryArgs: words}
		f.workflows <- p.task
	}
	ask("echo", payloads(t, otherKeys(t).Converters().Data, workflow, name))
	ask("echo", payloads(t, ours.Data, workflow, name))
	require.Equal(t, map[string]int{workflow: 1}, homes(t, keys, f.answer(t)))
	ask("__temporal_workflow_metadata", nil)
	require.Equal(t, map[string]int{workflow: 1}, homes(t, keys, f.answer(t)))
	require.Empty(t, f.answers)
}

func TestAClientSendsNoPlaintext(t *testing.T) {
	keys, _ := drawn(t)
	ours := keys.Converters()
	f, temporal := dial(t, ours)
	f.result = payloads(t, ours.Data, workflow, "back")
	var got string
	for what, call := range map[string]func() error{
		"start": func() error {
			_, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflow, TaskQueue: queue,
				StaticSummary: name,
				StaticDetails: name, Memo: map[string]any{"name": name}}, "story", name)
			return err
		},
		"signal": func() error {
			return temporal.SignalWorkflow(t.Context(), workflow, "", "word", name)
		},
		"query": func() error {
			value, err := temporal.QueryWorkflow(t.Context(), workflow, "", "word", name)
			return errors.Join(err, value.Get(&got))
		},
		"update": func() error {
			handle, err := temporal.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{WorkflowID: workflow,
				UpdateName: "word", Args: []any{name},
				WaitForStage: client.WorkflowUpdateStageCompleted})
			return errors.Join(err, handle.Get(t.Context(), &got))
		},
	} {
		require.NoError(t, call(), what)
		counted := homes(t, keys, f.answer(t))
		require.Len(t, counted, 1, what)
		require.Contains(t, counted, workflow, what)
	}
	require.Equal(t, "back", got)
}

// A program without the key is told, and lives on.
func TestAClientIsTold(t *testing.T) {
	keys, _ := drawn(t)
	f, temporal := dial(t, keys.Converters())
	for how, test := range map[string]struct {
		result *commonpb.Payloads
		want   string
	}{
		"another key":      {payloads(t, otherKeys(t).Converters().Data, workflow, name), "which is not in this keyset"},
		"another workflow": {payloads(t, keys.Converters().Data, "kyc-other", name), "bound to another workflow"},
		"clear":            {payloads(t, converter.GetDefaultDataConverter(), workflow, name), "not encrypted"},
	} {
		f.result = test.result
		var got string
		value, err := temporal.QueryWorkflow(t.Context(), workflow, "", "word")
		require.NoError(t, err)
		require.ErrorContains(t, value.Get(&got), test.want, how)
		<-f.answers
		require.ErrorContains(t, temporal.GetWorkflow(t.Context(), workflow, "").Get(context.Background(), &got), test.want,
			how)
		handle, err := temporal.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{WorkflowID: workflow,
			UpdateName:   "word",
			WaitForStage: client.WorkflowUpdateStageCompleted})
		require.NoError(t, err)
		require.ErrorIs(t, handle.Get(t.Context(), &got), encryption.ErrSealed, how)
		<-f.answers
		require.Empty(t, got)
	}
}

// The zero Keyset seals nothing and opens nothing, as everywhere.
func TestNoKeysetSealsNothing(t *testing.T) {
	keys, _ := drawn(t)
	var none encryption.Keyset
	_, err := none.Converters().Data.ToPayloads("x")
	require.ErrorContains(t, err, "no keyset")
	var got string
	require.ErrorIs(t, none.Converters().Data.FromPayloads(payloads(t, keys.Converters().Data, workflow, "x"), &got),
		encryption.ErrSealed)
	require.Panics(t, func() { none.Converters().Failures.ErrorToFailure(errors.New("x")) }, "rather than a text in clear")
}
