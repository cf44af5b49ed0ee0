package cases_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"durablekyc.example/cases"
)

// guard is a Temporal that answers each kind of call with an error of its own.
type guard struct {
	client.Client
	reads, signals, lists error
	asked                 []string
}

func (g *guard) DescribeWorkflowExecution(context.Context, string, string) (
	*workflowservice.DescribeWorkflowExecutionResponse, error) {
	g.asked = append(g.asked, "read")
	return nil, g.reads
}

func (g *guard) SignalWorkflow(context.Context, string, string, string, any) error {
	g.asked = append(g.asked, "signal")
	return g.signals
}

func (g *guard) CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (
	*workflowservice.CountWorkflowExecutionsResponse, error) {
	g.asked = append(g.asked, "list")
	return nil, g.lists
}

// What a program may not do is told before it takes cases, in one sentence: what
// it may not, and what to set right.
func TestAccessIsChecked(t *testing.T) {
	none, denied := serviceerror.NewNotFound("no such workflow"), serviceerror.NewPermissionDenied("no", "")
	for name, test := range map[string]struct {
		temporal guard
		says     string // empty is nothing
		asked    int
	}{
		"all of it":    {guard{reads: none, signals: none}, "", 3},
		"even of ours": {guard{}, "", 3},
		"no namespace": {guard{reads: serviceerror.NewNamespaceNotFound("cases")},
			`Temporal has no namespace "cases": run starter setup, or set TEMPORAL_NAMESPACE`, 1},
		"not to read": {guard{reads: denied},
			"Temporal does not permit this program to read cases in its namespace: check TEMPORAL_API_KEY", 1},
		"unknown credentials": {guard{reads: status.Error(codes.Unauthenticated, "who")},
			"Temporal does not permit this program to read cases in its namespace: check TEMPORAL_API_KEY", 1},
		"away": {guard{reads: serviceerror.NewUnavailable("try again")},
			"Temporal does not permit this program to read cases: try again", 1},
		"not to signal": {guard{reads: none, signals: denied},
			"Temporal does not permit this program to signal cases in its namespace: check TEMPORAL_API_KEY", 2},
		"not to list": {guard{reads: none, signals: none, lists: denied},
			"Temporal does not permit this program to list cases in its namespace: check TEMPORAL_API_KEY", 3},
		"no search attributes": {guard{reads: none, signals: none, lists: serviceerror.NewInvalidArgument("KycStage?")},
			"the namespace lacks a search attribute of cases (KycStage?): run starter setup", 3},
		"visibility is away": {guard{reads: none, signals: none, lists: serviceerror.NewUnavailable("later")}, "", 3},
	} {
		t.Run(name, func(t *testing.T) {
			err := cases.Client{Temporal: &test.temporal}.CheckAccess(t.Context())
			if test.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.says)
			}
			require.Len(t, test.temporal.asked, test.asked)
		})
	}
}
