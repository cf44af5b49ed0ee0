package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

type listCommand struct {
	Stage  string `placeholder:"STAGE" help:"Only cases in this stage."`
	Closed bool   `help:"Only closed cases, and behind those that Temporal has, those that only their records have."`
	Limit  int    `default:"50" help:"Maximum number of cases."`
}

// row is one case in a list, as Temporal's visibility has it: no case is
// asked, so a list needs no worker and costs nothing.
type row struct {
	Reference    string           `json:"reference"`
	Stage        kyc.Stage        `json:"stage"`
	WaitingOn    kyc.WaitingOn    `json:"waitingOn"`
	CustomerType kyc.CustomerType `json:"customerType"`
	Until        time.Time        `json:"until,omitzero"` // zero once the case has ended
	StartedAt    time.Time        `json:"startedAt"`
	// what Temporal says, unless it is open or completed: paused, terminated, …
	Run    string `json:"run,omitempty"`
	Broken bool   `json:"broken,omitempty"` // ended in Temporal, without a result
	Stuck  string `json:"stuck,omitempty"`  // its workflow task keeps failing: one of workflows.StuckCauses
	Next   string `json:"next,omitempty"`   // what to do, where the case waits for a person here

	OnRecord bool `json:"onRecord,omitempty"` // Temporal has forgotten it: this is what its record says
}

func (c listCommand) Run(ctx context.Context, a *app) error {
	if c.Stage != "" && !slices.Contains(kyc.Stages, kyc.Stage(c.Stage)) {
		return usage("list", "unknown stage %q, %s", c.Stage, didYouMean(c.Stage, kyc.Stages))
	}
	if c.Limit < 1 {
		return usage("list", "--limit must be 1 or more")
	}
	rows, more, err := a.list(ctx, kyc.Stage(c.Stage), c.Closed, c.Limit)
	if err == nil && c.Closed && !more {
		rows, more, err = a.withRecorded(ctx, rows, kyc.Stage(c.Stage), c.Limit)
	}
	if err != nil {
		return err
	}
	closed := ""
	if c.Closed {
		closed = "--closed "
	}
	if more {
		a.out.notef("there are more cases: starter list %s--limit %d", closed, 2*c.Limit)
	}
	return a.out.rows(rows)
}

// list reads the newest cases, all or those in a stage or closed, and whether there are more.
func (a *app) list(ctx context.Context, stage kyc.Stage, closed bool, limit int) (rows []row, more bool, err error) {
	caseClient, err := a.cases(ctx)
	if err != nil {
		return nil, false, err
	}
	// A case that was reset, or has a long history, has several runs: the last one
	// is the case.
	query := fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus != 'ContinuedAsNew'", workflows.Type)
	if stage != "" {
		query += fmt.Sprintf(" AND %s = '%s'", workflows.AttributeStage.GetName(), stage)
	}
	if closed {
		query += " AND CloseTime IS NOT NULL"
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	found := newest{}
	for page := []byte(nil); ; {
		answer, err := caseClient.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: int32(min(limit+1-len(found.rows), 500)), NextPageToken: page})
		if err != nil {
			return nil, false, cases.TranslateError(ctx, err)
		}
		executions := answer.GetExecutions()
		if stage != "" || closed {
			if executions, err = latest(ctx, caseClient, executions); err != nil {
				return nil, false, err
			}
		}
		for _, e := range executions {
			found.add(e)
		}
		page = answer.GetNextPageToken()
		if len(found.rows) > limit {
			return found.rows[:limit], true, nil
		}
		if len(page) == 0 {
			return append([]row{}, found.rows...), false, nil
		}
	}
}

// newest keeps one row a case. Visibility has open runs first, then those that
// closed last, so of several runs the case's own comes first.
type newest struct {
	rows []row
	seen map[string]bool
}

func (n *newest) add(e *workflowpb.WorkflowExecutionInfo) {
	if r := rowOf(e); !n.seen[r.Reference] {
		if n.seen == nil {
			n.seen = map[string]bool{}
		}
		n.seen[r.Reference] = true
		n.rows = append(n.rows, r)
	}
}

// latest leaves out closed runs that another run came after, which a search by
// stage does not find: it asks for all runs of these cases, once.
func latest(ctx context.Context, caseClient cases.Client,
	among []*workflowpb.WorkflowExecutionInfo) ([]*workflowpb.WorkflowExecutionInfo, error) {
	var ids []string
	for _, e := range among {
		if !cases.RunStateOf(e.GetStatus()).Open() {
			ids = append(ids, "'"+e.GetExecution().GetWorkflowId()+"'")
		}
	}
	if len(ids) == 0 {
		return among, nil
	}
	last := map[string]string{}
	for some := range slices.Chunk(ids, 50) {
		for page := []byte(nil); ; {
			answer, err := caseClient.Temporal.ListWorkflow(ctx,
				&workflowservice.ListWorkflowExecutionsRequest{NextPageToken: page, PageSize: 500,
					Query: fmt.Sprintf("WorkflowId IN (%s) AND ExecutionStatus != 'ContinuedAsNew'", strings.Join(some, ", "))})
			if err != nil {
				return nil, cases.TranslateError(ctx, err)
			}
			for _, e := range answer.GetExecutions() {
				if id := e.GetExecution().GetWorkflowId(); last[id] == "" {
					last[id] = e.GetExecution().GetRunId()
				}
			}
			if page = answer.GetNextPageToken(); len(page) == 0 {
				break
			}
		}
	}
	return slices.DeleteFunc(among, func(e *workflowpb.WorkflowExecutionInfo) bool {
		run := last[e.GetExecution().GetWorkflowId()]
		return run != "" && run != e.GetExecution().GetRunId()
	}), nil
}

// rowOf reads a case off what Temporal knows of it by itself.
func rowOf(e *workflowpb.WorkflowExecutionInfo) row {
	fields := e.GetSearchAttributes().GetIndexedFields()
	r := row{
		Reference:    strings.TrimPrefix(e.GetExecution().GetWorkflowId(), workflows.ID("")),
		Stage:        attribute[kyc.Stage](fields[workflows.AttributeStage.GetName()]),
		WaitingOn:    attribute[kyc.WaitingOn](fields[workflows.AttributeWaitingOn.GetName()]),
		CustomerType: attribute[kyc.CustomerType](fields[workflows.AttributeCustomerType.GetName()]),
		StartedAt:    e.GetStartTime().AsTime(),
		Stuck:        string(cases.StuckOf(e)),
	}
	state := cases.RunStateOf(e.GetStatus())
	if r.Broken = state.Broken(); r.Broken || state == cases.RunPaused || state == cases.RunUnknown {
		r.Run = string(state)
	}
	if !r.Stage.Final() && !r.Broken {
		r.Until = attribute[time.Time](fields[workflows.AttributeDeadline.GetName()])
	}
	r.Next = r.next(r.Reference)
	return r
}

// attribute reads a search attribute, which is never encrypted; one that is
// missing is zero.
func attribute[T any](p *commonpb.Payload) (value T) {
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
		p.printf("no case")
		return nil
	}
	table := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "REFERENCE\tSTAGE\tWAITING ON\tCUSTOMER\tDEADLINE\tSTARTED")
	for _, r := range rows {
		stage, deadline := string(r.Stage), "-"
		switch {
		case r.Broken:
			stage, r.WaitingOn = r.Run+" in Temporal", kyc.OnNobody
		case r.Run != "":
			stage += " (" + r.Run + ")"
		case r.OnRecord:
			stage += " (on record)"
		case r.Stuck != "":
			stage += " (stuck: " + r.Stuck + ")"
		}
		if !r.Until.IsZero() {
			deadline = p.local(r.Until)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", sanitize(r.Reference), sanitize(stage), sanitize(string(r.WaitingOn)),
			sanitize(string(r.CustomerType)), deadline, p.local(r.StartedAt))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	p.nextOf(rows)
	return nil
}

// nextOf says each command once, of the first case that it is for.
func (p printer) nextOf(rows []row) {
	count := map[string]int{}
	for _, r := range rows {
		count[r.next("REF")]++
	}
	said := map[string]bool{"": true}
	for _, r := range rows {
		kind := r.next("REF")
		if said[kind] {
			continue
		}
		if len(said) == 1 {
			p.printf("")
		}
		said[kind] = true
		others := ""
		switch n := count[kind] - 1; {
		case n == 1:
			others = " (likewise for 1 other)"
		case n > 1:
			others = fmt.Sprintf(" (likewise for %d others)", n)
		}
		p.printf("next: %s%s", r.Next, others)
	}
}
