package taskqueue

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"durablekyc.example/cases"
	"durablekyc.example/cases/replay"
	"durablekyc.example/internal/goldens"
	"durablekyc.example/workflows"
)

// golden is a Temporal whose open executions have golden histories, by workflow id. A nil one was forgotten since it
// was listed. A client embedded as nil answers nothing else.
type golden struct {
	client.Client
	histories map[string]*historypb.History
	queries   []string
}

// ListWorkflow finds cases at one stage only, and all notifiers and Nexus checks.
func (g *golden) ListWorkflow(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (
	answer *workflowservice.ListWorkflowExecutionsResponse, err error) {
	g.queries = append(g.queries, r.GetQuery())
	answer = &workflowservice.ListWorkflowExecutionsResponse{}
	for id := range g.histories {
		kind := workflows.Type
		switch {
		case cases.IsNotifier(id):
			kind = workflows.NotifyType
		case cases.IsCheck(id):
			kind = workflows.CheckType
		}
		isCase := kind == workflows.Type
		if strings.Contains(r.GetQuery(), "'"+kind+"'") && (!isCase || strings.Contains(r.GetQuery(), "'in_review'")) {
			answer.Executions = append(answer.Executions, &workflowpb.WorkflowExecutionInfo{
				Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: "run"}})
		}
	}
	return answer, nil
}

func (g *golden) GetWorkflowHistory(_ context.Context, id, _ string, _ bool,
	_ enumspb.HistoryEventFilterType) client.HistoryEventIterator {
	return &events{g.histories[id]}
}

type events struct{ left *historypb.History }

func (e *events) HasNext() bool { return e.left == nil || len(e.left.Events) > 0 }

func (e *events) Next() (*historypb.HistoryEvent, error) {
	if e.left == nil {
		return nil, serviceerror.NewNotFound("forgotten")
	}
	if len(e.left.Events) == 0 {
		return nil, io.EOF
	}
	first := e.left.Events[0]
	e.left = &historypb.History{Events: e.left.Events[1:]}
	return first, nil
}

// The gate workflow lets a build through that replays the sample, and fails on one history that it does not replay.
func TestANewBuildReplaysASample(t *testing.T) {
	all, keyset := goldens.Read(t, "../../workflows/testdata/histories", 0)
	g := &golden{histories: map[string]*historypb.History{"kyc-forgotten": nil}}
	for _, h := range all {
		started := h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
		g.histories[started.GetWorkflowId()] = h
	}
	checked := func() *testsuite.TestWorkflowEnvironment {
		env := new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
		check := replayCheck{cases.Client{Temporal: g}, replay.Replayer(keyset.WorkerConverters()), "2", slog.New(
			slog.DiscardHandler)}
		env.RegisterActivityWithOptions(check.sample, sampleOptions)
		env.RegisterWorkflowWithOptions(replayWorkflow, replayOptions)
		env.ExecuteWorkflow(ReplayCheckType)
		return env
	}
	var report replayReport
	require.NoError(t, checked().GetWorkflowResult(&report))
	require.Equal(t, replayReport{Build: "2", Histories: len(g.histories) - 1}, report)
	require.Len(t, g.queries, 8, "notifiers, Nexus checks and six stages")
	for _, query := range g.queries {
		require.Contains(t, query, "CloseTime IS NULL")
	}

	for _, e := range g.histories["kyc-withdrawn"].GetEvents() {
		if a := e.GetActivityTaskScheduledEventAttributes(); a != nil {
			a.ActivityType.Name = "Other"
		}
	}
	failed := new(temporal.ApplicationError)
	require.ErrorAs(t, checked().GetWorkflowError(), &failed)
	require.Equal(t, divergedType, failed.Type())
	require.True(t, failed.NonRetryable())
	require.Contains(t, failed.Message(), "1 of ")
	require.Contains(t, failed.Message(), "open histories do not replay on build 2, such as kyc-withdrawn: ")
}
