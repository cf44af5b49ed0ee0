package cli_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	updatepb "go.temporal.io/api/update/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/frontendtest"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// frontend is as much of Temporal's frontend as this program calls, with one
// case that a script moves: for what a real server cannot be made to do on
// time, such as having no worker. Everything else is told against a real one.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	address string

	mu       sync.Mutex
	script   []kyc.View // what the case is, one after the other
	at       int
	looks    int // descriptions of the present view so far
	onLook   func(n int)
	noWorker bool // nobody answers updates and queries
	slow     bool // a worker polls all the same
	absent   bool // there is no case at all
	queries  int
	listed   []string // the queries of lists
	found    []*workflowpb.WorkflowExecutionInfo
	allRuns  []*workflowpb.WorkflowExecutionInfo // what a list by workflow ids finds, if that is more
	started  []string                            // workflow ids
	notify   []bool                              // whether each was to tell KYC_NOTIFY_URL
	notifyTo string                              // KYC_NOTIFY_URL of this program

	notifier enumspb.WorkflowExecutionStatus // zero is none
	ledger   workflows.NotifierState         // of the notifier
	pending  []*workflowpb.PendingActivityInfo
	again    []workflows.NotifierState // what a notifier was started with
	open     bool                      // the case takes updates
}

const (
	person = "cstap_6reGTr3k8vpAu8uFV7EdiN"
	// looksEach is how many descriptions find the same view before the script moves on.
	looksEach = 3
)

func serve(t *testing.T, f *frontend) *frontend {
	t.Helper()
	f.address = frontendtest.Serve(t, f).Address
	return f
}

// keyset is the one that worker and starter share here.
var keyset = sync.OnceValue(func() string {
	text, err := encryption.NewKeyset()
	if err != nil {
		panic(err)
	}
	return text
})

// sealed is how a workflow's payloads travel.
func sealed(workflow string) converter.DataConverter {
	k, err := encryption.ParseKeyset(keyset())
	if err != nil {
		panic(err)
	}
	return converter.WithDataConverterSerializationContext(k.Converters().Data,
		converter.WorkflowSerializationContext{WorkflowID: workflow})
}

func (f *frontend) lookup(name string) (string, bool) {
	value, ok := map[string]string{"TEMPORAL_ADDRESS": f.address, "TEMPORAL_CONFIG_FILE": os.DevNull,
		"KYC_NOTIFY_URL": f.notifyTo, "KYC_KEYSET": keyset()}[name]
	return value, ok
}

func (f *frontend) GetSystemInfo(context.Context,
	*workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (f *frontend) view() kyc.View { return f.script[f.at] }

func (f *frontend) info() *workflowpb.WorkflowExecutionInfo {
	v := f.view()
	info := execution(v.Reference, v.Stage, v.Until)
	info.HistoryLength = int64(10 * (f.at + 1))
	return info
}

// execution is a case as visibility has it.
func execution(reference string, stage kyc.Stage, until time.Time) *workflowpb.WorkflowExecutionInfo {
	payload := func(v any) *commonpb.Payload {
		p, _ := converter.GetDefaultDataConverter().ToPayload(v) // words and times always can
		return p
	}
	state := enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	if stage.Final() {
		state = enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	}
	return &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: workflows.ID(reference), RunId: "run"}, Status: state,
		StartTime: timestamppb.New(begin),
		SearchAttributes: &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{
			"KycStage": payload(stage), "KycWaitingOn": payload(stage.WaitingOn()),
			"KycCustomerType": payload(kyc.Individual), "KycDeadline": payload(until),
		}},
	}
}

func isNotifier(id string) bool { return strings.HasPrefix(id, workflows.NotifyID("")) }

func (f *frontend) DescribeWorkflowExecution(_ context.Context,
	r *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch id := r.GetExecution().GetWorkflowId(); {
	case isNotifier(id) && f.notifier == 0:
		return nil, status.Error(codes.NotFound, "no such workflow")
	case isNotifier(id):
		return &workflowservice.DescribeWorkflowExecutionResponse{PendingActivities: f.pending,
			WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: f.notifier}}, nil
	}
	if f.absent {
		return nil, status.Error(codes.NotFound, "no such workflow")
	}
	f.looks++
	if f.onLook != nil {
		f.onLook(f.looks)
	}
	if f.looks > looksEach && f.at+1 < len(f.script) {
		f.at, f.looks = f.at+1, 1
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: f.info()}, nil
}

func (f *frontend) QueryWorkflow(_ context.Context,
	r *workflowservice.QueryWorkflowRequest) (*workflowservice.QueryWorkflowResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queries++
	if f.noWorker {
		return nil, status.Error(codes.DeadlineExceeded, "no poller")
	}
	var answer any = f.view()
	if isNotifier(r.GetExecution().GetWorkflowId()) {
		if answer = f.ledger.Events(); r.GetQuery().GetQueryType() == workflows.QueryLedger {
			answer = f.ledger
		}
	}
	result, err := sealed(r.GetExecution().GetWorkflowId()).ToPayloads(answer)
	return &workflowservice.QueryWorkflowResponse{QueryResult: result}, err
}

// DescribeTaskQueue knows a worker that polled a moment ago, unless there is none.
func (f *frontend) DescribeTaskQueue(context.Context,
	*workflowservice.DescribeTaskQueueRequest) (*workflowservice.DescribeTaskQueueResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := &workflowservice.DescribeTaskQueueResponse{}
	if f.slow {
		d.Pollers = []*taskqueuepb.PollerInfo{{LastAccessTime: timestamppb.Now()}}
	}
	return d, nil
}

func (f *frontend) GetWorkflowExecutionHistory(_ context.Context,
	r *workflowservice.GetWorkflowExecutionHistoryRequest) (*workflowservice.GetWorkflowExecutionHistoryResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var answer any = f.ledger
	if id := r.GetExecution().GetWorkflowId(); isNotifier(id) && f.notifier == 0 {
		return nil, status.Error(codes.NotFound, "no such workflow")
	} else if !isNotifier(id) {
		answer = f.view()
	}
	if f.notifier == enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED {
		return &workflowservice.GetWorkflowExecutionHistoryResponse{History: &historypb.History{
			Events: []*historypb.HistoryEvent{{EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
				Attributes: &historypb.HistoryEvent_WorkflowExecutionTerminatedEventAttributes{
					WorkflowExecutionTerminatedEventAttributes: &historypb.WorkflowExecutionTerminatedEventAttributes{}},
			}}}}, nil
	}
	result, err := sealed(r.GetExecution().GetWorkflowId()).ToPayloads(answer)
	return &workflowservice.GetWorkflowExecutionHistoryResponse{
		History: &historypb.History{Events: []*historypb.HistoryEvent{{
			EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
			Attributes: &historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes{
				WorkflowExecutionCompletedEventAttributes: &historypb.WorkflowExecutionCompletedEventAttributes{Result: result}},
		}}}}, err
}

func (f *frontend) ListWorkflowExecutions(_ context.Context,
	r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listed = append(f.listed, r.GetQuery())
	found := f.found
	if f.allRuns != nil && strings.Contains(r.GetQuery(), "WorkflowId IN") {
		found = f.allRuns
	}
	n := min(len(found), int(r.GetPageSize()))
	return &workflowservice.ListWorkflowExecutionsResponse{Executions: found[:n]}, nil
}

// ExecuteMultiOperation is update-with-start: the start is durable, the update
// is not answered.
func (f *frontend) ExecuteMultiOperation(_ context.Context,
	r *workflowservice.ExecuteMultiOperationRequest) (*workflowservice.ExecuteMultiOperationResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	start := r.GetOperations()[0].GetStartWorkflow()
	f.started = append(f.started, start.GetWorkflowId())
	var in workflows.Input
	if err := sealed(start.GetWorkflowId()).FromPayloads(start.GetInput(), &in); err != nil {
		return nil, err
	}
	f.notify = append(f.notify, in.Notify)
	return nil, status.Error(codes.DeadlineExceeded, "no poller")
}

// UpdateWorkflowExecution finds no notifier running, and a case that takes
// another webhookUrl if it is open.
func (f *frontend) UpdateWorkflowExecution(_ context.Context,
	r *workflowservice.UpdateWorkflowExecutionRequest) (*workflowservice.UpdateWorkflowExecutionResponse, error) {
	if f.open && r.GetRequest().GetInput().GetName() == workflows.UpdateWebhook {
		id := r.GetWorkflowExecution().GetWorkflowId()
		payloads, err := sealed(id).ToPayloads(f.script[0])
		return &workflowservice.UpdateWorkflowExecutionResponse{
			UpdateRef: &updatepb.UpdateRef{WorkflowExecution: r.GetWorkflowExecution(),
				UpdateId: r.GetRequest().GetMeta().GetUpdateId()},
			Stage:   enumspb.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED,
			Outcome: &updatepb.Outcome{Value: &updatepb.Outcome_Success{Success: payloads}},
		}, err
	}
	return nil, status.Error(codes.NotFound, "workflow execution already completed")
}

func (f *frontend) StartWorkflowExecution(_ context.Context,
	r *workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var l workflows.NotifierState
	err := sealed(r.GetWorkflowId()).FromPayloads(r.GetInput(), &l)
	f.again = append(f.again, l)
	return &workflowservice.StartWorkflowExecutionResponse{RunId: "run"}, err
}
