package cases_test

import (
	"cmp"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// forgetful is a Temporal that has forgotten every case but, if it has a status, one. A client embedded as nil answers
// nothing else.
type forgetful struct {
	client.Client
	status  enumspb.WorkflowExecutionStatus
	away    error
	started int
}

var forgotten = serviceerror.NewNotFound("no such workflow")

func (f *forgetful) DescribeWorkflowExecution(context.Context, string,
	string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	switch {
	case f.away != nil:
		return nil, f.away
	case f.status == 0:
		return nil, forgotten
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: f.status}}, nil
}

func (f *forgetful) GetWorkflow(context.Context, string, string) client.WorkflowRun { return gone{} }

// gone is a run that was forgotten after it was described.
type gone struct{ client.WorkflowRun }

func (gone) Get(context.Context, any) error { return forgotten }

func (f *forgetful) NewWithStartWorkflowOperation(client.StartWorkflowOptions, any,
	...any) client.WithStartWorkflowOperation {
	return nil
}

func (f *forgetful) UpdateWithStartWorkflow(context.Context,
	client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	f.started++
	return nil, serviceerror.NewUnavailable("started")
}

func (f *forgetful) ExecuteWorkflow(context.Context, client.StartWorkflowOptions, any,
	...any) (client.WorkflowRun, error) {
	f.started++
	return nil, nil
}

func (f *forgetful) UpdateWorkflow(context.Context,
	client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	return nil, forgotten
}

func (f *forgetful) SignalWorkflow(context.Context, string, string, string, any) error {
	return forgotten
}

// shelf has one record. It keeps count.
type shelf struct {
	one   cases.Recorded
	err   error
	asked *int

	reference string // of the record; A1 if empty
}

func (s shelf) Find(_ context.Context, reference string) (cases.Recorded, error) {
	*s.asked++
	if s.err == nil && reference != cmp.Or(s.reference, "A1") {
		return cases.Recorded{}, cases.ErrNotFound
	}
	return s.one, s.err
}

// A case that Temporal has forgotten is answered from its record, whatever is asked of it, and nothing starts anew.
func TestACaseOnRecordIsAnswered(t *testing.T) {
	decided := kyc.View{Reference: "A1", CustomerID: person, Stage: kyc.Denied, Outcome: kyc.OutcomeDenied}
	sent := []workflows.Event{{Number: 1, ID: "evt_1"}}
	asked := 0
	records := shelf{one: cases.Recorded{View: decided, State: cases.RunCompleted, Events: sent,
		Notifier: cases.RunCompleted}, asked: &asked}
	temporal := &forgetful{}
	c := cases.Client{Temporal: temporal, Records: records}
	order := cases.StartOptions{Reference: "A1", CustomerID: person, Policy: kyc.DefaultPolicy()}

	got, err := c.Show(t.Context(), "A1")
	require.NoError(t, err)
	require.Equal(t, decided, got)
	for _, status := range []enumspb.WorkflowExecutionStatus{0, completed} { // also if it was forgotten just then
		temporal.status = status
		got, err = c.Start(t.Context(), order)
		require.NoError(t, err)
		require.Equal(t, decided, got)
		found, err := c.StartAsync(t.Context(), order, converter.GetDefaultDataConverter())
		require.NoError(t, err)
		require.True(t, found)
	}
	temporal.status = 0
	events, err := c.Events(t.Context(), "A1")
	require.NoError(t, err)
	require.Equal(t, sent, events)
	revision, err := c.Revision(t.Context(), "A1")
	require.NoError(t, err)
	again, err := c.Revision(t.Context(), "A1")
	require.NoError(t, err)
	require.Equal(t, revision, again)
	require.ErrorIs(t, c.Callback(t.Context(), "A1", workflows.Callback{}), cases.ErrEnded)
	for name, call := range map[string]func(context.Context, string, kyc.Actor) (kyc.View, error){
		"refresh": c.Refresh, "withdraw": c.Withdraw, "revoke": c.RevokeLinks} {
		_, err = call(t.Context(), "A1", kyc.ActorSystem)
		var refused *cases.RefusedError
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, workflows.RefusedEnded, refused.Type, name)
	}
	_, err = c.Resend(t.Context(), "A1", "")
	require.ErrorContains(t, err, "Temporal has forgotten the case: its events are on record")

	order.CustomerID = "cstap_other"
	var refused *cases.RefusedError
	_, err = c.Start(t.Context(), order)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, workflows.RefusedOtherCustomer, refused.Type)
	found, err := c.StartAsync(t.Context(), order, converter.GetDefaultDataConverter())
	require.ErrorAs(t, err, &refused)
	require.True(t, found)
	require.Zero(t, temporal.started)
}

// One that was ended in Temporal is told from its record as it was while Temporal had it.
func TestACaseOnRecordThatWasTerminated(t *testing.T) {
	asked := 0
	c := cases.Client{Temporal: &forgetful{}, Records: shelf{asked: &asked,
		one: cases.Recorded{State: cases.RunTerminated, Notifier: cases.RunCancelled}}}
	_, err := c.Show(t.Context(), "A1")
	require.Equal(t, &cases.EndedError{State: cases.RunTerminated}, err)
	_, err = c.Start(t.Context(), cases.StartOptions{Reference: "A1", CustomerID: person, Policy: kyc.DefaultPolicy()})
	require.Equal(t, &cases.EndedError{State: cases.RunTerminated}, err)
	_, err = c.Withdraw(t.Context(), "A1", kyc.ActorSystem)
	require.Equal(t, &cases.EndedError{State: cases.RunTerminated}, err)
	_, err = c.Events(t.Context(), "A1")
	require.Equal(t, &cases.EndedError{State: cases.RunCancelled}, err)
}

// The records are asked after Temporal, and only about what Temporal does not have. Without an answer of theirs nothing
// is started: the reference may be on record.
func TestWhenTheRecordsAreAsked(t *testing.T) {
	order := cases.StartOptions{Reference: "A1", CustomerID: person, Policy: kyc.DefaultPolicy()}
	away := shelf{err: cases.ErrRecords}
	for name, test := range map[string]struct {
		temporal forgetful
		records  shelf
		start    cases.StartOptions
		asked    int
		started  int
		is       error
	}{
		"open in Temporal": {forgetful{status: runs}, away, order, 0, 1, cases.ErrUnavailable},
		"Temporal is away": {forgetful{away: serviceerror.NewUnavailable("")}, shelf{}, order, 0, 0, cases.ErrUnavailable},
		"on no record": {forgetful{}, shelf{}, cases.StartOptions{Reference: "A2", CustomerID: person,
			Policy: kyc.DefaultPolicy()}, 1, 1, cases.ErrUnavailable},
		"the records are away": {forgetful{}, away, order, 1, 0, cases.ErrRecords},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			test.records.asked = &asked
			_, err := cases.Client{Temporal: &test.temporal, Records: test.records}.Start(t.Context(), test.start)
			require.ErrorIs(t, err, test.is)
			require.True(t, cases.Transient(err))
			require.Equal(t, test.asked, asked)
			require.Equal(t, test.started, test.temporal.started)
		})
	}
	_, err := cases.Client{Temporal: &forgetful{}}.Show(t.Context(), "A1")
	require.ErrorIs(t, err, cases.ErrNotFound, "without records")
}
