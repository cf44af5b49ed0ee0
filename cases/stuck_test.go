package cases_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/cases"
)

// A search attribute is a list of texts, or a text where it has one value. What
// is neither still says that the case is stuck.
func TestTheCauseInASearchAttribute(t *testing.T) {
	for name, test := range map[string]struct {
		value any
		want  cases.StuckCause
	}{
		"a list": {[]string{"category=WorkflowTaskFailed", "cause=WorkflowTaskFailedCauseNonDeterministicError"},
			cases.StuckNonDeterminism},
		"a text":              {"cause=WorkflowTaskFailedCauseNonDeterministicError", cases.StuckNonDeterminism},
		"a text of a timeout": {"category=WorkflowTaskTimedOut", cases.StuckTimeout},
		"an unknown cause":    {[]string{"cause=WorkflowTaskFailedCauseBadBinary"}, cases.StuckOther},
		"a number":            {7, cases.StuckOther},
		"an empty list":       {[]string{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			payload, err := converter.GetDefaultDataConverter().ToPayload(test.value)
			require.NoError(t, err)
			info := &workflowpb.WorkflowExecutionInfo{Status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
				SearchAttributes: &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{
					"TemporalReportedProblems": payload}}}
			require.Equal(t, test.want, cases.StuckOf(info))
			info.Status = enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED
			require.Empty(t, cases.StuckOf(info), "a closed case is not stuck")
		})
	}
}
