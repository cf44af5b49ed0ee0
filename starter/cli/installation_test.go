package cli_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/internal/frontendtest"
	"durablekyc.example/starter/cli"
	"durablekyc.example/workflows"
)

const day = 24 * time.Hour

// installation is what of a Temporal setup prepares and doctor looks at: a
// namespace, its search attributes, the workers that poll, and which of their
// builds the cases go to. Every credential may do everything there.
type installation struct {
	workflowservice.UnimplementedWorkflowServiceServer
	operatorservice.UnimplementedOperatorServiceServer
	variables map[string]string

	mu         sync.Mutex
	retention  time.Duration // of the namespace; zero is none there
	attributes map[string]enumspb.IndexedValueType
	busy       int // calls about the namespace that fail at first
	pollers    []*taskqueuepb.PollerInfo
	builds     map[string][]string // of the deployment kyc, with the queues that their workers poll
	current    string
	cases      map[string][]*commonpb.Payload // what they began with, by workflow id
}

func installed(t *testing.T) *installation {
	t.Helper()
	i := &installation{retention: 30 * day, attributes: maps.Clone(workflows.SearchAttributes()),
		builds: map[string][]string{}, cases: map[string][]*commonpb.Payload{}}
	i.variables = map[string]string{"TEMPORAL_ADDRESS": frontendtest.Serve(t, i).Address,
		"TEMPORAL_CONFIG_FILE": os.DevNull, "TEMPORAL_NAMESPACE": "cases"}
	return i
}

func (i *installation) run(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(ctx, args, strings.NewReader(""), &out, &errs, func(name string) (string, bool) {
		value, ok := i.variables[name]
		return value, ok
	})
	return code, out.String(), errs.String()
}

// worker polls, as a version of a deployment where a build is named.
func (i *installation) worker(build string, queues ...string) {
	p := &taskqueuepb.PollerInfo{LastAccessTime: timestamppb.Now()}
	if build != "" {
		p.DeploymentOptions = &deploymentpb.WorkerDeploymentOptions{DeploymentName: "kyc", BuildId: build,
			WorkerVersioningMode: enumspb.WORKER_VERSIONING_MODE_VERSIONED}
		i.builds[build] = queues
	}
	i.pollers = append(i.pollers, p)
}

func (i *installation) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (
	*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (i *installation) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (
	*workflowservice.DescribeNamespaceResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch i.busy--; {
	case i.busy >= 0:
		return nil, status.Error(codes.Unavailable, "it is starting")
	case i.retention == 0:
		return nil, status.Error(codes.NotFound, "no such namespace")
	}
	return &workflowservice.DescribeNamespaceResponse{Config: &namespacepb.NamespaceConfig{
		WorkflowExecutionRetentionTtl: durationpb.New(i.retention)}}, nil
}

func (i *installation) RegisterNamespace(_ context.Context, r *workflowservice.RegisterNamespaceRequest) (
	*workflowservice.RegisterNamespaceResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.retention = r.GetWorkflowExecutionRetentionPeriod().AsDuration()
	return &workflowservice.RegisterNamespaceResponse{}, nil
}

func (i *installation) UpdateNamespace(_ context.Context, r *workflowservice.UpdateNamespaceRequest) (
	*workflowservice.UpdateNamespaceResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.retention = r.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	return &workflowservice.UpdateNamespaceResponse{}, nil
}

func (i *installation) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest) (
	*operatorservice.ListSearchAttributesResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: maps.Clone(i.attributes)}, nil
}

func (i *installation) AddSearchAttributes(_ context.Context, r *operatorservice.AddSearchAttributesRequest) (
	*operatorservice.AddSearchAttributesResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	maps.Copy(i.attributes, r.GetSearchAttributes())
	return &operatorservice.AddSearchAttributesResponse{}, nil
}

func (i *installation) CountWorkflowExecutions(_ context.Context, r *workflowservice.CountWorkflowExecutionsRequest) (
	*workflowservice.CountWorkflowExecutionsResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	name, _, asked := strings.Cut(r.GetQuery(), " ")
	if _, there := i.attributes[name]; asked && !there {
		return nil, status.Error(codes.InvalidArgument, "invalid query")
	}
	return &workflowservice.CountWorkflowExecutionsResponse{}, nil
}

func (i *installation) DescribeTaskQueue(context.Context, *workflowservice.DescribeTaskQueueRequest) (
	*workflowservice.DescribeTaskQueueResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return &workflowservice.DescribeTaskQueueResponse{Pollers: i.pollers}, nil
}

func (i *installation) DescribeWorkerDeployment(context.Context, *workflowservice.DescribeWorkerDeploymentRequest) (
	*workflowservice.DescribeWorkerDeploymentResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.builds) == 0 {
		return nil, status.Error(codes.NotFound, "no such deployment")
	}
	info := &deploymentpb.WorkerDeploymentInfo{Name: "kyc", RoutingConfig: &deploymentpb.RoutingConfig{}}
	if i.current != "" {
		info.RoutingConfig.CurrentDeploymentVersion = &deploymentpb.WorkerDeploymentVersion{DeploymentName: "kyc",
			BuildId: i.current}
	}
	return &workflowservice.DescribeWorkerDeploymentResponse{WorkerDeploymentInfo: info}, nil
}

func (i *installation) DescribeWorkerDeploymentVersion(_ context.Context,
	r *workflowservice.DescribeWorkerDeploymentVersionRequest) (
	*workflowservice.DescribeWorkerDeploymentVersionResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	version := r.GetDeploymentVersion()
	queues, there := i.builds[version.GetBuildId()]
	if !there {
		return nil, status.Error(codes.NotFound, "no such version")
	}
	d := &workflowservice.DescribeWorkerDeploymentVersionResponse{
		WorkerDeploymentVersionInfo: &deploymentpb.WorkerDeploymentVersionInfo{DeploymentVersion: version}}
	for _, queue := range queues {
		d.WorkerDeploymentVersionInfo.TaskQueueInfos = append(d.WorkerDeploymentVersionInfo.TaskQueueInfos,
			&deploymentpb.WorkerDeploymentVersionInfo_VersionTaskQueueInfo{Name: queue})
	}
	return d, nil
}

func (i *installation) SetWorkerDeploymentCurrentVersion(_ context.Context,
	r *workflowservice.SetWorkerDeploymentCurrentVersionRequest) (
	*workflowservice.SetWorkerDeploymentCurrentVersionResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.current = r.GetBuildId()
	return &workflowservice.SetWorkerDeploymentCurrentVersionResponse{}, nil
}

func (i *installation) ListWorkflowExecutions(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (
	*workflowservice.ListWorkflowExecutionsResponse, error) {
	if strings.Contains(r.GetQuery(), "TemporalReportedProblems") {
		return &workflowservice.ListWorkflowExecutionsResponse{}, nil // no case is stuck
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	answer := &workflowservice.ListWorkflowExecutionsResponse{}
	for id := range i.cases {
		answer.Executions = append(answer.Executions,
			&workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: "run"}})
	}
	return answer, nil
}

func (i *installation) GetWorkflowExecutionHistory(_ context.Context,
	r *workflowservice.GetWorkflowExecutionHistoryRequest) (
	*workflowservice.GetWorkflowExecutionHistoryResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return &workflowservice.GetWorkflowExecutionHistoryResponse{History: &historypb.History{
		Events: []*historypb.HistoryEvent{{
			EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
			Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
				WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
					Input: &commonpb.Payloads{Payloads: i.cases[r.GetExecution().GetWorkflowId()]}}}}}}}, nil
}
