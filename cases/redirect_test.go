package cases_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// redirecting is a Temporal whose case takes updates, or is closed.
type redirecting struct {
	*notifying
	open bool
	url  []any
}

func (r *redirecting) UpdateWorkflow(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle,
	error) {
	if o.UpdateName == workflows.UpdateWebhook && r.open {
		r.url = o.Args
		return done{}, nil
	}
	return r.notifying.UpdateWorkflow(ctx, o)
}

type done struct{ client.WorkflowUpdateHandle }

func (done) Get(context.Context, any) error { return nil }

func TestRedirectChangesTheCaseAndItsNotifier(t *testing.T) {
	finished := enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	r := &redirecting{notifying: &notifying{status: finished, ledger: halfDone()}, open: true}
	c := cases.Client{Temporal: r}
	_, open, err := c.Redirect(t.Context(), "A1", "", elsewhere)
	require.NoError(t, err)
	require.True(t, open)
	require.Equal(t, []any{elsewhere}, r.url)
	require.Equal(t, [][]any{{"", elsewhere}}, r.resends)
	require.Equal(t, elsewhere, r.started[0].WebhookURL)

	r.ledger.Records = r.ledger.Records[:1] // all of it was delivered
	_, open, err = c.Redirect(t.Context(), "A1", "", elsewhere)
	require.NoError(t, err, "later events go there")
	require.True(t, open)
	require.Len(t, r.started, 1)

	r.open = false
	_, open, err = c.Redirect(t.Context(), "A1", "", elsewhere)
	var refused *cases.RefusedError
	require.ErrorAs(t, err, &refused, "and of a closed case there are none")
	require.Equal(t, workflows.RefusedNotWanted, refused.Type)
	require.False(t, open)
	events, open, err := c.Redirect(t.Context(), "A1", "1", elsewhere)
	require.NoError(t, err)
	require.False(t, open)
	require.Equal(t, kyc.NoticeReview, events[0].Type)
	require.Equal(t, elsewhere, r.started[1].WebhookURL)

	r.noCase, r.status = true, 0
	_, _, err = c.Redirect(t.Context(), "A1", "", elsewhere)
	require.ErrorIs(t, err, cases.ErrNotFound)
}
