package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/errordetails/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"durablekyc.example/internal/frontendtest"
	"durablekyc.example/starter/cli"
)

// register is a frontend that starts cases and knows those it has, without any
// worker.
type register struct {
	workflowservice.UnimplementedWorkflowServiceServer
	address, notifyTo, dir string

	mu      sync.Mutex
	cases   map[string]*commonpb.Payloads // what each was started with, by workflow id
	order   []string                      // the ids, as they came
	broken  map[string]codes.Code         // what starts of an id end in
	ended   map[string]bool               // in Temporal, without a result
	onStart func(n int)                   // after the nth start
	last    *workflowservice.StartWorkflowExecutionRequest
}

func registered(t *testing.T) *register {
	t.Helper()
	r := &register{dir: t.TempDir(), cases: map[string]*commonpb.Payloads{}, broken: map[string]codes.Code{}}
	r.address = frontendtest.Serve(t, r).Address
	return r
}

func (r *register) GetSystemInfo(context.Context,
	*workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

// DescribeWorkflowExecution says that what exists is open, unless it was ended.
func (r *register) DescribeWorkflowExecution(_ context.Context,
	q *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	state := enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	if r.ended[q.GetExecution().GetWorkflowId()] {
		state = enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Status: state}}, nil
}

func (r *register) StartWorkflowExecution(_ context.Context,
	q *workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := q.GetWorkflowId()
	if code, is := r.broken[id]; is {
		return nil, status.Error(code, "no")
	}
	if r.cases[id] != nil {
		there, err := status.New(codes.AlreadyExists, "it is there").WithDetails(
			&errordetails.WorkflowExecutionAlreadyStartedFailure{RunId: "run"})
		if err != nil || q.GetWorkflowIdConflictPolicy() != enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL ||
			q.GetWorkflowIdReusePolicy() != enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE {
			return nil, status.Error(codes.Internal, "it is there, and would be taken for new")
		}
		return nil, there.Err()
	}
	r.cases[id], r.last, r.order = q.GetInput(), q, append(r.order, id)
	if r.onStart != nil {
		r.onStart(len(r.order))
	}
	return &workflowservice.StartWorkflowExecutionResponse{RunId: "run", Started: true}, nil
}

func (r *register) GetWorkflowExecutionHistory(_ context.Context,
	q *workflowservice.GetWorkflowExecutionHistoryRequest) (*workflowservice.GetWorkflowExecutionHistoryResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &workflowservice.GetWorkflowExecutionHistoryResponse{
		History: &historypb.History{Events: []*historypb.HistoryEvent{{
			EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
			Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
				WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
					Input: r.cases[q.GetExecution().GetWorkflowId()]}}}}}}, nil
}

func (r *register) path(name string) string { return filepath.Join(r.dir, name) }

func (r *register) write(t *testing.T, name, text string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(r.path(name), []byte(text), 0o600))
	return r.path(name)
}

func (r *register) run(ctx context.Context, stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(ctx, append([]string{"batch", "--rate", "1000"}, args...), strings.NewReader(stdin), &out, &errs,
		func(name string) (string, bool) {
			value, ok := map[string]string{"TEMPORAL_ADDRESS": r.address, "TEMPORAL_CONFIG_FILE": os.DevNull,
				"KYC_NOTIFY_URL": r.notifyTo, "KYC_KEYSET": keyset(), "KYC_POLICY": `{"documents":"48h"}`}[name]
			return value, ok
		})
	return code, out.String(), errs.String()
}

type outcome struct {
	Line                                 int
	Reference, CustomerID, Result, Error string
}

// results are what a result file says, sorted by line.
func (r *register) results(t *testing.T, name string) (all []outcome) {
	t.Helper()
	file, err := os.Open(r.path(name))
	require.NoError(t, err)
	defer file.Close()
	for decoder := json.NewDecoder(file); decoder.More(); {
		var o outcome
		require.NoError(t, decoder.Decode(&o))
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(a, b outcome) int { return a.Line - b.Line })
	return all
}
