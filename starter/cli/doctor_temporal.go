package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"durablekyc.example/cases"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/workflows"
)

const (
	recommendedRetention = 30 * 24 * time.Hour // what setup creates
	seenLately           = 2 * time.Minute     // a worker polls again every minute at the latest
)

func (x *doctorRun) checkTemporal(ctx context.Context) {
	const check = "Temporal"
	address, namespace, err := x.options().Target()
	if err != nil {
		x.bad(check, oneLine(err), "TEMPORAL_ADDRESS=host:7233 TEMPORAL_NAMESPACE=name starter doctor")
		return
	}
	x.namespace, x.cloud = namespace, onCloud(address)
	c, err := temporalclient.Dial(ctx, x.options())
	away, isAway := errors.AsType[*temporalclient.UnreachableError](err)
	switch {
	case isAway:
		x.bad(check, "no connection to "+away.Address+" ("+away.Reason()+")", "TEMPORAL_ADDRESS=host:7233 starter doctor")
	case err != nil:
		x.bad(check, oneLine(err), "TEMPORAL_API_KEY_FILE=… or TEMPORAL_TLS_CLIENT_CERT_PATH=…, as for the worker")
	default:
		x.temporal = c
		x.ok(check, "connected to "+address)
	}
}

func (x *doctorRun) checkNamespace(ctx context.Context) {
	check := "namespace " + x.namespace
	if x.temporal == nil {
		x.skip("namespace", "no connection to Temporal")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	d, err := x.temporal.WorkflowService().DescribeNamespace(ctx,
		&workflowservice.DescribeNamespaceRequest{Namespace: x.namespace})
	retention := d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	switch {
	case missing(err):
		x.bad(check, "does not exist", "starter setup, or TEMPORAL_NAMESPACE=the-right-one")
	case forbidden(err):
		x.bad(check, "Temporal rejects these credentials for it",
			"TEMPORAL_API_KEY_FILE=… or TEMPORAL_TLS_CLIENT_CERT_PATH=…, as for the worker")
	case err != nil:
		x.bad(check, "cannot describe it: "+oneLine(err), "starter doctor again in a moment")
	case retention < recommendedRetention:
		x.named = true
		x.warn(check,
			fmt.Sprintf("closed cases are kept for only %s: callbacks after that get 404", formatDuration(retention)),
			longerRetention(x.namespace, recommendedRetention, x.cloud))
	default:
		x.named = true
		x.ok(check, "closed cases are kept for "+formatDuration(retention))
	}
}

func (x *doctorRun) checkAttributes(ctx context.Context) {
	if !x.named {
		x.skip("search attributes", "no namespace")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	wanted := workflows.SearchAttributes()
	names := slices.Sorted(maps.Keys(wanted))
	defined, err := attributes(ctx, x.temporal, x.namespace, names)
	if err != nil {
		x.bad("search attributes", "cannot list them: "+oneLine(err), "starter doctor again in a moment")
		return
	}
	for _, name := range names {
		check := "search attribute " + name
		switch as, there := defined[name]; {
		case !there:
			x.bad(check, "missing: no case can start", "starter setup")
		case as == enumspb.INDEXED_VALUE_TYPE_UNSPECIFIED:
			x.ok(check, "exists; "+unseenType)
		case as != wanted[name]:
			x.bad(check, wrongType(as, wanted[name]), otherType(x.namespace, name, x.cloud))
		default:
			x.ok(check, as.String())
		}
	}
}

// checkWorkers asks who has polled lately. One queue alone is not enough: status
// reads are on one of their own.
func (x *doctorRun) checkWorkers(ctx context.Context) {
	if !x.named {
		x.skip("workers", "no namespace")
		return
	}
	for _, queue := range []struct {
		name string
		kind enumspb.TaskQueueType
	}{{workflows.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW}, {workflows.ReadsQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY}} {
		check := "workers on " + queue.name
		pollers, err := x.pollers(ctx, queue.name, queue.kind)
		switch {
		case err != nil:
			x.bad(check, "cannot list them: "+oneLine(err), "starter doctor again in a moment")
		case len(pollers) == 0:
			x.bad(check, "no worker has polled for "+formatDuration(seenLately)+": cases wait",
				"start the worker with TEMPORAL_NAMESPACE="+x.namespace+"; its log has the reason if it stops")
		case len(pollers) == 1:
			x.ok(check, "1 polls")
		default:
			x.ok(check, fmt.Sprintf("%d poll", len(pollers)))
		}
	}
}

func (x *doctorRun) pollers(ctx context.Context, queue string, kind enumspb.TaskQueueType) ([]*taskqueuepb.PollerInfo,
	error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	d, err := x.temporal.DescribeTaskQueue(ctx, queue, kind)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(d.GetPollers(), func(p *taskqueuepb.PollerInfo) bool {
		return x.out.clock().Sub(p.GetLastAccessTime().AsTime()) > seenLately
	}), nil
}

// checkDeployment looks whether the build that the cases go to is there. Workers
// that poll as versions are looked at also where nobody named their deployment.
func (x *doctorRun) checkDeployment(ctx context.Context) {
	const check = "worker deployment"
	name, _, err := x.lookup.Value("KYC_DEPLOYMENT")
	switch {
	case err != nil:
		x.bad("KYC_DEPLOYMENT", oneLine(err), "set only one of the two, to the worker's value")
		return
	case !x.named:
		x.skip(check, "no namespace")
		return
	}
	pollers, err := x.pollers(ctx, workflows.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		x.bad(check, "cannot list the pollers: "+oneLine(err), "starter doctor again in a moment")
		return
	}
	var builds []string // that poll, as versions of the deployment
	for _, p := range pollers {
		o := p.GetDeploymentOptions()
		if o.GetWorkerVersioningMode() != enumspb.WORKER_VERSIONING_MODE_VERSIONED {
			continue
		}
		if name == "" {
			name = o.GetDeploymentName()
		}
		if name == o.GetDeploymentName() && !slices.Contains(builds, o.GetBuildId()) {
			builds = append(builds, o.GetBuildId())
		}
	}
	if name == "" {
		x.skip(check, "KYC_DEPLOYMENT is not set, and no worker polls as a version")
		return
	}
	x.checkVersion(ctx, check+" "+name, name, builds)
}

func (x *doctorRun) checkVersion(ctx context.Context, check, name string, builds []string) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	d, err := x.temporal.WorkerDeploymentClient().GetHandle(name).Describe(ctx, client.WorkerDeploymentDescribeOptions{})
	promote := "BUILD"
	if len(builds) > 0 {
		promote = slices.Max(builds)
	}
	fix := fmt.Sprintf("KYC_DEPLOYMENT=%s starter setup --promote %s", name, promote)
	switch now := current(d); {
	case missing(err):
		x.bad(check, "the deployment has never had a worker", "start a worker with KYC_DEPLOYMENT="+name+
			", or unset KYC_DEPLOYMENT here")
	case err != nil:
		x.bad(check, "cannot describe it: "+oneLine(err), "starter doctor again in a moment")
	case now == "" && len(builds) > 0:
		x.bad(check, "no version is current: its workers get no tasks", fix)
	case now == "":
		x.bad(check, "no version is current, and the polling workers belong to no version of it",
			"start the workers with KYC_DEPLOYMENT="+name+", or unset KYC_DEPLOYMENT here")
	case !slices.Contains(builds, now):
		x.bad(check, now+" is the current version, but none of its workers polls: cases wait", fix+", or start the worker "+
			"of "+
			now)
	default:
		x.ok(check, now+" is the current version, and its workers poll")
	}
}

// fewStuck is how many stuck cases are named, since the history of each is read.
const fewStuck = 5

// checkStuck looks for cases and notifiers whose workflow task keeps failing.
func (x *doctorRun) checkStuck(ctx context.Context) {
	const check = "stuck cases"
	if !x.named {
		x.skip(check, "no namespace")
		return
	}
	caseClient := cases.Client{Temporal: x.temporal}
	if x.keyset != nil {
		caseClient.Failures = x.keyset.Converters().Failures
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	stuck, more, err := caseClient.AllStuck(ctx, fewStuck)
	switch {
	case errors.Is(err, cases.ErrNotReported):
		x.skip(check, oneLine(err))
	case err != nil:
		x.bad(check, "cannot list them: "+oneLine(err), "starter doctor again in a moment")
	case len(stuck) == 0:
		x.ok(check, "none")
	}
	for _, s := range stuck {
		x.bad(check, s.Error(), s.WayOn())
	}
	if more {
		x.bad(check, "there are more", `temporal workflow list --query "TemporalReportedProblems IS NOT NULL"`)
	}
}
