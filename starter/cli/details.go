package cli

import (
	"context"

	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/internal/weburl"
	"durablekyc.example/workflows"
)

// details is the page of the Temporal UI that shows the state of a case and what
// happened to it: empty where KYC_TEMPORAL_UI is not set or Temporal does not
// answer, since a case is printed without it as well.
func (a *app) details(ctx context.Context, reference string) string {
	ui, namespace, err := a.temporalUI()
	if err != nil {
		a.out.notef("invalid KYC_TEMPORAL_UI: %v", err)
	}
	if err != nil || ui == "" {
		return ""
	}
	caseClient, err := a.cases(ctx)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	d, err := caseClient.Temporal.DescribeWorkflowExecution(ctx, workflows.ID(reference), "")
	if err != nil {
		return ""
	}
	return workflows.DetailsPage(ui, namespace, d.GetWorkflowExecutionInfo().GetExecution())
}

// temporalUI is where the Temporal UI is, if that was said, and the namespace.
func (a *app) temporalUI() (ui, namespace string, err error) {
	lookup, err := a.lookup()
	if err != nil {
		return "", "", err
	}
	if ui, _, err = lookup.Value("KYC_TEMPORAL_UI"); err != nil || ui == "" {
		return "", "", err
	}
	base, err := weburl.ParseBase(ui)
	if err != nil {
		return "", "", err
	}
	_, namespace, err = temporalclient.Options{Lookup: lookup}.Target()
	return base.String(), namespace, err
}
