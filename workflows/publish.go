package workflows

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
)

// published is what was published last, so that only changes are published.
type published struct {
	stage    kyc.Stage
	deadline time.Time
	version  int
}

// initialPublished is what the start options have published already.
func initialPublished(c kyc.Case) published { return published{stage: c.Stage, deadline: c.Until()} }

// publish shows the state of the case in the Temporal UI: current details, which
// cost nothing, at every change; the search attributes all in one upsert,
// which is one action, where one of them differs.
func (f *caseWorkflow) publish(ctx workflow.Context) error {
	c, was := f.kycCase(), f.published
	f.published = published{stage: c.Stage, deadline: c.Until(), version: c.Version}
	if c.Version != was.version {
		workflow.SetCurrentDetails(ctx, Details(c.View()))
	}
	var changes []temporal.SearchAttributeUpdate
	if c.Stage != was.stage {
		changes = append(changes, AttributeStage.ValueSet(string(c.Stage)))
		if c.Stage.WaitingOn() != was.stage.WaitingOn() {
			changes = append(changes, AttributeWaitingOn.ValueSet(string(c.Stage.WaitingOn())))
		}
	}
	if !c.Stage.Final() && !c.Until().Equal(was.deadline) {
		changes = append(changes, AttributeDeadline.ValueSet(c.Until()))
	}
	if len(changes) == 0 {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, changes...)
}

// Details is a case as a page of Markdown, the way the Temporal UI shows it.
func Details(v kyc.View) string {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(fmt.Sprintf(format, args...)) }
	line("### %s\n\n", v.Headline())
	if !v.Stage.Final() {
		line("**Waiting for** %s **until** %s — then %s.\n\n", v.WaitingOn, when(v.Until), v.OnDeadline)
	}
	for _, e := range v.Entities {
		who := "representative"
		if e.IsCustomer {
			who = "customer"
		}
		line("- %s `%s`: %s", who, e.ID, e.Status)
		if e.Outcome != "" {
			line(", %s", e.Outcome)
		}
		if len(e.Missing) > 0 {
			line(" — **missing:** %s", strings.Join(e.Missing, "; "))
		}
		if e.Sending {
			b.WriteString(" — its images are being sent to ConnectFi")
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n| When (UTC) | What happened |\n|---|---|\n")
	for _, e := range v.Timeline {
		line("| %s | %s |\n", when(e.At), e)
	}
	return b.String()
}

// DetailsPage is where the Temporal UI shows them, for a UI at this address without
// a slash at its end. The tab belongs to one run: after a reset or a long history
// the case has another.
func DetailsPage(ui, namespace string, e *commonpb.WorkflowExecution) string {
	return ui + "/namespaces/" + url.PathEscape(namespace) + "/workflows/" + url.PathEscape(e.GetWorkflowId()) + "/" +
		url.PathEscape(e.GetRunId()) + "/user-metadata"
}

func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
