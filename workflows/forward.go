package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
)

// forwardNotices gives the case's new notices into a notifier's care, which it starts
// with the first one. It waits until the server has them, not until anybody
// outside does. Where nobody receives, nothing is started and nothing is kept.
func (f *caseWorkflow) forwardNotices(ctx workflow.Context) {
	c, pause := f.kycCase(), time.Minute
	for len(c.Notices) > 0 && !f.mute { // another may come while one is handed on
		count := len(c.Notices)
		var wanted []kyc.Notice
		for _, n := range c.Notices {
			// The notifier ends with the final notice, even if no receiver gets that one.
			if len(receivers(f.in.WebhookURL, f.in.Notify, n)) > 0 || n.Final() && f.state.Notifier {
				wanted = append(wanted, n)
			}
		}
		if len(wanted) > 0 && !f.startOrSignalNotifier(ctx, wanted) {
			workflow.GetLogger(ctx).Error("could not forward notifications", "reference", c.Reference, "count", len(wanted))
			if f.mute = f.notifier; f.mute || !c.Stage.Final() {
				return // the next run or turn tries again
			}
			// There is none after this: the case stays until the notifier has its final notice.
			rested, _ := workflow.NewDisconnectedContext(ctx)
			_ = workflow.Sleep(rested, pause) // which nothing cancels
			pause = min(2*pause, finalReadGrace)
			continue
		}
		c.AckNotices(count)
	}
}

// startOrSignalNotifier starts the notifier, or signals the one that runs. Where one has run
// before, its successor goes on from what that one knew.
func (f *caseWorkflow) startOrSignalNotifier(ctx workflow.Context, notices []kyc.Notice) bool {
	c := f.kycCase()
	ctx, _ = workflow.NewDisconnectedContext(ctx) // a cancelled case has its last word, too
	report := Report{After: f.state.Reported, Notices: notices, Terms: Terms{Case: c.Identity, CustomerID: c.CustomerID,
		WebhookURL: f.in.WebhookURL, Notify: f.in.Notify,
		Until: c.StartedAt.Add(time.Duration(c.Policy.Case) + 3*finalReadGrace)}}
	for range 3 {
		if f.state.Notifier {
			if workflow.SignalExternalWorkflow(ctx, NotifyID(c.Reference), "", SignalNotices, report).Get(ctx, nil) == nil {
				f.state.Reported = notices[len(notices)-1].ID
				return true
			}
		}
		ledger := NotifierState{Reference: c.Reference}
		if f.state.Notifier || f.wasReset(ctx) {
			ledger.Recall = &report
		} else {
			ledger.Take(report, workflow.Now(ctx))
		}
		child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: NotifyID(c.Reference), TaskQueue: TaskQueue,
			WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
			StaticSummary:         NotifySummary(c.Reference), StaticDetails: NotifyDetails(c.Reference),
		}), NotifyType, ledger)
		err := child.GetChildWorkflowExecution().Get(ctx, nil)
		f.state.Notifier = true // or it runs already, and takes a signal
		if err == nil {
			f.notifier = true
			f.state.Reported = notices[len(notices)-1].ID
			return true
		}
	}
	return false
}

// wasReset reports whether an operator has reset this run of the case or an
// earlier one. It may differ from what the run before the reset found at the same
// place, so it must decide about nothing but the contents of messages.
func (f *caseWorkflow) wasReset(ctx workflow.Context) bool { return f.state.WasReset || wasReset(ctx) }
