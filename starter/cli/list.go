package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

type listCommand struct {
	Stage string `placeholder:"STAGE" help:"Only cases in this stage."`
	Limit int    `default:"50" help:"How many at the most."`
}

// row is one case in a list, as Temporal's visibility tells it: no case is
// asked, so a list needs no worker and costs nothing.
type row struct {
	Reference    string           `json:"reference"`
	Stage        kyc.Stage        `json:"stage"`
	WaitingOn    kyc.WaitingOn    `json:"waitingOn"`
	CustomerType kyc.CustomerType `json:"customerType"`
	Until        time.Time        `json:"until,omitzero"` // zero once the case has ended
	StartedAt    time.Time        `json:"startedAt"`
	Broken       bool             `json:"broken,omitempty"` // ended from outside, without a result
}

func (c listCommand) Run(ctx context.Context, a *app) error {
	if c.Stage != "" && !slices.Contains(kyc.Stages, kyc.Stage(c.Stage)) {
		return usage("list", "there is no stage %q, %s", c.Stage, didYouMean(c.Stage, kyc.Stages))
	}
	if c.Limit < 1 {
		return usage("list", "--limit must be 1 or more")
	}
	rows, more, err := a.list(ctx, kyc.Stage(c.Stage), c.Limit)
	if err != nil {
		return err
	}
	if more {
		a.out.aside("there are more: starter list --limit %d", 2*c.Limit)
	}
	return a.out.rows(rows)
}

// list reads the newest cases, all or those in a stage, and whether there are more.
func (a *app) list(ctx context.Context, stage kyc.Stage, limit int) (rows []row, more bool, err error) {
	cases, err := a.cases(ctx)
	if err != nil {
		return nil, false, err
	}
	// A case with a long history has several runs: the last one is the case.
	query := fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus != 'ContinuedAsNew'", workflows.Type)
	if stage != "" {
		query += fmt.Sprintf(" AND %s = '%s'", workflows.AttributeStage.GetName(), stage)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	rows = []row{}
	for page := []byte(nil); ; {
		answer, err := cases.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: int32(min(limit+1-len(rows), 500)), NextPageToken: page})
		if err != nil {
			return nil, false, workflows.Explain(ctx, err)
		}
		for _, e := range answer.GetExecutions() {
			rows = append(rows, rowOf(e))
		}
		page = answer.GetNextPageToken()
		if len(rows) > limit {
			return rows[:limit], true, nil
		}
		if len(page) == 0 {
			return rows, false, nil
		}
	}
}

// rowOf reads a case off what Temporal knows of it by itself.
func rowOf(e *workflow.WorkflowExecutionInfo) row {
	fields := e.GetSearchAttributes().GetIndexedFields()
	r := row{
		Reference:    strings.TrimPrefix(e.GetExecution().GetWorkflowId(), workflows.ID("")),
		Stage:        attribute[kyc.Stage](fields[workflows.AttributeStage.GetName()]),
		WaitingOn:    attribute[kyc.WaitingOn](fields[workflows.AttributeWaitingOn.GetName()]),
		CustomerType: attribute[kyc.CustomerType](fields[workflows.AttributeCustomerType.GetName()]),
		StartedAt:    e.GetStartTime().AsTime(),
		Broken: e.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING &&
			e.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_COMPLETED,
	}
	if !r.Stage.Final() && !r.Broken {
		r.Until = attribute[time.Time](fields[workflows.AttributeDeadline.GetName()])
	}
	return r
}

// attribute reads a search attribute, which is never encrypted; one that is
// missing is zero.
func attribute[T any](p *common.Payload) (value T) {
	if p == nil || converter.GetDefaultDataConverter().FromPayload(p, &value) != nil {
		var none T
		return none
	}
	return value
}

func (p printer) rows(rows []row) error {
	if p.json {
		return p.value(rows)
	}
	if len(rows) == 0 {
		p.say("no case")
		return nil
	}
	table := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "REFERENCE\tSTAGE\tWAITING ON\tCUSTOMER\tDEADLINE\tSTARTED")
	for _, r := range rows {
		stage, deadline := string(r.Stage), "-"
		if r.Broken {
			stage, r.WaitingOn = "ended from outside", kyc.OnNobody
		}
		if !r.Until.IsZero() {
			deadline = p.local(r.Until)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", harmless(r.Reference), harmless(stage), harmless(string(r.WaitingOn)),
			harmless(string(r.CustomerType)), deadline, p.local(r.StartedAt))
	}
	return table.Flush()
}
