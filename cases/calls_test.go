package cases_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// clerk is a Temporal that answers every call on its one case.
type clerk struct {
	client.Client
	update    error // what an update, and one with a start, is refused with
	answer    kyc.View
	signal    error
	status    enumspb.WorkflowExecutionStatus
	described error  // what a description is refused with
	asked     int    // descriptions
	updateID  string // of the last start
	result    any    // of the case: a kyc.View, or an error
}

func (c *clerk) NewWithStartWorkflowOperation(client.StartWorkflowOptions, any,
	...any) client.WithStartWorkflowOperation {
	return nil
}

func (c *clerk) UpdateWithStartWorkflow(_ context.Context, o client.UpdateWithStartWorkflowOptions) (
	client.WorkflowUpdateHandle, error) {
	c.updateID = o.UpdateOptions.UpdateID
	return handle{view: c.answer}, c.update
}

func (c *clerk) UpdateWorkflow(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	return handle{view: c.answer}, c.update
}

func (c *clerk) SignalWorkflow(context.Context, string, string, string, any) error {
	return c.signal
}

func (c *clerk) DescribeWorkflowExecution(context.Context, string, string) (
	*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if c.asked++; c.described != nil {
		return nil, c.described
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: c.status}}, nil
}

func (c *clerk) GetWorkflow(context.Context, string, string) client.WorkflowRun {
	return run{result: c.result}
}

type run struct {
	client.WorkflowRun
	result any
}

func (r run) Get(_ context.Context, to any) error {
	if err, failed := r.result.(error); failed {
		return err
	}
	reflect.ValueOf(to).Elem().Set(reflect.ValueOf(r.result))
	return nil
}

const (
	runs       = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	completed  = enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	terminated = enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED
)

// A start answers for the case as it is: an open one by its update, a closed one
// by its result, whatever the server still has of an update of it.
func TestWhatAStartAnswers(t *testing.T) {
	first := kyc.View{CustomerID: person, Stage: kyc.AwaitingDocuments}
	decided := kyc.View{CustomerID: person, Stage: kyc.Approved}
	exists, unknown := serviceerror.NewWorkflowExecutionAlreadyStarted("it is there", "", "run"),
		serviceerror.NewNotFound("none")
	away := serviceerror.NewUnavailable("try again")
	for name, test := range map[string]struct {
		temporal clerk
		want     kyc.View
		is       error
		refused  string
		asked    int
	}{
		"a new case":             {temporal: clerk{answer: first, status: runs}, want: first, asked: 1},
		"nobody tells its state": {temporal: clerk{answer: first, described: away}, want: first, asked: 1},
		"an answer of long ago": {temporal: clerk{answer: first, status: completed, result: decided}, want: decided,
			asked: 1},
		"a decided case": {temporal: clerk{update: exists, status: completed, result: decided}, want: decided,
			asked: 1},
		"decided meanwhile": {temporal: clerk{update: unknown, status: completed, result: decided},
			want: decided, asked: 1},
		"ended in Temporal": {temporal: clerk{answer: first, status: terminated}, is: cases.ErrEnded,
			asked: 1},
		"somebody else's": {temporal: clerk{update: exists, status: completed,
			result: kyc.View{CustomerID: "other"}}, refused: workflows.RefusedOtherCustomer, asked: 1},
		"decided, and unread": {temporal: clerk{update: exists, status: completed, result: away},
			is: cases.ErrUnavailable, asked: 1},
		"there, and nobody says": {temporal: clerk{update: exists, described: away}, is: cases.ErrUnavailable,
			asked: 1},
		"open, and not found": {temporal: clerk{update: unknown, status: runs}, is: cases.ErrNotFound,
			asked: 1},
		"Temporal does not take it": {temporal: clerk{update: away, status: completed, result: decided},
			is: cases.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cases.Client{Temporal: &test.temporal}.Start(t.Context(),
				cases.StartOptions{Reference: "A1", CustomerID: person, Policy: kyc.DefaultPolicy()})
			if test.refused != "" {
				var refused *cases.RefusedError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, test.refused, refused.Type)
			} else {
				require.ErrorIs(t, err, test.is)
			}
			require.Equal(t, test.want, got)
			require.Equal(t, test.asked, test.temporal.asked)
		})
	}
}

// Callers with the same customer and webhookUrl share one update; one with
// another webhookUrl has an update of its own, which can be refused.
func TestStartsShareAnUpdate(t *testing.T) {
	updateID := func(customerID, webhookURL string) string {
		temporal := &clerk{status: runs}
		_, err := cases.Client{Temporal: temporal}.Start(t.Context(), cases.StartOptions{Reference: "A1",
			CustomerID: customerID, WebhookURL: webhookURL, Policy: kyc.DefaultPolicy()})
		require.NoError(t, err)
		return temporal.updateID
	}
	require.Regexp(t, "^start-[0-9a-f]{24}$", updateID(person, ""))
	first, again := updateID(person, elsewhere), updateID(person, elsewhere)
	require.Equal(t, first, again)
	ids := map[string]bool{updateID(person, ""): true, updateID("cstap_2", ""): true, updateID(person, elsewhere): true,
		updateID(person, elsewhere+"/other"): true, updateID("cstap_2", elsewhere): true}
	require.Len(t, ids, 5)
	for id := range ids {
		require.NotContains(t, id, "elsewhere", "a URL may name a person")
		require.NotContains(t, id, "cstap", "ids are not encrypted")
	}
}

// A signal to a closed case and to none at all is refused alike: its state tells them apart.
func TestWhatACallbackAnswers(t *testing.T) {
	none, away := serviceerror.NewNotFound("none"), serviceerror.NewUnavailable("try again")
	for name, test := range map[string]struct {
		temporal clerk
		is       error
		asked    int
	}{
		"taken":                  {clerk{status: runs}, nil, 0},
		"not now":                {clerk{signal: away, status: completed}, cases.ErrUnavailable, 0},
		"a closed case":          {clerk{signal: none, status: completed}, cases.ErrEnded, 1},
		"a terminated case":      {clerk{signal: none, status: terminated}, cases.ErrEnded, 1},
		"no case":                {clerk{signal: none, described: none}, cases.ErrNotFound, 1},
		"nobody says":            {clerk{signal: none, described: away}, cases.ErrUnavailable, 1},
		"opened in the meantime": {clerk{signal: none, status: runs}, cases.ErrUnavailable, 1},
	} {
		t.Run(name, func(t *testing.T) {
			err := cases.Client{Temporal: &test.temporal}.Callback(t.Context(), "A1", workflows.Callback{})
			require.ErrorIs(t, err, test.is)
			require.Equal(t, test.asked, test.temporal.asked)
		})
	}
}

// An update that a closed case no longer takes is refused by how it ended.
func TestWhatAnUpdateAnswers(t *testing.T) {
	none, away := serviceerror.NewNotFound("none"), serviceerror.NewUnavailable("try again")
	taken := kyc.View{Stage: kyc.Withdrawn}
	for name, test := range map[string]struct {
		temporal clerk
		want     kyc.View
		is       error
		refused  string
		asked    int
	}{
		"taken":         {temporal: clerk{answer: taken}, want: taken},
		"not now":       {temporal: clerk{update: away, status: completed}, is: cases.ErrUnavailable},
		"a closed case": {temporal: clerk{update: none, status: completed}, refused: workflows.RefusedEnded, asked: 1},
		"a terminated":  {temporal: clerk{update: none, status: terminated}, is: cases.ErrEnded, asked: 1},
		"no case":       {temporal: clerk{update: none, described: none}, is: cases.ErrNotFound, asked: 1},
		"nobody says":   {temporal: clerk{update: none, described: away}, is: cases.ErrNotFound, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cases.Client{Temporal: &test.temporal}.Withdraw(t.Context(), "A1", kyc.ActorSystem)
			if test.refused != "" {
				var refused *cases.RefusedError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, test.refused, refused.Type)
			} else {
				require.ErrorIs(t, err, test.is)
			}
			require.Equal(t, test.want, got)
			require.Equal(t, test.asked, test.temporal.asked)
		})
	}
}
