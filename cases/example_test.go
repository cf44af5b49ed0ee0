package cases_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// openAccount is a workflow of somebody else's.
func openAccount(ctx workflow.Context, customer string) (string, error) {
	view, err := cases.RunChild(ctx, cases.StartOptions{
		Reference:  "account1", // your own id of the check: it has one case, for ever
		CustomerID: customer,
		Policy:     kyc.DefaultPolicy(),
	})
	if err != nil {
		return "", err
	}
	if view.Outcome != kyc.OutcomeApproved {
		return "no account: " + view.Headline(), nil
	}
	return "account opened for " + view.CustomerID, nil
}

// A workflow of your own starts a case and waits for its decision.
func ExampleRunChild() {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	workflows.Register(env)
	env.OnWorkflow(workflows.Type, mock.Anything, mock.Anything).Return(kyc.View{CustomerID: "cstap_1",
		Stage: kyc.Approved, Outcome: kyc.OutcomeApproved}, nil)
	env.ExecuteWorkflow(openAccount, "cstap_1")
	var answer string
	if err := env.GetWorkflowResult(&answer); err != nil {
		fmt.Println(err)
	}
	fmt.Println(answer)
	// Output: account opened for cstap_1
}

func TestAChildIsACaseLikeAnyOther(t *testing.T) {
	env := new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	workflows.Register(env)
	env.OnWorkflow(workflows.Type, mock.Anything, mock.Anything).Return(
		func(ctx workflow.Context, in workflows.Input) (kyc.View, error) {
			info := workflow.GetInfo(ctx)
			require.Equal(t, "kyc-account1", info.WorkflowExecution.ID)
			require.Equal(t, workflows.TaskQueue, info.TaskQueueName)
			require.Equal(t, "cstap_1", in.CustomerID)
			require.Equal(t, kyc.DefaultPolicy(), in.Policy)
			return kyc.View{Stage: kyc.Denied}, nil
		})
	env.ExecuteWorkflow(openAccount, "cstap_1")
	var answer string
	require.NoError(t, env.GetWorkflowResult(&answer))
	require.Equal(t, "no account: Denied", answer)

	env = new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	env.ExecuteWorkflow(openAccount, "no customer")
	require.ErrorContains(t, env.GetWorkflowError(), "the customer id must be")
}
