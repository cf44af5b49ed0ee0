package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/client"

	"durablekyc.example/workflows"
)

// versionNotReadyError is a version whose worker is not there yet, which may pass.
type versionNotReadyError struct{ says string }

func (e *versionNotReadyError) Error() string { return e.says }

// promote routes the cases to a build, once its worker polls both queues: made
// current any earlier, it would leave the tasks of one of them lying.
func (p *setupRun) promote(ctx context.Context, deployment string) {
	check, build := "worker deployment "+deployment, p.command.Promote
	handle := p.temporal.WorkerDeploymentClient().GetHandle(deployment)
	var was string
	err := p.retryUntil(ctx, p.until, func(err error) bool {
		_, isAbsent := errors.AsType[*versionNotReadyError](err)
		return isTransient(err) || isAbsent
	}, func(ctx context.Context) error {
		d, err := handle.Describe(ctx, client.WorkerDeploymentDescribeOptions{})
		if missing(err) {
			return &versionNotReadyError{"no worker of this deployment has connected yet"}
		}
		if err != nil {
			return err
		}
		if was = current(d); was == build {
			return nil
		}
		if err := checkPollers(ctx, handle, build); err != nil {
			return err
		}
		_, err = handle.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build,
			ConflictToken: d.ConflictToken})
		return err
	})
	absent, isAbsent := errors.AsType[*versionNotReadyError](err)
	switch {
	case isAbsent:
		p.add(checkResult{check, notDone, absent.says,
			fmt.Sprintf("start a worker of build %s with KYC_DEPLOYMENT=%s, then starter setup --promote %s --wait 2m", build,
				deployment, build)})
	case err != nil:
		p.refused(check, "promote "+build, err,
			fmt.Sprintf("temporal worker deployment set-current-version --namespace %s --deployment-name %s --build-id %s, "+
				"with write access to the namespace",
				p.namespace, deployment, build))
	case was == build:
		p.add(checkResult{check, alreadyThere, build + " is the current version", ""})
	case was == "":
		p.add(checkResult{check, changed, build + " is the current version now; before there was none", ""})
	default:
		p.add(checkResult{check, changed, fmt.Sprintf("%s is the current version now; before it was %s", build, was), ""})
	}
}

// current is the build that the cases go to; empty are workers without versioning.
func current(d client.WorkerDeploymentDescribeResponse) string {
	if v := d.Info.RoutingConfig.CurrentVersion; v != nil {
		return v.BuildID
	}
	return ""
}

// checkPollers reports a version whose worker is not there, or not on both queues.
func checkPollers(ctx context.Context, handle client.WorkerDeploymentHandle, build string) error {
	v, err := handle.DescribeVersion(ctx, client.WorkerDeploymentDescribeVersionOptions{BuildID: build})
	if missing(err) {
		return &versionNotReadyError{"no worker of build " + build + " has connected yet"}
	}
	if err != nil {
		return err
	}
	without := []string{workflows.TaskQueue, workflows.ReadsQueue}
	for _, queue := range v.Info.TaskQueuesInfos {
		without = slices.DeleteFunc(without, func(name string) bool { return name == queue.Name })
	}
	if len(without) > 0 {
		return &versionNotReadyError{fmt.Sprintf("the worker of build %s does not poll %s yet", build,
			strings.Join(without, " and "))}
	}
	return nil
}
