package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// OpenCaseCounts is how many cases are open: at each stage, and of all of them those
// whose deadline has passed.
type OpenCaseCounts struct {
	Stages  map[kyc.Stage]int64
	Overdue int64
	Stuck   int64 // cases and notifiers whose workflow task has failed five times in a row; -1 where the server cannot say
}

// overdueGrace is how long after its deadline a case is still within its rights: the
// last look may have to be repeated while ConnectFi is away.
const overdueGrace = time.Hour

// OpenCaseCounts counts. Temporal groups by no search attribute of ours (1.32), so each
// number is a call of its own to visibility: eight in all, which are no actions.
// Visibility may be some seconds behind.
func (c Client) OpenCaseCounts(ctx context.Context, now time.Time) (OpenCaseCounts, error) {
	openCases := OpenCaseCounts{Stages: map[kyc.Stage]int64{}}
	for _, stage := range kyc.Stages {
		if stage.Final() {
			continue
		}
		n, err := c.count(ctx, fmt.Sprintf("%s = '%s'", workflows.AttributeStage.GetName(), stage))
		if err != nil {
			return OpenCaseCounts{}, err
		}
		openCases.Stages[stage] = n
	}
	var err error
	openCases.Overdue, err = c.count(ctx, fmt.Sprintf("%s < '%s'", workflows.AttributeDeadline.GetName(),
		now.Add(-overdueGrace).UTC().Format(time.RFC3339)))
	if err != nil {
		return openCases, err
	}
	stuck, err := c.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: isStuck})
	_, isOlder := errors.AsType[*serviceerror.InvalidArgument](err)
	if openCases.Stuck = stuck.GetCount(); isOlder {
		openCases.Stuck = -1
		return openCases, nil
	}
	return openCases, translate(ctx, err)
}

// isOpen is what visibility has of runs that are not closed, paused ones among
// them: older servers do not know the word.
const isOpen = "CloseTime IS NULL"

func (c Client) count(ctx context.Context, condition string) (int64, error) {
	counted, err := c.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND %s AND %s", workflows.Type, isOpen, condition)})
	return counted.GetCount(), translate(ctx, err)
}
