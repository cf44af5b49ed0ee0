package cases

import (
	"go.temporal.io/api/workflowservice/v1"

	"durablekyc.example/kyc"
)

// addPolls adds to an open case when ConnectFi was last asked for its status and when it is asked next. Polls add no
// event to the history, so Temporal alone knows: from the attempts of the activity that polls.
func addPolls(v *kyc.View, d *workflowservice.DescribeWorkflowExecutionResponse) {
	for _, a := range d.GetPendingActivities() {
		if a.GetActivityType().GetName() != watchActivity {
			continue
		}
		if t := a.GetLastAttemptCompleteTime(); t != nil {
			v.CheckedAt = t.AsTime()
		}
		if t := a.GetNextAttemptScheduleTime(); t != nil {
			v.NextCheckAt = t.AsTime()
		}
	}
}
