package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	updatepb "go.temporal.io/api/update/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/internal/frontendtest"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
	"durablekyc.example/starter/cli"
	"durablekyc.example/workflows"
)

const (
	company = "cstab_7BX5DO49J48VeWKsJ6gWNb"
	rep     = "cstab_7BX5DPJcbmipymiokecA6d"
)

// desk is a Temporal with a worker and a ConnectFi behind it: its cases are real
// ones, and each update is answered at once.
type desk struct {
	workflowservice.UnimplementedWorkflowServiceServer
	variables map[string]string

	mu        sync.Mutex
	cases     map[string]*kyc.Case // by workflow id
	customers []string             // of the cases started, one after the other
	sent      []kyc.Submission
	updates   []string                                      // their names, but for starts
	says      func(c *kyc.Case, do kyc.Action) kyc.Snapshot // ConnectFi
	mute      bool                                          // no case answers a query
	silent    bool                                          // ConnectFi answers nothing any more
	state     enumspb.WorkflowExecutionStatus               // of all cases, if it is not what their stage says
	describe  func(*workflowservice.DescribeWorkflowExecutionResponse)
	history   []*historypb.HistoryEvent // of a case, if it is not its result
	described int
	onLook    func(n int) // before the nth description
}

func opened(t *testing.T) *desk {
	t.Helper()
	d := &desk{cases: map[string]*kyc.Case{}, says: wantsALicense}
	d.variables = map[string]string{"TEMPORAL_ADDRESS": frontendtest.Serve(t, d).Address,
		"TEMPORAL_CONFIG_FILE": os.DevNull, "KYC_KEYSET": keyset(),
		"KYC_DOCUMENTS": "file://" + filepath.ToSlash(t.TempDir()), "KYC_PUBLIC_URL": "https://kyc.example.com/kyc",
		"KYC_LINK_KEYS": linktoken.NewKey()}
	return d
}

// wantsALicense is a ConnectFi that wants a document of one entity and decides for everybody who sent some.
func wantsALicense(c *kyc.Case, do kyc.Action) kyc.Snapshot {
	status, outcome := kyc.Status("pending_step_up"), kyc.Outcome("")
	if do == kyc.ActionSubmit {
		status, outcome = "completed", "approved"
	}
	r := kyc.Snapshot{ApplicationID: "iapp_" + c.Reference, Status: status, Outcome: outcome}
	if c.CustomerID != company {
		r.Entities = []kyc.EntitySnapshot{{ID: c.CustomerID, IsCustomer: true, Status: status, Outcome: outcome}}
		return r
	}
	r.Entities = []kyc.EntitySnapshot{{ID: rep, Status: status, Outcome: outcome},
		{ID: company, IsCustomer: true, Status: "completed", Outcome: "approved"}}
	return r
}

// reviews is a ConnectFi that has every case in manual review.
func reviews(c *kyc.Case, _ kyc.Action) kyc.Snapshot {
	return kyc.Snapshot{ApplicationID: "iapp_1", Status: "waiting_review",
		Entities: []kyc.EntitySnapshot{{ID: c.CustomerID, IsCustomer: true, Status: "waiting_review"}}}
}

func (d *desk) run(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(ctx, args, strings.NewReader(""), &out, &errs, func(name string) (string, bool) {
		value, ok := d.variables[name]
		return value, ok
	})
	return code, out.String(), errs.String()
}

// start opens a case by the program itself.
func (d *desk) start(t *testing.T, customer, reference string) {
	t.Helper()
	code, _, errs := d.run(t.Context(), "start", "--customer", customer, "--reference", reference)
	require.Zero(t, code, errs)
}

// work is what the case's loop and its activities do: all that the case needs now.
func (d *desk) work(c *kyc.Case) {
	for !d.silent {
		now := time.Now()
		need := c.Next(now)
		if need.Action != kyc.ActionIdentify && need.Action != kyc.ActionSubmit && need.Action != kyc.ActionReadStatus {
			return
		}
		answer := kyc.StatusReceived{At: now, Reading: d.says(c, need.Action), Covers: need.UpToHint}
		if need.Submission != nil {
			answer.Submission = need.Submission.ID
		}
		c.Apply(answer)
	}
}

// update is what the case's handlers do with a message.
func (d *desk) update(c *kyc.Case, name string, input *commonpb.Payloads, data func(any) error) error {
	now := time.Now()
	if name != workflows.UpdateStart {
		d.updates = append(d.updates, name)
	}
	switch name {
	case workflows.UpdateStart:
		var r workflows.StartRequest
		if err := data(&r); err != nil {
			return err
		}
		if r.CustomerID != c.CustomerID {
			return temporal.NewApplicationError("the reference belongs to another customer",
				workflows.RefusedOtherCustomer)
		}
	case workflows.UpdateSubmit:
		var s kyc.Submission
		if err := data(&s); err != nil {
			return err
		}
		if err := c.CheckSubmission(s); err != nil {
			return temporal.NewApplicationError(err.Error(), workflows.RefusedNotWanted)
		}
		d.sent = append(d.sent, s)
		c.Apply(kyc.Submitted{At: now, Submission: s})
	case workflows.UpdateRefresh:
		c.Apply(kyc.ChangeHinted{At: now, By: kyc.HintRefresh})
	case workflows.UpdateRevoke:
		c.Apply(kyc.LinksRevoked{At: now})
	case workflows.UpdateWithdraw:
		c.Apply(kyc.WithdrawRequested{At: now})
	}
	d.work(c)
	return nil
}

func (d *desk) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (
	*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (d *desk) ExecuteMultiOperation(_ context.Context, r *workflowservice.ExecuteMultiOperationRequest) (
	*workflowservice.ExecuteMultiOperationResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	start, updated := r.GetOperations()[0].GetStartWorkflow(), r.GetOperations()[1].GetUpdateWorkflow()
	id := start.GetWorkflowId()
	if d.cases[id] == nil {
		var in workflows.Input
		if err := sealed(id).FromPayloads(start.GetInput(), &in); err != nil {
			return nil, err
		}
		c := kyc.New(in.Reference, in.CustomerID, in.Policy, time.Now())
		d.cases[id], d.customers = &c, append(d.customers, in.CustomerID)
	}
	answer := d.answer(id, updated.GetRequest())
	return &workflowservice.ExecuteMultiOperationResponse{
			Responses: []*workflowservice.ExecuteMultiOperationResponse_Response{
				{Response: &workflowservice.ExecuteMultiOperationResponse_Response_StartWorkflow{
					StartWorkflow: &workflowservice.StartWorkflowExecutionResponse{RunId: "run"}}},
				{Response: &workflowservice.ExecuteMultiOperationResponse_Response_UpdateWorkflow{
					UpdateWorkflow: answer}}}},
		nil
}

func (d *desk) UpdateWorkflowExecution(_ context.Context, r *workflowservice.UpdateWorkflowExecutionRequest) (
	*workflowservice.UpdateWorkflowExecutionResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := r.GetWorkflowExecution().GetWorkflowId()
	if c := d.cases[id]; c == nil || c.Stage.Final() || d.state > enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return nil, status.Error(codes.NotFound, "workflow execution already completed")
	}
	return d.answer(id, r.GetRequest()), nil
}

func (d *desk) answer(id string, r *updatepb.Request) *workflowservice.UpdateWorkflowExecutionResponse {
	c, data := d.cases[id], sealed(id)
	outcome := &updatepb.Outcome{}
	err := d.update(c, r.GetInput().GetName(), r.GetInput().GetArgs(),
		func(to any) error { return data.FromPayloads(r.GetInput().GetArgs(), to) })
	if err == nil {
		result, _ := data.ToPayloads(c.View()) // a view always can
		outcome.Value = &updatepb.Outcome_Success{Success: result}
	} else {
		outcome.Value = &updatepb.Outcome_Failure{Failure: temporal.GetDefaultFailureConverter().ErrorToFailure(err)}
	}
	return &workflowservice.UpdateWorkflowExecutionResponse{Outcome: outcome,
		Stage: enumspb.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED,
		UpdateRef: &updatepb.UpdateRef{UpdateId: r.GetMeta().GetUpdateId(),
			WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: "run"}}}
}

func (d *desk) DescribeWorkflowExecution(_ context.Context, r *workflowservice.DescribeWorkflowExecutionRequest) (
	*workflowservice.DescribeWorkflowExecutionResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.cases[r.GetExecution().GetWorkflowId()]
	if c == nil {
		return nil, status.Error(codes.NotFound, "no such workflow")
	}
	if d.described++; d.onLook != nil {
		d.onLook(d.described)
	}
	info := execution(c.Reference, c.Stage, c.Until())
	info.HistoryLength = int64(c.Version)
	if d.state != 0 {
		info.Status = d.state
	}
	answer := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: info}
	if d.describe != nil {
		d.describe(answer)
	}
	return answer, nil
}

func (d *desk) QueryWorkflow(_ context.Context, r *workflowservice.QueryWorkflowRequest) (
	*workflowservice.QueryWorkflowResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := r.GetExecution().GetWorkflowId()
	if d.mute {
		return nil, status.Error(codes.DeadlineExceeded, "no answer")
	}
	result, err := sealed(id).ToPayloads(d.cases[id].View())
	return &workflowservice.QueryWorkflowResponse{QueryResult: result}, err
}

// GetWorkflowExecutionHistory is the end of a case.
func (d *desk) GetWorkflowExecutionHistory(_ context.Context, r *workflowservice.GetWorkflowExecutionHistoryRequest) (
	*workflowservice.GetWorkflowExecutionHistoryResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := r.GetExecution().GetWorkflowId()
	if d.history != nil {
		return &workflowservice.GetWorkflowExecutionHistoryResponse{History: &historypb.History{Events: d.history}}, nil
	}
	result, err := sealed(id).ToPayloads(d.cases[id].View())
	return &workflowservice.GetWorkflowExecutionHistoryResponse{History: &historypb.History{
		Events: []*historypb.HistoryEvent{{
			EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
			Attributes: &historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes{
				WorkflowExecutionCompletedEventAttributes: &historypb.WorkflowExecutionCompletedEventAttributes{
					Result: result}}}}}}, err
}

func (d *desk) ListWorkflowExecutions(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (
	*workflowservice.ListWorkflowExecutionsResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []*workflowpb.WorkflowExecutionInfo
	for _, c := range d.cases {
		all = append(all, execution(c.Reference, c.Stage, c.Until()))
	}
	return &workflowservice.ListWorkflowExecutionsResponse{Executions: all}, nil
}

// DescribeTaskQueue knows a worker that polled a moment ago.
func (d *desk) DescribeTaskQueue(context.Context, *workflowservice.DescribeTaskQueueRequest) (
	*workflowservice.DescribeTaskQueueResponse, error) {
	return &workflowservice.DescribeTaskQueueResponse{Pollers: []*taskqueuepb.PollerInfo{{
		LastAccessTime: timestamppb.Now()}}}, nil
}
