package encryption_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/frontendtest"
)

const (
	queue    = "cases"
	workflow = "kyc-extRefBApp100" // an id
)

// frontend is as much of Temporal as one task needs: it hands out what it was
// given, and keeps what comes back. The worker and the client are the SDK's.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	workflows  chan *workflowservice.PollWorkflowTaskQueueResponse
	activities chan *workflowservice.PollActivityTaskQueueResponse
	answers    chan proto.Message // what a worker or a client sent
	result     *commonpb.Payloads // of a query, or of a workflow that has ended
}

func (f *frontend) GetSystemInfo(context.Context,
	*workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{
		InternalErrorDifferentiation: true, EncodedFailureAttributes: true, SdkMetadata: true,
		SignalAndQueryHeader: true}}, nil
}

func (f *frontend) DescribeNamespace(_ context.Context,
	r *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{NamespaceInfo: &namespacepb.NamespaceInfo{Name: r.Namespace}}, nil
}

func (f *frontend) PollWorkflowTaskQueue(ctx context.Context,
	r *workflowservice.PollWorkflowTaskQueueRequest) (*workflowservice.PollWorkflowTaskQueueResponse, error) {
	tasks := f.workflows
	if r.TaskQueue.Kind == enumspb.TASK_QUEUE_KIND_STICKY {
		tasks = nil
	}
	select {
	case task := <-tasks:
		return task, nil
	case <-ctx.Done():
		return &workflowservice.PollWorkflowTaskQueueResponse{}, nil
	}
}

func (f *frontend) PollActivityTaskQueue(ctx context.Context,
	_ *workflowservice.PollActivityTaskQueueRequest) (*workflowservice.PollActivityTaskQueueResponse, error) {
	select {
	case task := <-f.activities:
		return task, nil
	case <-ctx.Done():
		return &workflowservice.PollActivityTaskQueueResponse{}, nil
	}
}

func (f *frontend) RespondWorkflowTaskCompleted(_ context.Context,
	r *workflowservice.RespondWorkflowTaskCompletedRequest) (*workflowservice.RespondWorkflowTaskCompletedResponse,
	error) {
	f.answers <- r
	return &workflowservice.RespondWorkflowTaskCompletedResponse{}, nil
}

func (f *frontend) RespondWorkflowTaskFailed(_ context.Context,
	r *workflowservice.RespondWorkflowTaskFailedRequest) (*workflowservice.RespondWorkflowTaskFailedResponse, error) {
	f.answers <- r
	return &workflowservice.RespondWorkflowTaskFailedResponse{}, nil
}

func (f *frontend) RespondQueryTaskCompleted(_ context.Context,
	r *workflowservice.RespondQueryTaskCompletedRequest) (*workflowservice.RespondQueryTaskCompletedResponse, error) {
	f.answers <- r
	return &workflowservice.RespondQueryTaskCompletedResponse{}, nil
}

func (f *frontend) RespondActivityTaskCompleted(_ context.Context,
	r *workflowservice.RespondActivityTaskCompletedRequest) (*workflowservice.RespondActivityTaskCompletedResponse,
	error) {
	f.answers <- r
	return &workflowservice.RespondActivityTaskCompletedResponse{}, nil
}

func (f *frontend) RespondActivityTaskFailed(_ context.Context,
	r *workflowservice.RespondActivityTaskFailedRequest) (*workflowservice.RespondActivityTaskFailedResponse, error) {
	f.answers <- r
	return &workflowservice.RespondActivityTaskFailedResponse{}, nil
}

func (f *frontend) StartWorkflowExecution(_ context.Context,
	r *workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error) {
	f.answers <- r
	return &workflowservice.StartWorkflowExecutionResponse{RunId: "run"}, nil
}

func (f *frontend) SignalWorkflowExecution(_ context.Context,
	r *workflowservice.SignalWorkflowExecutionRequest) (*workflowservice.SignalWorkflowExecutionResponse, error) {
	f.answers <- r
	return &workflowservice.SignalWorkflowExecutionResponse{}, nil
}

func (f *frontend) QueryWorkflow(_ context.Context,
	r *workflowservice.QueryWorkflowRequest) (*workflowservice.QueryWorkflowResponse, error) {
	f.answers <- r
	return &workflowservice.QueryWorkflowResponse{QueryResult: f.result}, nil
}

func (f *frontend) UpdateWorkflowExecution(_ context.Context,
	r *workflowservice.UpdateWorkflowExecutionRequest) (*workflowservice.UpdateWorkflowExecutionResponse, error) {
	f.answers <- r
	return &workflowservice.UpdateWorkflowExecutionResponse{
		Stage:     enumspb.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED,
		UpdateRef: &updatepb.UpdateRef{WorkflowExecution: r.WorkflowExecution, UpdateId: r.Request.Meta.UpdateId},
		Outcome:   &updatepb.Outcome{Value: &updatepb.Outcome_Success{Success: f.result}}}, nil
}

func (f *frontend) GetWorkflowExecutionHistory(context.Context,
	*workflowservice.GetWorkflowExecutionHistoryRequest) (*workflowservice.GetWorkflowExecutionHistoryResponse, error) {
	return &workflowservice.GetWorkflowExecutionHistoryResponse{History: &historypb.History{
		Events: []*historypb.HistoryEvent{{EventId: 9,
			EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
			Attributes: &historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes{
				WorkflowExecutionCompletedEventAttributes: &historypb.WorkflowExecutionCompletedEventAttributes{
					Result: f.result}}}}}}, nil
}

// dial is a client of a frontend of its own.
func dial(t *testing.T, c encryption.Converters) (*frontend, client.Client) {
	t.Helper()
	f := &frontend{workflows: make(chan *workflowservice.PollWorkflowTaskQueueResponse, 1),
		activities: make(chan *workflowservice.PollActivityTaskQueueResponse, 1), answers: make(chan proto.Message, 10)}
	temporal, err := client.DialContext(t.Context(), client.Options{
		HostPort: frontendtest.Serve(t, f).Address, Namespace: "kyc",
		Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)), DataConverter: c.Data, FailureConverter: c.Failures})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	return f, temporal
}

// work is a worker on a frontend of its own, with the cast of story_test.go.
func work(t *testing.T, c encryption.Converters) *frontend {
	t.Helper()
	f, temporal := dial(t, c)
	w := worker.New(temporal, queue, worker.Options{})
	cast(w)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return f
}

func (f *frontend) answer(t *testing.T) proto.Message {
	t.Helper()
	select {
	case answer := <-f.answers:
		return answer
	case <-time.After(20 * time.Second):
		require.FailNow(t, "nothing came back")
		return nil
	}
}

// outcome tells what a worker made of a task: "task failed" is repeated by the
// server, the others are for good.
func (f *frontend) outcome(t *testing.T, c encryption.Converters) string {
	t.Helper()
	switch r := f.answer(t).(type) {
	case *workflowservice.RespondWorkflowTaskFailedRequest:
		return "task failed: " + c.Failures.FailureToError(r.Failure).Error()
	case *workflowservice.RespondWorkflowTaskCompletedRequest:
		var told []string
		for _, m := range r.Messages {
			told = append(told, m.Body.TypeUrl[strings.LastIndex(m.Body.TypeUrl, ".")+1:])
		}
		for _, command := range r.Commands {
			switch command.CommandType {
			case enumspb.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION:
				var result string
				require.NoError(t, c.Data.FromPayloads(command.GetCompleteWorkflowExecutionCommandAttributes().Result, &result))
				told = append(told, "completed: "+result)
			case enumspb.COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION:
				told = append(told, "workflow failed")
			}
		}
		return strings.Join(told, ", ")
	default:
		require.FailNow(t, "another answer", "%T", r)
		return ""
	}
}

// past builds a history by hand, as a server would have written it.
type past struct {
	task *workflowservice.PollWorkflowTaskQueueResponse
}

// startOfHistory is when the histories of these tests begin.
var startOfHistory = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func begun(input *commonpb.Payloads) *past {
	p := &past{&workflowservice.PollWorkflowTaskQueueResponse{TaskToken: []byte("token"), Attempt: 1,
		History:           &historypb.History{},
		WorkflowType:      &commonpb.WorkflowType{Name: "story"},
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflow, RunId: "run"}}}
	return p.add(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
		&historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
			WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
				WorkflowType: p.task.WorkflowType, TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, Input: input,
				OriginalExecutionRunId: "run", WorkflowTaskTimeout: durationpb.New(10 * time.Second)}}})
}

func (p *past) add(kind enumspb.EventType, event *historypb.HistoryEvent) *past {
	event.EventId, event.EventType = p.last()+1, kind
	event.EventTime = timestamppb.New(startOfHistory.Add(time.Duration(event.EventId) * time.Second))
	p.task.History.Events = append(p.task.History.Events, event)
	return p
}

func (p *past) last() int64 { return int64(len(p.task.History.Events)) }

// asked is a workflow task that the worker has yet to do.
func (p *past) asked() *past {
	p.add(enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
		&historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowTaskScheduledEventAttributes{
			WorkflowTaskScheduledEventAttributes: &historypb.WorkflowTaskScheduledEventAttributes{
				TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, Attempt: 1}}})
	p.add(enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED,
		&historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowTaskStartedEventAttributes{
			WorkflowTaskStartedEventAttributes: &historypb.WorkflowTaskStartedEventAttributes{ScheduledEventId: p.last()}}})
	p.task.StartedEventId = p.last()
	return p
}

// done is a workflow task that a worker did before.
func (p *past) done() *past {
	p.asked()
	p.task.PreviousStartedEventId = p.last()
	return p.add(enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
		&historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowTaskCompletedEventAttributes{
			WorkflowTaskCompletedEventAttributes: &historypb.WorkflowTaskCompletedEventAttributes{ScheduledEventId: p.last() - 1,
				StartedEventId: p.last()}}})
}

func (p *past) signalled(input *commonpb.Payloads) *past {
	return p.add(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
		&historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionSignaledEventAttributes{
			WorkflowExecutionSignaledEventAttributes: &historypb.WorkflowExecutionSignaledEventAttributes{SignalName: "word",
				Input: input}}})
}

func (p *past) marked(name string, details map[string]*commonpb.Payloads) *past {
	return p.add(enumspb.EVENT_TYPE_MARKER_RECORDED,
		&historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_MarkerRecordedEventAttributes{
			MarkerRecordedEventAttributes: &historypb.MarkerRecordedEventAttributes{MarkerName: name, Details: details,
				WorkflowTaskCompletedEventId: p.last()}}})
}

// payloads are values as a client or a worker would send them.
func payloads(t testing.TB, dc converter.DataConverter, id string, values ...any) *commonpb.Payloads {
	t.Helper()
	if id != "" {
		dc = converter.WithDataConverterSerializationContext(dc,
			converter.WorkflowSerializationContext{Namespace: "elsewhere", WorkflowID: id})
	}
	made, err := dc.ToPayloads(values...)
	require.NoError(t, err)
	return made
}
