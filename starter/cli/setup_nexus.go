package cli

import (
	"context"
	"errors"
	"fmt"

	nexuspb "go.temporal.io/api/nexus/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"

	"durablekyc.example/cases"
	"durablekyc.example/workflows"
)

// prepareEndpoint makes the Nexus endpoint by which workflows of other namespaces call the workers of this one.
func (p *setupRun) prepareEndpoint(ctx context.Context) {
	check := "Nexus endpoint " + cases.DefaultEndpoint
	leads := fmt.Sprintf("to the task queue %s of the namespace %s", workflows.TaskQueue, p.namespace)
	byHand := p.byHand("temporal operator nexus endpoint create --name %s --target-namespace %s --target-task-queue %s",
		"tcld nexus endpoint create --name %s --target-namespace %s --target-task-queue %s --allow-namespace %[2]s "+
			"--allow-namespace CALLER", cases.DefaultEndpoint, p.namespace, workflows.TaskQueue)
	err := p.retryUntil(ctx, p.until, isTransient, func(ctx context.Context) error {
		_, err := p.temporal.OperatorService().CreateNexusEndpoint(ctx, &operatorservice.CreateNexusEndpointRequest{
			Spec: &nexuspb.EndpointSpec{Name: cases.DefaultEndpoint, Target: &nexuspb.EndpointTarget{
				Variant: &nexuspb.EndpointTarget_Worker_{Worker: &nexuspb.EndpointTarget_Worker{
					Namespace: p.namespace, TaskQueue: workflows.TaskQueue}}}}})
		return err
	})
	if _, isThere := errors.AsType[*serviceerror.AlreadyExists](err); isThere {
		p.checkEndpoint(ctx, check, leads)
		return
	}
	if err != nil {
		p.refused(check, "create it", err, byHand)
		return
	}
	p.add(checkResult{check, created, leads, ""})
}

// checkEndpoint tells an endpoint of this name that leads here from one that leads elsewhere.
func (p *setupRun) checkEndpoint(ctx context.Context, check, leads string) {
	listed, err := p.temporal.OperatorService().ListNexusEndpoints(ctx,
		&operatorservice.ListNexusEndpointsRequest{Name: cases.DefaultEndpoint, PageSize: 1})
	if err != nil {
		p.refused(check, "list it", err, "temporal operator nexus endpoint list")
		return
	}
	for _, endpoint := range listed.GetEndpoints() {
		is := endpoint.GetSpec().GetTarget().GetWorker()
		if is.GetNamespace() == p.namespace && is.GetTaskQueue() == workflows.TaskQueue {
			p.add(checkResult{check, alreadyThere, leads, ""})
			return
		}
	}
	p.add(checkResult{check, notDone, "it leads elsewhere", fmt.Sprintf(
		"temporal operator nexus endpoint update --name %s --target-namespace %s --target-task-queue %s, unless somebody "+
			"else needs it", cases.DefaultEndpoint, p.namespace, workflows.TaskQueue)})
}
