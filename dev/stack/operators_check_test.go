package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/sandbox/simulator"
)

// What the cells of docs/operators.md say.
const (
	decided  = "decided"  // the case goes on and ends as ConnectFi decides, of which its receiver hears once
	repeated = "repeated" // it goes through the end it had once more: the receiver hears nothing new
	// another case of the reference has the same end, of which the receiver hears under another id
	again      = "again"
	withdrawn  = "withdrawn"  // it ends as withdrawn, of which its receiver hears once
	terminated = "terminated" // it ends in Temporal alone
	refused    = "refused"    // Temporal refuses, and nothing happens
	ignored    = "ignored"    // Temporal accepts, and nothing happens
)

var outcomes = []string{decided, repeated, again, withdrawn, terminated, refused, ignored}

// without says that nothing happens to the case: its life is as if the button
// had not been pressed.
func (c *cell) without() bool { return c.want == refused || c.want == ignored }

// maxEvents is far beyond what a case of this test lives through, and far below
// what one that spins reaches in seconds.
const maxEvents = 200

// live goes on with the case's life after the button, and checks the outcome.
func (c *cell) live() error {
	ctx, cancel := c.context()
	defer cancel()
	again := c.action.later
	if again == nil || c.without() {
		again = func(context.Context, *cell) error { return nil }
	}
	// A case that is not identified has nothing for ConnectFi to decide while it is paused.
	soon := c.action.soon || c.stage.name == string(kyc.Identifying)
	if soon {
		if err := again(ctx, c); err != nil {
			return fmt.Errorf("later: %w", err)
		}
	}
	if !c.stage.closed {
		truth, err := c.truth(ctx)
		if err != nil {
			return err
		}
		// Where the case goes on there will be an application; where it has ended there may be none.
		if c.want == decided || c.without() || truth.ApplicationID != "" {
			if err := c.conclude(ctx); err != nil {
				return err
			}
		}
	}
	if !soon {
		if err := again(ctx, c); err != nil {
			return fmt.Errorf("later: %w", err)
		}
	}
	return c.check(ctx)
}

// conclude is ConnectFi's decision, unless it has one already.
func (c *cell) conclude(ctx context.Context) error {
	if truth, err := c.truth(ctx); err != nil || truth.Outcome != "" {
		return err
	}
	return c.decide(ctx, "completed", c.outcome())
}

// outcome is what ConnectFi's people find.
func (c *cell) outcome() string {
	if c.number%3 == 0 {
		return "denied"
	}
	return "approved"
}

// check says what of a cell is not as the table has it.
func (c *cell) check(ctx context.Context) error {
	end, err := c.end(ctx)
	if err != nil {
		return err
	}
	truth, err := c.truth(ctx)
	if err != nil {
		return err
	}
	want := kyc.Stage(strings.ToLower(string(truth.Outcome)))
	switch {
	case c.want == withdrawn, c.stage.name == withdrawn && (c.want == repeated || c.without()):
		want = kyc.Withdrawn
	case c.stage.name == string(kyc.Expired) && (c.want == repeated || c.without()):
		want = kyc.Expired
	case c.want == terminated, c.stage.name == terminated && c.without():
		want = terminated
	}
	if end != want {
		return fmt.Errorf("it ended as %s, and %s is right (ConnectFi: %q)", end, want, truth.Outcome)
	}
	return errors.Join(c.checkHeard(ctx, want), c.checkLedger(ctx))
}

// end waits for the end of the case's latest run, and says how it ended.
func (c *cell) end(ctx context.Context) (end kyc.Stage, err error) {
	var last error
	err = patiently(ctx, "the case's end", func() (bool, error) {
		v, err := c.own.cases.Show(ctx, c.reference)
		if errors.Is(err, cases.ErrEnded) {
			end = terminated
			return true, nil
		}
		end, last = v.Stage, err
		return err == nil && final(v), nil
	})
	if err != nil {
		d, _ := c.own.client.DescribeWorkflowExecution(ctx, c.id(), "")
		err = fmt.Errorf("%w: it is %s (%v), %d events, task %v, activities %v", err, end, last,
			d.GetWorkflowExecutionInfo().GetHistoryLength(),
			d.GetPendingWorkflowTask(), d.GetPendingActivities())
	}
	return end, err
}

// checkHeard waits until the receiver has heard of the end, and finds that it
// has heard of it once, and that no id was used for two facts.
func (c *cell) checkHeard(ctx context.Context, end kyc.Stage) error {
	told := "case." + string(end)
	if end != terminated {
		if err := patiently(ctx, "the receiver to hear of "+told, func() (bool, error) {
			return len(c.idsOf(told)) >= c.ends(), nil
		}); err != nil {
			return fmt.Errorf("%w: it heard %v", err, c.messages())
		}
	}
	facts := map[string]string{}
	for _, m := range c.messages() {
		if before, known := facts[m.id]; known && before != m.fact {
			return fmt.Errorf("one id for two facts: %s was %s and is %s", m.id, before, m.fact)
		}
		facts[m.id] = m.fact
		ended := kyc.Stage(strings.TrimPrefix(m.kind, "case."))
		switch {
		case !ended.Final():
		case ended != end && string(ended) != c.stage.name:
			return fmt.Errorf("the receiver heard of %s, which never was: %v", m.kind, c.messages())
		case len(c.idsOf(m.kind)) > c.ends():
			return fmt.Errorf("one fact under several ids: %s %v", m.kind, c.messages())
		}
	}
	return nil
}

// ends is how many cases of the reference have the end that is checked.
func (c *cell) ends() int {
	if c.want == again {
		return 2
	}
	return 1
}

// idsOf are the ids under which the receiver heard of notifications of this type.
func (c *cell) idsOf(kind string) map[string]bool {
	ids := map[string]bool{}
	for _, m := range c.messages() {
		if m.kind == kind {
			ids[m.id] = true
		}
	}
	return ids
}

// checkLedger finds nothing doubled at ConnectFi.
func (c *cell) checkLedger(ctx context.Context) error {
	var all []simulator.LedgerEntry
	var said bytes.Buffer
	if err := c.own.control(ctx, http.MethodGet, "/sandbox/ledger?reference="+c.reference, nil, &said); err != nil {
		return err
	}
	if err := json.Unmarshal(said.Bytes(), &all); err != nil {
		return err
	}
	for _, e := range all {
		if e.Applications > 1 {
			return fmt.Errorf("ConnectFi has %d applications of it", e.Applications)
		}
		if e.Attachments != e.Documents {
			return fmt.Errorf("ConnectFi has %d links of %d documents", e.Attachments, e.Documents)
		}
	}
	return nil
}

// checkHistories reads the runs of all cells, which Temporal lists once for all
// of them: it answers ten such questions a second, and refuses the others.
func (o *operators) checkHistories(cells []*cell) error {
	runs := map[string][]string{}
	for page := []byte(nil); ; {
		answer, err := o.own.client.ListWorkflow(o.ctx, &workflowservice.ListWorkflowExecutionsRequest{NextPageToken: page})
		if err != nil {
			return err
		}
		for _, run := range answer.GetExecutions() {
			id := run.GetExecution().GetWorkflowId()
			runs[id] = append(runs[id], run.GetExecution().GetRunId())
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	if len(runs) < len(cells) { // each has a notifier, and most still have their cases
		return fmt.Errorf("Temporal lists the runs of %d workflows only, of %d cells", len(runs), len(cells))
	}
	o.each(cells, func(c *cell) error { return c.checkHistories(runs[c.id()]) })
	return nil
}

// checkHistories finds no run that spins, and none in which a workflow task
// failed for a reason of ours.
func (c *cell) checkHistories(runs []string) error {
	ctx, cancel := c.context()
	defer cancel()
	for _, run := range runs {
		h, err := c.history(ctx, run)
		if err != nil {
			continue // deleted meanwhile: visibility is behind
		}
		if len(h.Events) > maxEvents {
			return fmt.Errorf("a run of %d events: it spins", len(h.Events))
		}
		for _, e := range h.Events {
			if err := c.checkTask(e.GetWorkflowTaskFailedEventAttributes()); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkTask says why a workflow task failed, unless the reason is Temporal's own.
func (c *cell) checkTask(failed *historypb.WorkflowTaskFailedEventAttributes) error {
	switch failed.GetCause() {
	case enumspb.WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED, enumspb.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
		enumspb.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND, enumspb.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
		enumspb.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_PAUSE_REQUESTED_BEFORE_TASK_STARTED:
		return nil // the run goes on, or is ended from outside
	}
	// The SDK takes a task that the machine gave no second to for a deadlock (TMPRL1101), and the
	// task is repeated. A case that always comes to this has not ended.
	why := fmt.Sprint(c.failures().FailureToError(failed.GetFailure()))
	if strings.Contains(why, "TMPRL1101") {
		return nil
	}
	return fmt.Errorf("a workflow task failed: %s %s", failed.GetCause(), why)
}

// failures decrypts why a workflow task of the case failed.
func (c *cell) failures() converter.FailureConverter {
	return converter.WithFailureConverterSerializationContext(c.own.cases.Failures,
		converter.WorkflowSerializationContext{WorkflowID: c.id()})
}
