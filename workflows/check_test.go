package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/nexus-rpc/sdk-go/nexus"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

var checked = workflows.CheckInput{Check: workflows.Check{CustomerID: "cstap_1", Reference: "A1"}, Endpoint: "kyc"}

// checking is an environment whose Nexus operation answers one of these at a time.
func checking(t *testing.T, answers ...any) (*testsuite.TestWorkflowEnvironment, *int) {
	t.Helper()
	env := new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	workflows.Register(env)
	service := nexus.NewService(workflows.InternalService)
	ofCase := nexus.NewSyncOperation(workflows.OperationCase,
		func(context.Context, workflows.Check, nexus.StartOperationOptions) (kyc.View, error) {
			return kyc.View{}, nil
		})
	require.NoError(t, service.Register(ofCase))
	env.RegisterNexusService(service)
	asked := 0
	for _, answer := range answers {
		call := env.OnNexusOperation(service, ofCase, checked.Check, mock.Anything).Once()
		call.Run(func(mock.Arguments) { asked++ })
		switch answer := answer.(type) {
		case kyc.View:
			call.Return(&nexus.HandlerStartOperationResultSync[kyc.View]{Value: answer}, nil)
		case error:
			call.Return(nil, answer)
		}
	}
	return env, &asked
}

// Where Temporal ends the operation before the case has ended, the check attaches to the case again.
func TestACheckOutlastsTheLongestOperation(t *testing.T) {
	ended := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	late := temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, nil)
	env, asked := checking(t, late, late, kyc.View{Reference: "A1", CustomerID: "cstap_1", Stage: kyc.Approved,
		Outcome: kyc.OutcomeApproved, EndedAt: ended, Reason: "nobody's business"})
	env.ExecuteWorkflow(workflows.CheckType, checked)
	var result workflows.CheckResult
	require.NoError(t, env.GetWorkflowResult(&result))
	require.Equal(t, workflows.CheckResult{Reference: "A1", CustomerID: "cstap_1", Stage: kyc.Approved,
		Outcome: kyc.OutcomeApproved, EndedAt: ended}, result)
	require.Equal(t, 3, *asked)
}

// A result that was put in the place of another is not passed on.
func TestACheckPassesOnItsOwnCaseAlone(t *testing.T) {
	env, _ := checking(t, kyc.View{Reference: "A2", CustomerID: "cstap_1", Stage: kyc.Approved})
	env.ExecuteWorkflow(workflows.CheckType, checked)
	refused := new(temporal.ApplicationError)
	require.ErrorAs(t, env.GetWorkflowError(), &refused)
	require.Equal(t, workflows.RefusedOtherCustomer, refused.Type())
}
