package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// canaryPoll is the time between two looks at the history of the case.
const canaryPoll = 200 * time.Millisecond

// Why a build did not complete a task of the case, apart from a failure of the task itself.
var (
	errCanaryTimeout = errors.New("its worker took a workflow task of it and did not complete it in time")
	errCanaryPaused  = errors.New("it was paused in Temporal meanwhile")
	errCanaryClosed  = errors.New("it was closed meanwhile")
	errCanaryStopped = errors.New("the trial was stopped")
)

// canaryResult is what became of the one case that a build was given.
type canaryResult struct {
	Reference string `json:"reference"`
	Build     string `json:"build"`
	Current   string `json:"current"` // the build that has the case otherwise; empty are workers without versioning
	Through   bool   `json:"through"`
	EventID   int64  `json:"eventId,omitempty"` // the workflow task that the build completed, or failed
	Cause     string `json:"cause,omitempty"`   // why it did not come through
	err       error  // the cause
}

// canary gives one open case to one build, for one workflow task.
type canary struct {
	cases     cases.Client
	by        kyc.Actor // who tries
	reference string
	version   worker.WorkerDeploymentVersion
	run       string // of the case
	after     int64  // the last event before the override
}

// canary tries a build on one open case: it routes the case's next workflow task there, wakes the case by a refresh,
// and takes the routing back if the build does not complete that task.
func (c replayCommand) canary(ctx context.Context, a *app) error {
	caseClient, err := a.cases(ctx)
	if err != nil {
		return err
	}
	by, err := a.actor()
	if err != nil {
		return err
	}
	k := &canary{cases: caseClient, by: by, reference: c.Canary}
	r := canaryResult{Reference: c.Canary, Build: cmp.Or(c.Build, telemetry.Version)}
	if r.Current, err = k.prepare(ctx, r.Build); err != nil {
		return of(c.Canary, err)
	}
	if err := k.override(ctx, &client.OneTimeVersioningOverride{TargetVersion: k.version}); err != nil {
		return of(c.Canary, fmt.Errorf("it cannot be routed to build %s: %w", r.Build, err))
	}
	r.EventID, r.err = k.outcome(ctx, c.Within)
	if r.Through = r.err == nil; !r.Through {
		r.Cause = r.err.Error()
	}
	if !r.Through && !errors.Is(r.err, errCanaryClosed) {
		undoing, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
		defer cancel()
		if err := k.override(undoing, nil); err != nil {
			return &cliError{err: fmt.Errorf("%s: %s, and the routing could not be taken back: %w", c.Canary, r.Cause, err),
				next: unpin(c.Canary)}
		}
	}
	return a.out.canary(r)
}

// prepare finds which version the case is to go to, and says why it cannot.
func (k *canary) prepare(ctx context.Context, build string) (now string, err error) {
	d, err := k.cases.Temporal.DescribeWorkflowExecution(ctx, workflows.ID(k.reference), "")
	if err != nil {
		return "", cases.TranslateError(ctx, err)
	}
	info := d.GetWorkflowExecutionInfo()
	refuse := func(next, format string, args ...any) (string, error) {
		return "", &cliError{err: fmt.Errorf(k.reference+" "+format, args...), next: next}
	}
	versioning := info.GetVersioningInfo()
	deployment := versioning.GetDeploymentVersion().GetDeploymentName()
	switch state := cases.RunStateOf(info.GetStatus()); {
	case !state.Open():
		return refuse("starter list", "is closed: a build is tried on an open case")
	case state == cases.RunPaused:
		return refuse(unpause(k.reference), "is paused in Temporal: no build gets it")
	case versioning.GetVersioningOverride() != nil:
		return refuse(unpin(k.reference), "is %s: unpin it first", overridden(versioning))
	case deployment == "":
		return refuse("KYC_DEPLOYMENT=kyc go run ./worker", "is on workers without versioning: no build can be chosen for it")
	}
	handle := k.cases.Temporal.WorkerDeploymentClient().GetHandle(deployment)
	deployed, err := handle.Describe(ctx, client.WorkerDeploymentDescribeOptions{})
	if err != nil {
		return "", cases.TranslateError(ctx, err)
	}
	if now = current(deployed); now == build {
		return refuse("starter replay --open", "is on build %s already, which is the current version", build)
	}
	err = checkPollers(ctx, handle, build)
	if absent, ok := errors.AsType[*versionNotReadyError](err); ok {
		return refuse("temporal worker deployment describe --name "+deployment, "cannot try build %s: %s", build, absent.says)
	}
	k.version = worker.WorkerDeploymentVersion{DeploymentName: deployment, BuildID: build}
	k.run, k.after = info.GetExecution().GetRunId(), info.GetHistoryLength()
	return now, err
}

// overridden is what a case is instead of following the current version.
func overridden(versioning *workflowpb.WorkflowExecutionVersioningInfo) string {
	override := versioning.GetVersioningOverride()
	switch {
	case override.GetOneTime() != nil:
		return "routed to build " + override.GetOneTime().GetTargetDeploymentVersion().GetBuildId() + " for its next task"
	case override.GetPinned() != nil:
		return "pinned to build " + override.GetPinned().GetVersion().GetBuildId()
	}
	return "overridden in its versioning"
}

// override sets where the next workflow task of the case goes; nil takes that back.
func (k *canary) override(ctx context.Context, to client.VersioningOverride) error {
	_, err := k.cases.Temporal.UpdateWorkflowExecutionOptions(ctx, client.UpdateWorkflowExecutionOptionsRequest{
		WorkflowId: workflows.ID(k.reference), WorkflowExecutionOptionsChanges: client.WorkflowExecutionOptionsChanges{
			VersioningOverride: &client.VersioningOverrideChange{Value: to}}})
	return cases.TranslateError(ctx, err)
}

// outcome wakes the case and waits for what the build makes of it: the event of the workflow task that it completed, or
// failed, with the cause.
func (k *canary) outcome(ctx context.Context, within time.Duration) (event int64, err error) {
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		_, _ = k.cases.Refresh(waiting, k.reference, k.by) // what comes of it is in the history
	}()
	defer func() { cancel(); <-woken }()
	for {
		event, done, err := k.look(waiting)
		if done {
			return event, err
		}
		select {
		case <-waiting.Done():
			if ctx.Err() != nil {
				return 0, errCanaryStopped
			}
			return 0, fmt.Errorf("build %s did not complete a workflow task of it within %s", k.version.BuildID, within)
		case <-time.After(canaryPoll):
		}
	}
}

// look reads whether the build has completed or failed a workflow task since the override, or will not get one.
func (k *canary) look(ctx context.Context) (event int64, done bool, err error) {
	// The status is read first: what the build completed before the case was closed is in the history that follows.
	d, err := k.cases.Temporal.DescribeWorkflowExecution(ctx, workflows.ID(k.reference), "")
	if err != nil {
		return 0, false, err // Temporal may answer the next time
	}
	h, err := k.cases.History(ctx, workflow.Execution{ID: workflows.ID(k.reference), RunID: k.run})
	if err != nil {
		return 0, false, err
	}
	if event, done, err = k.task(h.GetEvents()); done {
		return event, true, err
	}
	switch state := cases.RunStateOf(d.GetWorkflowExecutionInfo().GetStatus()); {
	case state == cases.RunPaused:
		return 0, true, errCanaryPaused
	case !state.Open():
		return 0, true, errCanaryClosed
	}
	return 0, false, nil
}

// task finds the workflow task that the build completed or failed.
func (k *canary) task(history []*historypb.HistoryEvent) (event int64, done bool, err error) {
	for _, e := range history {
		if e.GetEventId() <= k.after {
			continue
		}
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			if e.GetWorkflowTaskCompletedEventAttributes().GetDeploymentVersion().GetBuildId() == k.version.BuildID {
				return e.GetEventId(), true, nil
			}
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED:
			switch failed := e.GetWorkflowTaskFailedEventAttributes(); failed.GetCause() {
			case enumspb.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND: // the task is repeated at once
			case enumspb.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_PAUSE_REQUESTED_BEFORE_TASK_STARTED:
				return e.GetEventId(), true, errCanaryPaused
			default:
				return e.GetEventId(), true, errors.New(k.cases.TaskFailure(workflows.ID(k.reference), failed).Sentence())
			}
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
			if e.GetWorkflowTaskTimedOutEventAttributes().GetTimeoutType() == enumspb.TIMEOUT_TYPE_START_TO_CLOSE {
				return e.GetEventId(), true, errCanaryTimeout
			}
		}
	}
	return 0, false, nil
}

// canary prints what became of the case. The error is for the exit code.
func (p printer) canary(r canaryResult) error {
	if p.json {
		if err := p.value(r); err != nil {
			return err
		}
	}
	back := "the current version, build " + r.Current + ","
	if r.Current == "" {
		back = "workers without versioning"
	}
	failed := fmt.Sprintf("%s did not come through on build %s: %s", r.Reference, r.Build, r.Cause)
	again := "; its next task goes to " + back + " again"
	switch {
	case errors.Is(r.err, errCanaryClosed):
		return &cliError{next: "starter show " + r.Reference, err: errors.New(failed)}
	case errors.Is(r.err, errCanaryPaused):
		return &cliError{next: unpause(r.Reference), err: errors.New(failed + again)}
	case !r.Through:
		return &cliError{next: "starter replay " + r.Reference, err: errors.New(failed + again)}
	case !p.json:
		p.printf("%s came through on build %s: it completed workflow task %d; the next one goes to %s again", r.Reference,
			r.Build, r.EventID, back)
	}
	return nil
}
