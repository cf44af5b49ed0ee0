package cases_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
)

// polled is a case in review with one pending activity.
type polled struct {
	client.Client
	activity *workflowpb.PendingActivityInfo
}

func (p polled) DescribeWorkflowExecution(context.Context, string,
	string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Status: 1}, PendingActivities: []*workflowpb.PendingActivityInfo{p.activity}}, nil
}

func (polled) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(kyc.View{Stage: kyc.InReview})
	return client.NewValue(payloads), err
}

// A case in review says when ConnectFi was last asked and when it is asked next: of the polls, not of another activity.
func TestShowSaysWhenConnectFiIsAsked(t *testing.T) {
	last := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	next := last.Add(time.Hour)
	pending := func(name string) polled {
		return polled{activity: &workflowpb.PendingActivityInfo{ActivityType: &commonpb.ActivityType{Name: name},
			LastAttemptCompleteTime: timestamppb.New(last), NextAttemptScheduleTime: timestamppb.New(next)}}
	}
	v, err := cases.Client{Temporal: pending("WatchStatus")}.Show(t.Context(), "A1")
	require.NoError(t, err)
	require.Equal(t, []time.Time{last, next}, []time.Time{v.CheckedAt, v.NextCheckAt})

	v, err = cases.Client{Temporal: pending("SubmitDocuments")}.Show(t.Context(), "A1")
	require.NoError(t, err)
	require.Zero(t, v.CheckedAt)
	require.Zero(t, v.NextCheckAt)
}
