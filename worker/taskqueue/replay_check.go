package taskqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/cases/replay"
)

// ReplayCheckType is the workflow that Temporal's Worker Controller runs on a new build before it gives it cases (its
// "gate workflow"). It has no input, and fails if a sample of the open histories does not replay on this build.
const ReplayCheckType = "KYCReplayCheck"

const (
	replayActivity = "ReplaySample"
	// sampledOfEach is how many open histories of each kind are replayed: cases of one stage, notifiers, Nexus checks.
	sampledOfEach = 100
	// replayWithin bounds one attempt; the controller gives the workflow an hour.
	replayWithin = 20 * time.Minute
	// replayBeat is how long reading and replaying one history may take.
	replayBeat = 2 * time.Minute
	// namedDivergences is how many histories the failure names.
	namedDivergences = 5
)

// divergedType is the error type of a build that does not replay.
const divergedType = "ReplayDiverged"

var (
	replayOptions = workflow.RegisterOptions{Name: ReplayCheckType}
	sampleOptions = activity.RegisterOptions{Name: replayActivity}
)

// replayReport is what a replay check found.
type replayReport struct {
	Build     string `json:"build"`
	Histories int    `json:"histories"` // all of them replay
}

// replayCheck replays a sample of the open histories on the worker that runs it.
type replayCheck struct {
	cases    cases.Client
	replayer replay.Replayer
	build    string
	log      *slog.Logger
}

func (r replayCheck) register(w worker.Registry) {
	w.RegisterWorkflowWithOptions(replayWorkflow, replayOptions)
	w.RegisterActivityWithOptions(r.sample, sampleOptions)
}

func replayWorkflow(ctx workflow.Context) (report replayReport, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: replayWithin,
		HeartbeatTimeout: replayBeat})
	err = workflow.ExecuteActivity(ctx, replayActivity).Get(ctx, &report)
	return report, err
}

// sample replays the histories one after the other, which takes milliseconds for each. One that was closed and
// forgotten meanwhile is left out; one that cannot be decrypted counts as one that does not replay.
func (r replayCheck) sample(ctx context.Context) (replayReport, error) {
	executions, err := r.cases.SampleOpen(ctx, sampledOfEach)
	if err != nil {
		return replayReport{}, err
	}
	report, diverged := replayReport{Build: r.build}, []string{}
	for i, execution := range executions {
		activity.RecordHeartbeat(ctx, i)
		history, err := r.cases.History(ctx, execution)
		if errors.Is(err, cases.ErrNotFound) {
			continue
		}
		if err != nil {
			return replayReport{}, err
		}
		report.Histories++
		if err := r.replayer.Replay(history); err != nil {
			r.log.Error("an open history does not replay on this build", "workflow", execution.ID, "build", r.build,
				"error", err)
			diverged = append(diverged, execution.ID)
		}
	}
	if len(diverged) == 0 {
		return report, nil
	}
	return replayReport{}, temporal.NewNonRetryableApplicationError(fmt.Sprintf(
		"%d of %d open histories do not replay on build %s, such as %s: starter replay REFERENCE of this build shows where",
		len(diverged), report.Histories, r.build, strings.Join(diverged[:min(len(diverged), namedDivergences)], ", ")),
		divergedType, nil)
}
