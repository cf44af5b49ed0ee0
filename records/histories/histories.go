// Package histories is what Temporal recorded of a case, in the form that a bundle has: all runs in one message of
// Temporal's own for exports, with their payloads in plaintext.
package histories

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	exportpb "go.temporal.io/api/export/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"durablekyc.example/workflows"
)

// Decrypt returns a copy of a history with every payload in plaintext. What was never encrypted, as a signal that an
// operator typed, is marked the way a worker's converter marks it, so that a replay treats it as the worker did.
func Decrypt(h *historypb.History, codec converter.PayloadCodec) (*historypb.History, error) {
	plain := proto.CloneOf(h)
	open := func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
		opened := make([]*commonpb.Payload, len(payloads))
		for i, p := range payloads {
			if string(p.GetMetadata()[converter.MetadataEncoding]) != encrypted {
				opened[i] = marked(p)
				continue
			}
			one, err := codec.Decode([]*commonpb.Payload{p})
			if err != nil {
				return nil, err
			}
			opened[i] = one[0]
		}
		return opened, nil
	}
	for _, event := range plain.GetEvents() {
		err := proxy.VisitPayloads(context.Background(), event,
			proxy.VisitPayloadsOptions{SkipSearchAttributes: true, Visitor: open})
		if err != nil {
			return nil, fmt.Errorf("event %d, %s: %w", event.GetEventId(), event.GetEventType(), err)
		}
	}
	return plain, nil
}

// encrypted is the encoding of a payload that the keyset encrypted.
const encrypted = "binary/encrypted"

func marked(p *commonpb.Payload) *commonpb.Payload {
	if p == nil {
		return nil
	}
	plain := proto.CloneOf(p)
	if plain.Metadata == nil {
		plain.Metadata = map[string][]byte{}
	}
	plain.Metadata[workflows.MetadataPlaintext] = []byte("true")
	return plain
}

// Encode writes histories as Temporal Cloud exports them: first the runs of the case, oldest first, then those of its
// notifier.
func Encode(all []*historypb.History) ([]byte, error) {
	export := &exportpb.WorkflowExecutions{}
	for _, h := range all {
		export.Items = append(export.Items, &exportpb.WorkflowExecution{History: h})
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(export)
}

// Decode reads what Encode wrote.
func Decode(data []byte) (all []*historypb.History, err error) {
	export := &exportpb.WorkflowExecutions{}
	if err := proto.Unmarshal(data, export); err != nil {
		return nil, errors.New("not an export from Temporal")
	}
	for i, item := range export.GetItems() {
		if Started(item.GetHistory()) == nil {
			return nil, fmt.Errorf("history %d has no WorkflowExecutionStarted event at its start", i+1)
		}
		all = append(all, item.GetHistory())
	}
	return all, nil
}

// Started is the start of a run; nil if the history does not begin with one.
func Started(h *historypb.History) *historypb.WorkflowExecutionStartedEventAttributes {
	if len(h.GetEvents()) == 0 {
		return nil
	}
	return h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
}

// Split tells the runs of the case from those of its notifier. It refuses histories in another order, of another
// workflow, or of another case than this reference's.
func Split(reference string, all []*historypb.History) (ofCase, ofNotifier []*historypb.History, err error) {
	for i, h := range all {
		start := Started(h)
		switch {
		case start.GetWorkflowId() == workflows.ID(reference) && len(ofNotifier) == 0:
			ofCase = append(ofCase, h)
		case start.GetWorkflowId() == workflows.NotifyID(reference):
			ofNotifier = append(ofNotifier, h)
		case start.GetWorkflowId() == workflows.ID(reference):
			return nil, nil, fmt.Errorf("history %d is out of order", i+1)
		default:
			return nil, nil, fmt.Errorf("history %d is of another case", i+1)
		}
	}
	if len(ofCase) == 0 {
		return nil, nil, errors.New("no history of the case")
	}
	return ofCase, ofNotifier, numbered(all)
}

// numbered refuses a history that lacks an event, has one twice, or has two in another order.
func numbered(all []*historypb.History) error {
	for i, h := range all {
		for j, event := range h.GetEvents() {
			if event.GetEventId() != int64(j+1) {
				return fmt.Errorf("history %d has event %d where event %d belongs", i+1, event.GetEventId(), j+1)
			}
		}
	}
	return nil
}

// Builds lists the builds of the workers that ran a case, in the order of their first task.
func Builds(all []*historypb.History) []string {
	builds := []string{}
	for _, h := range all {
		for _, event := range h.GetEvents() {
			build := event.GetWorkflowTaskCompletedEventAttributes().GetWorkerVersion().GetBuildId()
			if build != "" && !slices.Contains(builds, build) {
				builds = append(builds, build)
			}
		}
	}
	return builds
}

// RunID is the id of the run that a history is of. An operator who resets a run makes another one, whose history begins
// with that of the run before, and names the new one where it does.
func RunID(h *historypb.History) string {
	id := Started(h).GetOriginalExecutionRunId()
	for _, e := range h.GetEvents() {
		if a := e.GetWorkflowTaskFailedEventAttributes(); isReset(e) && a.GetNewRunId() != "" {
			id = a.GetNewRunId()
		}
	}
	return id
}

// FirstReset is the history event at which an operator reset a run first; 0 if none did. What is before it, a run of
// the original id did.
func FirstReset(h *historypb.History) int64 {
	for _, e := range h.GetEvents() {
		if isReset(e) {
			return e.GetEventId()
		}
	}
	return 0
}

func isReset(e *historypb.HistoryEvent) bool {
	return e.GetWorkflowTaskFailedEventAttributes().GetCause() == enumspb.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
}

// ResetAt is when an operator reset a run last; zero if none did. The run goes on with the history of the one before.
func ResetAt(h *historypb.History) (at time.Time) {
	for _, e := range h.GetEvents() {
		if isReset(e) {
			at = e.GetEventTime().AsTime()
		}
	}
	return at
}
