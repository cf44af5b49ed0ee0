package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"durablekyc.example/workflows"
)

// noCase is a workflow id that no case has: a reference holds no hyphen (S).
const noCase = "kyc-no-case"

// CheckAccess asks Temporal for what a program does with cases, before it takes
// any: the namespace has to be there, with the search attributes, and the
// credentials have to let it read, list and signal. The error is one sentence
// that says what to set right. Nothing is started and no case is changed.
func (c Client) CheckAccess(ctx context.Context) error {
	_, err := c.Temporal.DescribeWorkflowExecution(ctx, noCase, "")
	if err := accessProblem("read cases", err); err != nil {
		return err
	}
	if err := accessProblem("signal cases", c.Temporal.SignalWorkflow(ctx, noCase, "", workflows.SignalCallback,
		workflows.Callback{})); err != nil {
		return err
	}
	return c.checkAttributes(ctx)
}

// checkAttributes has visibility read a query with every search attribute of a
// case: one that is missing is refused as an invalid argument. A visibility
// that is unavailable keeps no program from taking callbacks.
func (c Client) checkAttributes(ctx context.Context) error {
	query := fmt.Sprintf("WorkflowType = '%s' AND %s = '' AND %s = '' AND %s = '' AND %s < '%s'", workflows.Type,
		workflows.AttributeStage.GetName(),
		workflows.AttributeWaitingOn.GetName(), workflows.AttributeCustomerType.GetName(),
		workflows.AttributeDeadline.GetName(), time.Unix(0, 0).UTC().Format(time.RFC3339))
	_, err := c.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	invalid, isInvalid := errors.AsType[*serviceerror.InvalidArgument](err)
	_, isDenied := errors.AsType[*serviceerror.PermissionDenied](err)
	switch {
	case isInvalid:
		return fmt.Errorf("the namespace lacks a search attribute of cases (%s): run starter setup", invalid.Message)
	case isDenied:
		return accessProblem("list cases", err)
	}
	return nil
}

// accessProblem is one sentence of why a call was refused. That there is no
// such case is what a call that was let through answers.
func accessProblem(what string, err error) error {
	_, isNotFound := errors.AsType[*serviceerror.NotFound](err)
	namespace, isNamespace := errors.AsType[*serviceerror.NamespaceNotFound](err)
	_, isDenied := errors.AsType[*serviceerror.PermissionDenied](err)
	switch {
	case err == nil, isNotFound:
		return nil
	case isNamespace:
		return fmt.Errorf("Temporal has no namespace %q: run starter setup, or set TEMPORAL_NAMESPACE", namespace.Namespace)
	case isDenied, serviceerror.ToStatus(err).Code().String() == "Unauthenticated":
		return fmt.Errorf("Temporal does not permit this program to %s in its namespace: check TEMPORAL_API_KEY or the "+
			"client certificate, and their permissions", what)
	}
	return fmt.Errorf("Temporal does not permit this program to %s: %w", what, err)
}
