package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/activities"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// observed is what a case tells Temporal and hears from it that the test
// environment has no word for: the options of each activity, and whether the run
// goes on from another one.
type observed struct {
	interceptor.WorkerInterceptorBase
	original func(run string) string // the id of the run that was reset, or of this one
	options  map[string]workflow.ActivityOptions
}

type (
	observedIn struct {
		interceptor.WorkflowInboundInterceptorBase
		*observed
	}
	observedOut struct {
		interceptor.WorkflowOutboundInterceptorBase
		*observed
	}
)

func (o *observed) InterceptWorkflow(_ workflow.Context,
	next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &observedIn{interceptor.WorkflowInboundInterceptorBase{Next: next}, o}
}

func (i *observedIn) Init(next interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&observedOut{interceptor.WorkflowOutboundInterceptorBase{Next: next}, i.observed})
}

func (o *observedOut) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	if _, known := o.options[name]; !known {
		o.options[name] = workflow.GetActivityOptions(ctx)
	}
	return o.Next.ExecuteActivity(ctx, name, args...)
}

func (o *observedOut) GetInfo(ctx workflow.Context) *workflow.Info {
	info := *o.Next.GetInfo(ctx)
	info.OriginalRunID = o.original(info.WorkflowExecution.RunID)
	return &info
}

// observe lets a story be seen; as on a server, its run is the original one unless another is named.
func observe(s story, original string) *observed {
	o := &observed{options: map[string]workflow.ActivityOptions{}, original: func(run string) string { return run }}
	if original != "" {
		o.original = func(string) string { return original }
	}
	s.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{o}})
	return o
}

// A case that was reset may have asked ConnectFi a moment ago: it waits until that
// has settled, and its notifier first finds out what the receivers know. Any other
// case waits for nothing.
func TestACaseKnowsThatItWasReset(t *testing.T) {
	for name, test := range map[string]struct {
		original  string
		unsettled time.Duration
		recalls   bool
	}{
		"it was not": {"", 0, false},
		"it was":     {"another run", 30*time.Second + time.Duration(kyc.DefaultPolicy().Settle), true},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := listening(t, forLong)
			observe(s, test.original)
			var asked []activities.IdentifyRequest
			s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(
				func(_ context.Context, r activities.IdentifyRequest) (kyc.Snapshot, error) {
					asked = append(asked, r)
					return single("completed", "approved"), nil
				})
			s.runWith(workflows.Input{Notify: true})
			require.Len(t, asked, 1)
			require.Equal(t, test.unsettled, asked[0].Unsettled)
			require.Len(t, h.started, 1)
			require.Equal(t, test.recalls, h.started[0].Recall != nil)
			require.Equal(t, !test.recalls, len(h.started[0].Records) > 0)
		})
	}
}

// How long each activity may take and how it is repeated: an attempt that says
// nothing has as long as it may take and what it did needs to settle; the last read
// of a stage has a day of trying behind the stage's end.
func TestHowActivitiesAreTried(t *testing.T) {
	s := newStory(t)
	o := observe(s, "")
	busy := temporal.NewApplicationError("busy", "rateLimit")
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("pending_step_up", ""), nil).Once()
	s.OnActivity(do.SubmitDocuments, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(kyc.Snapshot{}, busy).Once()
	s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	s.OnActivity(do.WatchStatus, mock.Anything, mock.Anything).
		Return(activities.WatchResult{Reading: single("completed", "approved")}, nil)
	s.after(time.Hour, func() { s.update(workflows.UpdateSubmit, "s1", license("s1")) })
	s.after(time.Hour+time.Second, func() { s.callback("r1") })
	view := s.run()
	policy := kyc.DefaultPolicy()
	settle := temporal.RetryPolicy{InitialInterval: time.Duration(policy.Settle), MaximumInterval: 5 * time.Minute}

	identify := o.options["Identify"]
	require.Equal(t, 30*time.Second, identify.StartToCloseTimeout)
	require.Equal(t, time.Duration(policy.Case), identify.ScheduleToCloseTimeout, "as long as the case")
	require.Equal(t, settle, *identify.RetryPolicy)
	submit := o.options["SubmitDocuments"]
	require.Equal(t, time.Minute, submit.StartToCloseTimeout)
	require.InDelta(t, 30*day-time.Hour, submit.ScheduleToCloseTimeout, float64(time.Second))
	require.Equal(t, settle, *submit.RetryPolicy)
	require.Contains(t, submit.Summary, person)
	read := o.options["ReadStatus"]
	require.Equal(t, 30*time.Second, read.StartToCloseTimeout)
	require.InDelta(t, view.StartedAt.Add(91*day).Sub(view.StartedAt.Add(time.Hour)), read.ScheduleToCloseTimeout,
		float64(2*time.Second))
	require.Empty(t, read.Summary)
	watch := o.options["WatchStatus"]
	require.Equal(t, workflows.ReadsQueue, watch.TaskQueue)
	require.True(t, watch.WaitForCancellation)
	require.Equal(t, temporal.RetryPolicy{InitialInterval: time.Duration(policy.ReadFirst),
		MaximumInterval: time.Duration(policy.ReadMax)},
		*watch.RetryPolicy)
}

// What needs longer to settle than the longest pause otherwise is waited for all the same.
func TestNoPauseIsShorterThanWhatHasToSettle(t *testing.T) {
	s := newStory(t)
	o := observe(s, "")
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("completed", "approved"), nil).Once()
	policy := kyc.DefaultPolicy()
	policy.Settle = kyc.Duration(10 * time.Minute)
	s.ExecuteWorkflow(workflows.Type, workflows.Input{Reference: "A1", CustomerID: person, Policy: policy})
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, temporal.RetryPolicy{InitialInterval: 10 * time.Minute, MaximumInterval: 10 * time.Minute},
		*o.options["Identify"].RetryPolicy)
}
