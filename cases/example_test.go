package cases_test

import (
	"fmt"
	"log/slog"

	"github.com/stretchr/testify/mock"
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
		By:         kyc.APIClient("onboarding"),
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
	cases.Client{}.RegisterActivities(env)
	env.OnWorkflow(workflows.Type, mock.Anything, mock.Anything).Return(kyc.View{CustomerID: "cstap_1",
		Stage: kyc.Approved, Outcome: kyc.OutcomeApproved}, nil)
	env.OnActivity(cases.ActivityClosedCase, mock.Anything, mock.Anything).Return((*kyc.View)(nil), nil)
	env.ExecuteWorkflow(openAccount, "cstap_1")
	var answer string
	if err := env.GetWorkflowResult(&answer); err != nil {
		fmt.Println(err)
	}
	fmt.Println(answer)
	// Output: account opened for cstap_1
}
