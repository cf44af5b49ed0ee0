package cases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/workflows"
)

// ErrOpen means that a case or its notifier is still open.
var ErrOpen = errors.New("the case or its notifier is still open")

// RunHistory is a run of a workflow and all that it has lived through.
type RunHistory struct {
	ID      string
	History *historypb.History
}

// ClosedRun is a run that closed a case.
type ClosedRun struct {
	workflow.Execution
	At time.Time
}

// ListClosed calls each with every run that closed a case, as visibility knows them, and ends with its first error. Of
// a case that an operator reset, it has the run that the reset ended as well. It costs no action and needs no worker.
func (c Client) ListClosed(ctx context.Context, each func(ClosedRun) error) error {
	query := fmt.Sprintf("WorkflowType = '%s' AND CloseTime IS NOT NULL", workflows.Type)
	return c.list(ctx, query, func(e *workflowpb.WorkflowExecutionInfo) error {
		if RunStateOf(e.GetStatus()).Open() { // it went on in another run
			return nil
		}
		return each(ClosedRun{workflow.Execution{ID: e.GetExecution().GetWorkflowId(),
			RunID: e.GetExecution().GetRunId()}, e.GetCloseTime().AsTime()})
	})
}

// Runs returns the runs of a case up to the one that closed it, and all runs of its notifier, oldest first: those that
// Temporal still has. ErrOpen while the case or its notifier is open. The notifier of a case that was ended in Temporal
// is taken as it is: it waits for a case that says nothing more, until long after Temporal has forgotten that one.
func (c Client) Runs(ctx context.Context, reference, run string) (ofCase, ofNotifier []RunHistory, err error) {
	info, err := c.describe(ctx, reference)
	if err != nil {
		return nil, nil, err
	}
	state := RunStateOf(info.GetStatus())
	if state.Open() {
		return nil, nil, ErrOpen
	}
	if ofNotifier, err = c.notifierRuns(ctx, reference, state.Broken()); err != nil {
		return nil, nil, err
	}
	for id := run; id != ""; {
		h, err := c.History(ctx, workflow.Execution{ID: workflows.ID(reference), RunID: id})
		if errors.Is(err, ErrNotFound) && len(ofCase) > 0 {
			break // Temporal has forgotten it: its retention counts from its own end
		}
		if err != nil {
			return nil, nil, err
		}
		ofCase = append(ofCase, RunHistory{id, h})
		id = h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId()
	}
	slices.Reverse(ofCase)
	return ofCase, ofNotifier, nil
}

// notifierRuns finds the runs of a notifier by visibility. While that does not have the latest one yet, the notifier
// counts as open. An open one is ErrOpen, unless even that is wanted.
func (c Client) notifierRuns(ctx context.Context, reference string, open bool) (runs []RunHistory, err error) {
	id := workflows.NotifyID(reference)
	latest, err := c.Temporal.DescribeWorkflowExecution(ctx, id, "")
	if err = translate(ctx, err); errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info := latest.GetWorkflowExecutionInfo()
	var listed []*workflowpb.WorkflowExecutionInfo
	err = c.list(ctx, fmt.Sprintf("WorkflowId = '%s'", id), func(e *workflowpb.WorkflowExecutionInfo) error {
		listed = append(listed, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	known := slices.ContainsFunc(listed, func(e *workflowpb.WorkflowExecutionInfo) bool {
		return e.GetExecution().GetRunId() == info.GetExecution().GetRunId()
	})
	if !known || RunStateOf(info.GetStatus()).Open() && !open {
		return nil, ErrOpen
	}
	slices.SortStableFunc(listed, func(a, b *workflowpb.WorkflowExecutionInfo) int {
		return a.GetStartTime().AsTime().Compare(b.GetStartTime().AsTime())
	})
	for _, e := range listed {
		h, err := c.History(ctx, workflow.Execution{ID: id, RunID: e.GetExecution().GetRunId()})
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		runs = append(runs, RunHistory{e.GetExecution().GetRunId(), h})
	}
	return runs, nil
}

// list calls each with what a query of visibility finds.
func (c Client) list(ctx context.Context, query string, each func(*workflowpb.WorkflowExecutionInfo) error) error {
	for page := []byte(nil); ; {
		answer, err := c.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: openPage, NextPageToken: page})
		if err != nil {
			return translate(ctx, err)
		}
		for _, e := range answer.GetExecutions() {
			if err := each(e); err != nil {
				return err
			}
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			return nil
		}
	}
}
