package cases_test

import (
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// account runs openAccount, with the activities of a client.
func account(c cases.Client, customer string) *testsuite.TestWorkflowEnvironment {
	env := new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	workflows.Register(env)
	c.RegisterActivities(env)
	env.OnWorkflow(workflows.Type, mock.Anything, mock.Anything).Return(
		func(ctx workflow.Context, in workflows.Input) (kyc.View, error) {
			info := workflow.GetInfo(ctx)
			if info.WorkflowExecution.ID != "kyc-account1" || info.TaskQueueName != workflows.TaskQueue {
				return kyc.View{}, temporal.NewNonRetryableApplicationError("not a case like any other", "Test", nil)
			}
			return kyc.View{Stage: kyc.Denied, CustomerID: in.CustomerID}, nil
		})
	env.ExecuteWorkflow(openAccount, customer)
	return env
}

func TestAChildIsACaseLikeAnyOther(t *testing.T) {
	temporal := &forgetful{}
	env := account(cases.Client{Temporal: temporal}, "cstap_1")
	var answer string
	require.NoError(t, env.GetWorkflowResult(&answer))
	require.Equal(t, "no account: Denied", answer)

	env = account(cases.Client{Temporal: temporal}, "no customer")
	require.ErrorContains(t, env.GetWorkflowError(), "the customer id must be")
}

// A child whose case is on record is answered from there: no case starts.
func TestAChildOnRecordIsNotStarted(t *testing.T) {
	asked := 0
	decided := kyc.View{CustomerID: "cstap_1", Stage: kyc.Approved, Outcome: kyc.OutcomeApproved}
	for name, test := range map[string]struct {
		record   cases.Recorded
		customer string
		answer   string
		err      string
	}{
		"decided": {cases.Recorded{View: decided, State: cases.RunCompleted}, "cstap_1",
			"account opened for cstap_1", ""},
		"another customer": {cases.Recorded{View: decided, State: cases.RunCompleted}, "cstap_2", "",
			workflows.OtherCustomer},
		"terminated": {cases.Recorded{View: decided, State: cases.RunTerminated}, "cstap_1", "",
			"the case was terminated in Temporal"},
	} {
		t.Run(name, func(t *testing.T) {
			c := cases.Client{Temporal: &forgetful{}, Records: shelf{one: test.record, asked: &asked, reference: "account1"}}
			env := account(c, test.customer)
			env.AssertNotCalled(t, workflows.Type, mock.Anything, mock.Anything)
			var answer string
			err := env.GetWorkflowResult(&answer)
			require.Equal(t, test.answer, answer)
			if test.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.err)
			}
		})
	}
}
