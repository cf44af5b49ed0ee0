package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// reference is the one argument that most commands take.
type reference struct {
	Reference string `arg:"" help:"The case's reference."`
}

// Validate lets kong refuse a malformed reference as wrong usage.
func (r reference) Validate() error { return workflows.ValidateReference(r.Reference) }

type startCommand struct {
	Customer  string `required:"" help:"ConnectFi's id of the customer."`
	Reference string `required:"" help:"Your own id of the check: 1 to 32 letters and digits."`
	SyncMode  *bool  `help:"Passed on to ConnectFi only when given." negatable:""`
	Wait      bool   `help:"Follow the case to its end."`
}

func (c startCommand) Run(a *app) error {
	policy, err := a.policy()
	if err != nil {
		return &usageError{fmt.Errorf("KYC_POLICY: %w", err)}
	}
	order := workflows.Order{Reference: c.Reference, CustomerID: c.Customer, SyncMode: c.SyncMode, Policy: policy}
	if err := order.Validate(); err != nil {
		return &usageError{err}
	}
	view, err := ask(a, func(ctx context.Context, cases workflows.Client) (kyc.View, error) { return cases.Start(ctx, order) })
	if err != nil {
		return about(c.Reference, err)
	}
	if c.Wait {
		return follow(a, c.Reference)
	}
	return a.out.view(view)
}

type showCommand struct{ reference }

func (c showCommand) Run(a *app) error {
	view, err := ask(a, func(ctx context.Context, cases workflows.Client) (kyc.View, error) {
		return cases.Show(ctx, c.Reference)
	})
	if err != nil {
		return about(c.Reference, err)
	}
	return a.out.view(view)
}

type refreshCommand struct{ reference }

func (c refreshCommand) Run(a *app) error {
	view, err := ask(a, func(ctx context.Context, cases workflows.Client) (kyc.View, error) {
		return cases.Refresh(ctx, c.Reference)
	})
	if err != nil {
		return about(c.Reference, err)
	}
	return a.out.view(view)
}

type withdrawCommand struct{ reference }

func (c withdrawCommand) Run(a *app) error {
	view, err := ask(a, func(ctx context.Context, cases workflows.Client) (kyc.View, error) {
		return cases.Withdraw(ctx, c.Reference)
	})
	if err != nil {
		return about(c.Reference, err)
	}
	return a.out.view(view)
}

type watchCommand struct{ reference }

func (c watchCommand) Run(a *app) error { return follow(a, c.Reference) }

// follow prints a case whenever it has changed, and ends with it. It asks
// Temporal for a description, which costs nothing and needs no worker, and
// queries the case only when its history has grown.
func follow(a *app, reference string) error {
	cases, err := a.cases()
	if err != nil {
		return err
	}
	length, version := int64(-1), -1
	for tick := time.NewTicker(time.Second); ; {
		d, err := cases.Temporal.DescribeWorkflowExecution(a.ctx, workflows.ID(reference), "")
		if err != nil {
			return about(reference, workflows.Explain(a.ctx, err))
		}
		if now := d.GetWorkflowExecutionInfo().GetHistoryLength(); now != length {
			length = now
			view, err := ask(a, func(ctx context.Context, c workflows.Client) (kyc.View, error) { return c.Show(ctx, reference) })
			if err != nil {
				return about(reference, err)
			}
			if view.Version != version {
				version = view.Version
				if err := a.out.view(view); err != nil {
					return err
				}
			}
			if view.Stage.Final() {
				return outcome(view)
			}
		}
		select {
		case <-a.ctx.Done():
			return a.ctx.Err()
		case <-tick.C:
		}
	}
}

type listCommand struct {
	Stage string `help:"Only cases in this stage."`
	Limit int    `help:"How many at the most." default:"50"`
}

// Validate refuses a stage that no case has.
func (c listCommand) Validate() error {
	if c.Stage != "" && !slices.Contains(kyc.Stages, kyc.Stage(c.Stage)) {
		return fmt.Errorf("there is no stage %q; the stages are %s", c.Stage, strings.Trim(fmt.Sprint(kyc.Stages), "[]"))
	}
	return nil
}

// row is one case in a list, as the search attributes tell it.
type row struct {
	Reference    string    `json:"reference"`
	Stage        string    `json:"stage"`
	WaitingOn    string    `json:"waitingOn"`
	CustomerType string    `json:"customerType"`
	Until        string    `json:"until"`
	StartedAt    time.Time `json:"startedAt"`
}

func (c listCommand) Run(a *app) error {
	cases, err := a.cases()
	if err != nil {
		return err
	}
	query := fmt.Sprintf("WorkflowType = '%s'", workflows.Type)
	if c.Stage != "" {
		query += fmt.Sprintf(" AND %s = '%s'", workflows.AttributeStage.GetName(), c.Stage)
	}
	rows := []row{}
	for page := []byte(nil); len(rows) < c.Limit; {
		answer, err := cases.Temporal.ListWorkflow(a.ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: int32(min(c.Limit-len(rows), 1000)), NextPageToken: page})
		if err != nil {
			return workflows.Explain(a.ctx, err)
		}
		for _, e := range answer.GetExecutions() {
			fields := e.GetSearchAttributes().GetIndexedFields()
			rows = append(rows, row{
				Reference: strings.TrimPrefix(e.GetExecution().GetWorkflowId(), workflows.ID("")),
				Stage:     text(fields[workflows.AttributeStage.GetName()]), WaitingOn: text(fields[workflows.AttributeWaitingOn.GetName()]),
				CustomerType: text(fields[workflows.AttributeCustomerType.GetName()]),
				Until:        text(fields[workflows.AttributeDeadline.GetName()]), StartedAt: e.GetStartTime().AsTime()})
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	return a.out.rows(rows)
}

// text reads a search attribute, which is never encrypted.
func text(p *common.Payload) string {
	var s string
	if p == nil || converter.GetDefaultDataConverter().FromPayload(p, &s) != nil {
		return ""
	}
	return s
}
