package cases_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// visibility is a Temporal that counts and lists, in pages of two. It refuses a
// page behind the last one, so that listing without an end fails.
type visibility struct {
	client.Client
	queries []string
	fails   int  // the query that is not answered, from 1
	open    int  // executions that run
	older   bool // than 1.30: it does not know the attribute of stuck workflows
	pages   [][]byte
}

func (v *visibility) ask(query string) error {
	if v.queries = append(v.queries, query); len(v.queries) == v.fails {
		return serviceerror.NewUnavailable("try again")
	}
	return nil
}

func (v *visibility) CountWorkflow(_ context.Context,
	r *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	if v.older && strings.Contains(r.Query, "TemporalReportedProblems") {
		return nil, serviceerror.NewInvalidArgument("no such search attribute")
	}
	return &workflowservice.CountWorkflowExecutionsResponse{Count: int64(len(v.queries) + 1)}, v.ask(r.Query)
}

func (v *visibility) ListWorkflow(_ context.Context,
	r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	v.pages = append(v.pages, r.NextPageToken)
	answer := &workflowservice.ListWorkflowExecutionsResponse{}
	first := 2 * (len(v.pages) - 1)
	if first > v.open {
		return nil, serviceerror.NewInvalidArgument("no such page")
	}
	for n := first; n < min(first+2, v.open); n++ {
		answer.Executions = append(answer.Executions, &workflowpb.WorkflowExecutionInfo{
			Execution: &commonpb.WorkflowExecution{WorkflowId: fmt.Sprintf("kyc-%d", n), RunId: fmt.Sprint("run-", n)}})
	}
	if first+2 < v.open {
		answer.NextPageToken = fmt.Append(nil, "page ", len(v.pages))
	}
	return answer, v.ask(r.Query)
}

// Open cases are counted by stage, and those that an hour after their deadline are open still.
func TestOpenCasesAreCounted(t *testing.T) {
	v := &visibility{}
	now := time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("", 3600))
	openCases, err := cases.Client{Temporal: v}.OpenCaseCounts(t.Context(), now)
	require.NoError(t, err)
	require.Equal(t, cases.OpenCaseCounts{Stages: map[kyc.Stage]int64{kyc.Identifying: 1, kyc.Processing: 2,
		kyc.AwaitingDocuments: 3,
		kyc.AwaitingData:      4, kyc.InReview: 5, kyc.Held: 6}, Overdue: 7, Stuck: 8}, openCases)
	require.Equal(t, "WorkflowType = 'KYC' AND CloseTime IS NULL AND KycStage = 'identifying'", v.queries[0])
	require.Equal(t, "WorkflowType = 'KYC' AND CloseTime IS NULL AND KycDeadline < '2026-03-01T11:00:00Z'", v.queries[6])
	for fails := 1; fails <= 8; fails++ {
		_, err := cases.Client{Temporal: &visibility{fails: fails}}.OpenCaseCounts(t.Context(), now)
		require.ErrorIs(t, err, cases.ErrUnavailable)
	}
	openCases, err = cases.Client{Temporal: &visibility{older: true}}.OpenCaseCounts(t.Context(), now)
	require.NoError(t, err)
	require.EqualValues(t, -1, openCases.Stuck, "an older server cannot say")
	require.EqualValues(t, 7, openCases.Overdue)
}

// All that runs is listed, page by page, until one of the callers has enough.
func TestEverythingOpenIsListed(t *testing.T) {
	for open, pages := range map[int]int{0: 1, 1: 1, 2: 1, 3: 2, 5: 3} {
		v := &visibility{open: open}
		var ids []string
		require.NoError(t, cases.Client{Temporal: v}.ListOpen(t.Context(), func(e workflow.Execution) error {
			ids = append(ids, e.ID+" "+e.RunID)
			return nil
		}))
		require.Len(t, ids, open)
		require.Len(t, v.pages, pages)
		for n, id := range ids {
			require.Equal(t, fmt.Sprintf("kyc-%d run-%d", n, n), id)
		}
		for n, page := range v.pages[1:] {
			require.Equal(t, fmt.Sprint("page ", n+1), string(page))
		}
	}
	enough, listed := errors.New("enough"), 0
	require.ErrorIs(t, cases.Client{Temporal: &visibility{open: 5}}.ListOpen(t.Context(), func(workflow.Execution) error {
		if listed++; listed == 3 {
			return enough
		}
		return nil
	}), enough)
	require.Equal(t, 3, listed)
	err := cases.Client{Temporal: &visibility{open: 5, fails: 2}}.ListOpen(t.Context(),
		func(workflow.Execution) error { return nil })
	require.ErrorIs(t, err, cases.ErrUnavailable)
}

// DescribeWorkflowExecution tells of one run by how long its history is.
func (v *visibility) DescribeWorkflowExecution(context.Context, string,
	string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
			Execution: &commonpb.WorkflowExecution{WorkflowId: "kyc-A1", RunId: "run-1"}, HistoryLength: int64(v.open)}},
		v.ask("describe")
}

// A page that follows a case sees by its revision that something happened.
func TestTheRevisionOfACase(t *testing.T) {
	revision := func(v *visibility) string {
		r, err := cases.Client{Temporal: v}.Revision(t.Context(), "A1")
		require.NoError(t, err)
		return r
	}
	require.NotEmpty(t, revision(&visibility{open: 3}))
	first, again := revision(&visibility{open: 3}), revision(&visibility{open: 3})
	require.Equal(t, first, again)
	require.NotEqual(t, revision(&visibility{open: 3}), revision(&visibility{open: 4}))
	_, err := cases.Client{Temporal: &visibility{fails: 1}}.Revision(t.Context(), "A1")
	require.ErrorIs(t, err, cases.ErrUnavailable)
}

// events are a history that ends, or breaks off.
type events struct {
	client.Client
	left  int
	fails bool
}

func (e *events) GetWorkflowHistory(context.Context, string, string, bool,
	enumspb.HistoryEventFilterType) client.HistoryEventIterator {
	return e
}
func (e *events) HasNext() bool { return e.left > 0 || e.fails }

func (e *events) Next() (*historypb.HistoryEvent, error) {
	if e.left--; e.left < 0 {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	return &historypb.HistoryEvent{EventId: int64(e.left)}, nil
}

func TestAHistoryIsReadWhole(t *testing.T) {
	history, err := cases.Client{Temporal: &events{left: 3}}.History(t.Context(), workflow.Execution{ID: "kyc-A1"})
	require.NoError(t, err)
	require.Len(t, history.Events, 3)
	require.EqualValues(t, 2, history.Events[0].EventId)
	history, err = cases.Client{Temporal: &events{left: 3, fails: true}}.History(t.Context(),
		workflow.Execution{ID: "kyc-A1"})
	require.ErrorIs(t, err, cases.ErrNotFound)
	require.Nil(t, history, "half of one is none")
}

// The page of the Temporal UI: of each entity what is known, and nothing where nothing is.
func TestTheDetailsOfACase(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	v := kyc.View{Stage: kyc.AwaitingDocuments, WaitingOn: kyc.OnApplicant, Until: at.Add(time.Hour),
		OnDeadline: "it ends",
		Entities: []kyc.EntityView{
			{ID: "cstab_1", IsCustomer: true, Status: "completed", Outcome: "approved"},
			{ID: "cstap_1", Status: "pending_step_up", Missing: []string{"a passport", "a license"}},
			{ID: "cstap_2", Status: "pending_step_up", Sending: true}},
		Timeline: []kyc.Entry{{At: at, What: kyc.EntryStarted}}}
	require.Equal(t, strings.Join([]string{
		"### Awaiting documents from the applicant", "",
		"**Waiting for** applicant **until** 2026-03-01 13:00:00 — then it ends.", "",
		"- customer `cstab_1`: completed, approved",
		"- representative `cstap_1`: pending_step_up — **missing:** a passport; a license",
		"- representative `cstap_2`: pending_step_up — its images are being sent to ConnectFi", "",
		"| When (UTC) | What happened |", "|---|---|", "| 2026-03-01 12:00:00 | the case was started |", ""}, "\n"),
		workflows.Details(v))
	require.Equal(t, "### Denied\n\n\n| When (UTC) | What happened |\n|---|---|\n",
		workflows.Details(kyc.View{Stage: kyc.Denied}))
}
