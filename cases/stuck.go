package cases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/workflows"
)

// A StuckCause says why the workflow task of a case keeps failing.
type StuckCause string

// The causes, as lists and programs have them.
const (
	StuckNonDeterminism StuckCause = "nondeterminism" // this build would have done something else than the history says
	StuckNoKey          StuckCause = "no_key"         // the worker lacks the key of a payload
	StuckPanic          StuckCause = "panic"          // workflow code panics
	// no worker finishes the task in time: it crashes in it, or the task never ends
	StuckTimeout StuckCause = "timeout"
	StuckOther   StuckCause = "other"
)

// StuckCauses lists them all.
var StuckCauses = []StuckCause{StuckNonDeterminism, StuckNoKey, StuckPanic, StuckTimeout, StuckOther}

// Sentence is the cause for a person, as the end of "it is stuck: ".
func (s StuckCause) Sentence() string {
	switch s {
	case StuckNonDeterminism:
		return "the worker's build diverges from its history"
	case StuckNoKey:
		return "the worker lacks the key of one of its payloads"
	case StuckPanic:
		return "the workflow code panics"
	case StuckTimeout:
		return "its workflow task times out on every worker"
	}
	return "its workflow task keeps failing"
}

// WayOn is what an operator does about a case or a notifier, by its reference.
func (s StuckCause) WayOn(reference string) string {
	switch s {
	case StuckNoKey:
		return "give the worker the complete KYC_KEYSET; starter replay " + reference + " checks whether this one decrypts " +
			"the history"
	case StuckNonDeterminism:
		return "starter replay " + reference +
			", with the starter of the worker's build: it names the event; roll back or fix (docs/operations.md)"
	case StuckTimeout:
		return "starter replay " + reference +
			", with the starter of the worker's build: it finds an endless loop; then read the worker's log"
	}
	return "starter replay " + reference + ", then look for the panic in the worker's log"
}

// StuckError is a case whose workflow task keeps failing. Nothing is lost: the
// task is repeated until it succeeds. It is ErrNoAnswer.
type StuckError struct {
	Cause   StuckCause
	Attempt int // of the workflow task
}

func (e *StuckError) Error() string { return "it is stuck: " + e.Cause.Sentence() }
func (e *StuckError) Unwrap() error { return ErrNoAnswer }

const (
	// reportedProblems is the search attribute that Temporal 1.30 and later sets
	// once a workflow task has failed five times in a row
	// (system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute), and
	// takes away when one succeeds. Older servers know no such attribute.
	reportedProblems = "TemporalReportedProblems"
	// isStuck finds what has it.
	isStuck = "WorkflowType IN ('" + workflows.Type + "', '" + workflows.NotifyType + "') AND " + isOpen + " AND " +
		reportedProblems + " IS NOT NULL"
	// failsAfter is the attempt at which a task counts as stuck before that: one
	// attempt is lost with every worker that is stopped.
	failsAfter = 3
)

// StuckOf reads from a search attribute whether visibility reports a case as
// stuck, and why; empty if it does not. A missing key and a panic look alike
// there: only the history distinguishes them.
func StuckOf(info *workflowpb.WorkflowExecutionInfo) StuckCause {
	payload := info.GetSearchAttributes().GetIndexedFields()[reportedProblems]
	if payload == nil || !RunStateOf(info.GetStatus()).Open() {
		return ""
	}
	var problems []string
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &problems); err != nil {
		var one string // what has one value only
		if err := converter.GetDefaultDataConverter().FromPayload(payload, &one); err != nil {
			return StuckOther
		}
		problems = []string{one}
	}
	if len(problems) == 0 {
		return ""
	}
	has := func(part string) bool {
		return slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, part) })
	}
	switch {
	case has("NonDeterministic"):
		return StuckNonDeterminism
	case has("WorkflowTaskTimedOut"):
		return StuckTimeout
	case has("UnhandledFailure"):
		return StuckPanic
	}
	return StuckOther
}

// Stuck reports why a case or a notifier is stuck: nil if it is not. It needs no
// worker and costs no action.
func (c Client) Stuck(ctx context.Context, id string) (*StuckError, error) {
	d, err := c.Temporal.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return nil, translate(ctx, err)
	}
	stuck, _ := errors.AsType[*StuckError](c.stuck(ctx, d))
	return stuck, nil
}

// A StuckRun is a case or a notifier that Temporal reports as stuck.
type StuckRun struct {
	Execution *commonpb.WorkflowExecution
	*StuckError
}

// Error is a whole sentence.
func (s StuckRun) Error() string {
	return fmt.Sprintf("%s is stuck (attempt %d): %s", s.Execution.GetWorkflowId(), s.Attempt, s.Cause.Sentence())
}

// WayOn is what an operator does about it.
func (s StuckRun) WayOn() string {
	return s.Cause.WayOn(strings.TrimPrefix(strings.TrimPrefix(s.Execution.GetWorkflowId(), workflows.NotifyID("")),
		workflows.ID("")))
}

// ErrNotReported comes from a server before 1.30, which does not say who is stuck.
var ErrNotReported = errors.New("this Temporal does not report stuck workflows: 1.30 and later do")

// AllStuck returns the cases and notifiers whose workflow task has failed five
// times in a row, as visibility has them: at most limit of them, and whether
// there are more. It needs no worker and costs no action.
func (c Client) AllStuck(ctx context.Context, limit int) (runs []StuckRun, more bool, err error) {
	found, err := c.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: isStuck,
		PageSize: int32(limit + 1)})
	_, isOlder := errors.AsType[*serviceerror.InvalidArgument](err)
	switch {
	case isOlder:
		return nil, false, ErrNotReported
	case err != nil:
		return nil, false, translate(ctx, err)
	}
	for i, e := range found.GetExecutions() {
		if i == limit {
			return runs, true, nil
		}
		stuck, err := c.Stuck(ctx, e.GetExecution().GetWorkflowId())
		switch {
		case errors.Is(err, ErrNotFound), err == nil && stuck == nil: // it has gone on, or was forgotten, meanwhile
		case err != nil:
			return nil, false, err
		default:
			runs = append(runs, StuckRun{e.GetExecution(), stuck})
		}
	}
	return runs, false, nil
}

func (c Client) stuck(ctx context.Context, d *workflowservice.DescribeWorkflowExecutionResponse) error {
	info, attempt := d.GetWorkflowExecutionInfo(), int(d.GetPendingWorkflowTask().GetAttempt())
	cause := StuckOf(info)
	if cause == "" && attempt < failsAfter || !RunStateOf(info.GetStatus()).Open() {
		return nil
	}
	if told := c.lastFailure(ctx, info.GetExecution()); told != "" {
		cause = told
	}
	if cause == "" {
		cause = StuckOther
	}
	return &StuckError{Cause: cause, Attempt: attempt}
}

// lastFailure is the cause that the history has of the newest workflow task that
// failed; empty if it cannot be read. Temporal writes an event for the first
// attempt only, and for each that comes after something happened.
func (c Client) lastFailure(ctx context.Context, e *commonpb.WorkflowExecution) (cause StuckCause) {
	events := c.Temporal.GetWorkflowHistory(ctx, e.GetWorkflowId(), e.GetRunId(), false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return ""
		}
		switch event.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			cause = ""
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
			cause = StuckTimeout
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED:
			cause = c.TaskFailure(e.GetWorkflowId(), event.GetWorkflowTaskFailedEventAttributes())
		}
	}
	return cause
}

// TaskFailure reads why a workflow task of a case or a notifier failed.
func (c Client) TaskFailure(id string, failed *historypb.WorkflowTaskFailedEventAttributes) StuckCause {
	text := failed.GetFailure().GetMessage()
	if c.Failures != nil {
		sealed := converter.WithFailureConverterSerializationContext(c.Failures,
			converter.WorkflowSerializationContext{WorkflowID: id})
		if opened := sealed.FailureToError(failed.GetFailure()); opened != nil {
			text = fmt.Sprint(opened)
		}
	}
	switch {
	case failed.GetCause() == enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR, strings.Contains(text,
		"[TMPRL1100]"):
		return StuckNonDeterminism
	case strings.Contains(text, unreadable):
		return StuckNoKey
	case failed.GetCause() == enumspb.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE:
		return StuckPanic
	}
	return StuckOther
}

// unreadable is part of what a worker panics with that lacks a key
// (internal/encryption); a test holds the two together.
const unreadable = "cannot read a payload of"
