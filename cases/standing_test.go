package cases_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/cases"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// The table of docs/operations.md has a row for each status that Temporal knows,
// with the state that the code makes of it.
func TestTheTableOfRunStatesIsTheCode(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "\n### What Temporal says of a case\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n#")
	told := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([a-z ]+) \\|").FindAllStringSubmatch(table, -1) {
		told[row[1]] = row[2]
	}
	want := map[string]string{}
	for number := range enumspb.WorkflowExecutionStatus_name {
		if status := enumspb.WorkflowExecutionStatus(number); status != enumspb.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED {
			want[status.String()] = string(cases.RunStateOf(status))
		}
	}
	require.Equal(t, want, told)
	require.Equal(t, cases.RunUnknown, cases.RunStateOf(99), "a status of a later server")
	require.True(t, cases.RunUnknown.Open(), "nothing is deleted because of it")
}

// closedRun is a Temporal that has closed a case, and answers update-with-start
// from an update that was finished before (temporalio/temporal#7656).
type closedRun struct {
	told
	first kyc.View
}

func (c closedRun) NewWithStartWorkflowOperation(client.StartWorkflowOptions, any,
	...any) client.WithStartWorkflowOperation {
	return nil
}

func (c closedRun) UpdateWithStartWorkflow(context.Context,
	client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	return finished{view: c.first}, nil
}

type finished struct {
	client.WorkflowUpdateHandle
	view kyc.View
}

func (f finished) Get(_ context.Context, to any) error {
	*to.(*kyc.View) = f.view
	return nil
}

func TestStartDoesNotAnswerFromAFinishedUpdate(t *testing.T) {
	first := kyc.View{Reference: "A1", CustomerID: "cstap_1", Stage: kyc.AwaitingDocuments}
	order := cases.StartOptions{Reference: "A1", CustomerID: "cstap_1", Policy: kyc.DefaultPolicy()}
	for number, name := range enumspb.WorkflowExecutionStatus_name {
		status := enumspb.WorkflowExecutionStatus(number)
		state := cases.RunStateOf(status)
		if state == cases.RunCompleted { // tried on a real server: its result is read
			continue
		}
		t.Run(name, func(t *testing.T) {
			temporal := closedRun{told: told{info: info(t, status, kyc.InReview, time.Time{})}, first: first}
			v, err := cases.Client{Temporal: temporal}.Start(t.Context(), order)
			if state.Open() {
				require.NoError(t, err)
				require.Equal(t, first, v)
				return
			}
			require.ErrorIs(t, err, cases.ErrEnded)
			require.ErrorContains(t, err, " in Temporal and has no result")
		})
	}
}

// silent is a Temporal whose query and update calls end in an error, with what
// it can tell without a worker.
type silent struct {
	client.Client
	err         error
	description *workflowservice.DescribeWorkflowExecutionResponse
	polled      []time.Duration // ago
	events      []*historypb.HistoryEvent
	listed      []string // workflow ids
	listFails   error
}

func (s *silent) ListWorkflow(_ context.Context,
	r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	if want := "WorkflowType IN ('KYC', 'KYCNotify') AND CloseTime IS NULL AND TemporalReportedProblems IS NOT NULL"; r.Query != want {
		return nil, serviceerror.NewInvalidArgument(r.Query)
	}
	answer := &workflowservice.ListWorkflowExecutionsResponse{}
	for _, id := range s.listed[:min(len(s.listed), int(r.PageSize))] {
		answer.Executions = append(answer.Executions,
			&workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: id}})
	}
	return answer, s.listFails
}

func (s *silent) DescribeWorkflowExecution(ctx context.Context, _,
	_ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return s.description, ctx.Err() // no answer to a question that has no time left
}

func (s *silent) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	return nil, s.err
}

func (s *silent) UpdateWorkflow(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	return nil, s.err
}

func (s *silent) DescribeTaskQueue(_ context.Context, queue string,
	kind enumspb.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error) {
	if queue != workflows.TaskQueue || kind != enumspb.TASK_QUEUE_TYPE_WORKFLOW {
		return nil, serviceerror.NewInvalidArgument("another queue")
	}
	d := &workflowservice.DescribeTaskQueueResponse{}
	for _, ago := range s.polled {
		d.Pollers = append(d.Pollers, &taskqueuepb.PollerInfo{LastAccessTime: timestamppb.New(time.Now().Add(-ago))})
	}
	return d, nil
}

func (s *silent) GetWorkflowHistory(context.Context, string, string, bool,
	enumspb.HistoryEventFilterType) client.HistoryEventIterator {
	return &iterator{events: s.events}
}

type iterator struct{ events []*historypb.HistoryEvent }

func (i *iterator) HasNext() bool { return len(i.events) > 0 }
func (i *iterator) Next() (*historypb.HistoryEvent, error) {
	event := i.events[0]
	i.events = i.events[1:]
	return event, nil
}

func describedAs(status enumspb.WorkflowExecutionStatus, attempt int32, waits time.Duration,
	problems ...string) *workflowservice.DescribeWorkflowExecutionResponse {
	i := &workflowpb.WorkflowExecutionInfo{Status: status, Execution: &commonpb.WorkflowExecution{WorkflowId: "kyc-A1"}}
	if len(problems) > 0 {
		payload, err := converter.GetDefaultDataConverter().ToPayload(problems)
		if err != nil {
			panic(err)
		}
		i.SearchAttributes = &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{
			"TemporalReportedProblems": payload}}
	}
	d := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: i,
		WorkflowExtendedInfo: &workflowpb.WorkflowExecutionExtendedInfo{}}
	if attempt > 0 {
		d.PendingWorkflowTask = &workflowpb.PendingWorkflowTaskInfo{State: enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED,
			Attempt:       attempt,
			ScheduledTime: timestamppb.New(time.Now().Add(-waits))}
	}
	if status == enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED {
		d.WorkflowExtendedInfo.PauseInfo = &workflowpb.WorkflowExecutionPauseInfo{Identity: "olga"}
	}
	return d
}

func taskFailed(cause enumspb.WorkflowTaskFailedCause, failure *failurepb.Failure) *historypb.HistoryEvent {
	return &historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED,
		Attributes: &historypb.HistoryEvent_WorkflowTaskFailedEventAttributes{
			WorkflowTaskFailedEventAttributes: &historypb.WorkflowTaskFailedEventAttributes{Cause: cause, Failure: failure}}}
}

// Whoever waits in vain is told what for.
func TestWhyACaseDoesNotAnswer(t *testing.T) {
	const (
		running   = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
		unhandled = enumspb.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE
		panicked  = "cause=WorkflowTaskFailedCauseWorkflowWorkerUnhandledFailure"
	)
	late := serviceerror.NewDeadlineExceeded("late")
	now := []time.Duration{time.Hour, time.Second}
	for name, test := range map[string]struct {
		temporal silent
		is       error
		not      error
		stuck    cases.StuckCause
	}{
		"no worker": {temporal: silent{err: late, description: describedAs(running, 0, 0)},
			is: cases.ErrNoWorker},
		"the last one is gone": {temporal: silent{err: late, description: describedAs(running, 0, 0),
			polled: []time.Duration{2 * time.Minute}}, is: cases.ErrNoWorker},
		"it died just now": {temporal: silent{err: late, description: describedAs(running, 1, 9*time.Second),
			polled: now}, is: cases.ErrNoWorker},
		"no poller, says Query": {temporal: silent{err: serviceerror.NewFailedPrecondition("no poller seen"),
			description: describedAs(running, 0, 0)}, is: cases.ErrNoWorker},
		"ConnectFi is slow": {temporal: silent{err: late, description: describedAs(running, 0, 0), polled: now},
			is: cases.ErrBusy, not: cases.ErrNoWorker},
		"Temporal is full": {temporal: silent{err: serviceerror.NewResourceExhausted(
			enumspb.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT, "limit"), description: describedAs(running, 0, 0)},
			is: cases.ErrUnavailable, not: cases.ErrNoAnswer},
		"paused": {temporal: silent{err: serviceerror.NewFailedPrecondition("Workflow is paused."),
			description: describedAs(enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED, 0, 0)}, is: cases.ErrPaused},
		"ended meanwhile": {temporal: silent{err: late,
			description: describedAs(enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, 0, 0)}, is: cases.ErrEnded,
			not: cases.ErrNoAnswer},
		"stuck, reported": {temporal: silent{err: late, description: describedAs(running, 7, 0,
			"category=WorkflowTaskFailed", panicked), polled: now}, stuck: cases.StuckPanic},
		"stuck, not yet": {temporal: silent{err: serviceerror.NewWorkflowNotReady("failed state"),
			description: describedAs(running, 3, 0), polled: now, events: []*historypb.HistoryEvent{taskFailed(unhandled, nil)}},
			stuck: cases.StuckPanic},
		"nondeterministic": {temporal: silent{err: late, description: describedAs(running, 3, 0,
			"cause=WorkflowTaskFailedCauseNonDeterministicError"), polled: now}, stuck: cases.StuckNonDeterminism},
		"stuck, and times out": {temporal: silent{err: late, description: describedAs(running, 9, 0,
			"category=WorkflowTaskTimedOut", "cause=WorkflowTaskTimedOutCauseStartToClose")}, stuck: cases.StuckTimeout},
		"one attempt was lost": {temporal: silent{err: late, description: describedAs(running, 2, 0), polled: now},
			is: cases.ErrBusy},
		"mended since": {temporal: silent{err: late, description: describedAs(running, 0, 0), polled: now,
			events: []*historypb.HistoryEvent{taskFailed(unhandled, nil)}}, is: cases.ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			test.temporal.polled = append([]time.Duration{}, test.temporal.polled...)
			caseClient := cases.Client{Temporal: &test.temporal}
			for what, call := range map[string]func() error{
				"update": func() error { _, err := caseClient.Withdraw(t.Context(), "A1", kyc.ActorSystem); return err },
				"query": func() error {
					_, err := caseClient.Show(t.Context(), "A1")
					return err
				},
			} {
				err := call()
				require.Error(t, err)
				if test.is != nil {
					require.ErrorIs(t, err, test.is, what)
				}
				if test.not != nil {
					require.NotErrorIs(t, err, test.not, what)
				}
				var stuck *cases.StuckError
				if test.stuck != "" {
					require.ErrorAs(t, err, &stuck, what)
					require.Equal(t, test.stuck, stuck.Cause)
					require.True(t, cases.Transient(err), "it goes on by itself once it is mended")
				} else {
					require.NotErrorAs(t, err, &stuck)
				}
			}
		})
	}
}

// What a worker panics with that lacks a key is told from any other panic, by
// whoever has a key for the failure.
func TestAMissingKeyIsToldFromAPanic(t *testing.T) {
	old, err := encryption.NewKeyset()
	require.NoError(t, err)
	other, err := encryption.NewKeyset()
	require.NoError(t, err)
	with, err := encryption.ParseKeyset(old)
	require.NoError(t, err)
	without, err := encryption.ParseKeyset(other)
	require.NoError(t, err)
	here := converter.WorkflowSerializationContext{WorkflowID: "kyc-A1"}
	payload, err := converter.WithDataConverterSerializationContext(with.Converters().Data, here).ToPayload("x")
	require.NoError(t, err)
	var text string
	func() {
		defer func() { text = fmt.Sprint(recover()) }()
		data := converter.WithDataConverterSerializationContext(without.WorkerConverters().Data, here)
		var to string
		_ = data.FromPayload(payload, &to)
	}()
	require.Contains(t, text, "key")
	failure := converter.WithFailureConverterSerializationContext(without.Converters().Failures,
		here).ErrorToFailure(fmt.Errorf("%s", text))
	require.NotContains(t, failure.GetMessage(), "key", "it is sealed")
	events := []*historypb.HistoryEvent{taskFailed(enumspb.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
		failure)}
	temporal := &silent{description: describedAs(enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, 8, 0), events: events}
	stuck, err := cases.Client{Temporal: temporal}.Stuck(t.Context(), "kyc-A1")
	require.NoError(t, err)
	require.Equal(t, cases.StuckPanic, stuck.Cause)
	stuck, err = cases.Client{Temporal: temporal, Failures: without.Converters().Failures}.Stuck(t.Context(), "kyc-A1")
	require.NoError(t, err)
	require.Equal(t, &cases.StuckError{Cause: cases.StuckNoKey, Attempt: 8}, stuck)
	temporal.description = describedAs(enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, 1, 0)
	stuck, err = cases.Client{Temporal: temporal}.Stuck(t.Context(), "kyc-A1")
	require.NoError(t, err)
	require.Nil(t, stuck)
}

// Everything that is stuck is listed, with the cause and the way on; what has
// gone on since visibility heard of it is not.
func TestEverythingStuckIsListed(t *testing.T) {
	temporal := &silent{listed: []string{"kyc-A1", "kyc-notify-A2", "kyc-A3"},
		description: describedAs(enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, 6, 0),
		events:      []*historypb.HistoryEvent{taskFailed(enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR, nil)}}
	caseClient := cases.Client{Temporal: temporal}
	runs, more, err := caseClient.AllStuck(t.Context(), 2)
	require.NoError(t, err)
	require.True(t, more)
	require.Len(t, runs, 2)
	require.Equal(t, "kyc-notify-A2 is stuck (attempt 6): the worker's build diverges from its history", runs[1].Error())
	require.Contains(t, runs[0].WayOn(), "starter replay A1,")
	require.Contains(t, runs[1].WayOn(), "starter replay A2,", "which replays its notifier, too")
	runs, more, err = caseClient.AllStuck(t.Context(), 3)
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, runs, 3)

	temporal.description = describedAs(enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, 0, 0)
	runs, _, err = caseClient.AllStuck(t.Context(), 3)
	require.NoError(t, err)
	require.Empty(t, runs)
	temporal.listFails = serviceerror.NewInvalidArgument("no such attribute")
	_, _, err = caseClient.AllStuck(t.Context(), 3)
	require.ErrorIs(t, err, cases.ErrNotReported)
	temporal.listFails = serviceerror.NewUnavailable("try again")
	_, _, err = caseClient.AllStuck(t.Context(), 3)
	require.ErrorIs(t, err, cases.ErrUnavailable)
}

// Who paused a case, why, and since when: no time where the server has none.
func TestWhoPausedACase(t *testing.T) {
	for name, paused := range map[string]time.Time{"at noon": begin.Add(3 * time.Hour), "at an unknown time": {}} {
		t.Run(name, func(t *testing.T) {
			d := describedAs(enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED, 0, 0)
			d.WorkflowExtendedInfo.PauseInfo.Reason = "fraud"
			if !paused.IsZero() {
				d.WorkflowExtendedInfo.PauseInfo.PausedTime = timestamppb.New(paused)
			}
			_, err := cases.Client{Temporal: &silent{description: d}}.Show(t.Context(), "A1")
			var e *cases.PausedError
			require.ErrorAs(t, err, &e)
			require.Equal(t, &cases.PausedError{Since: paused, By: "olga", Reason: "fraud"}, e)
		})
	}
}
