// Package cost counts what a workflow costs, by what the server remembers of
// it: so it is the same on every machine.
package cost

import (
	"context"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
)

// Cost is what one run has cost.
type Cost struct {
	Actions     int `json:"actions"`     // that Temporal Cloud bills: see Actions
	Tasks       int `json:"tasks"`       // workflow tasks that a worker completed
	Events      int `json:"events"`      // of the history
	Bytes       int `json:"bytes"`       // of the history, as the server counts them
	Transitions int `json:"transitions"` // of the state: what a server of one's own writes
}

func (c Cost) String() string {
	return fmt.Sprintf("%3d actions %3d tasks %3d events %6d bytes %3d transitions", c.Actions, c.Tasks, c.Events, c.Bytes,
		c.Transitions)
}

// Of reads what the latest run of a workflow has cost so far. Attempts of an
// activity that has not ended are no events yet, and are counted; queries and
// refused updates leave nothing and are not.
func Of(ctx context.Context, c client.Client, id string) (Cost, error) {
	d, err := c.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return Cost{}, err
	}
	info := d.GetWorkflowExecutionInfo()
	cost := Cost{Events: int(info.GetHistoryLength()), Bytes: int(info.GetHistorySizeBytes()),
		Transitions: int(info.GetStateTransitionCount())}
	for _, a := range d.GetPendingActivities() {
		cost.Actions += int(a.GetAttempt())
	}
	lived, err := cases.Client{Temporal: c}.History(ctx, workflow.Execution{ID: id})
	if err != nil {
		return Cost{}, err
	}
	for _, event := range lived.Events {
		cost.Actions += Actions(event)
		if event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			cost.Tasks++
		}
	}
	return cost, nil
}

// Actions is how many billed actions an event stands for, by Temporal Cloud's
// list (https://docs.temporal.io/cloud/actions, read in November 2026). What a
// start gives in search attributes is free, and so are the tasks.
func Actions(e *historypb.HistoryEvent) int {
	switch e.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, // by a client, another workflow, or the run before
		enumspb.EVENT_TYPE_TIMER_STARTED,
		enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
		enumspb.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
		enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
		enumspb.EVENT_TYPE_MARKER_RECORDED:
		return 1
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
		return int(e.GetActivityTaskStartedEventAttributes().GetAttempt()) // each attempt is one
	}
	return 0
}
