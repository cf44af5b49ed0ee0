package main

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
)

// Every saved query that docs/operations.md gives is one that the server's
// visibility understands; a time in it is put in the place of NOW.
func TestSavedQueriesAreUnderstood(t *testing.T) {
	page := text(t, "docs", "operations.md")
	part := regexp.MustCompile(`(?s)\n### Saved queries\n(.*?)\n##`).FindStringSubmatch(page)
	require.NotNil(t, part)
	queries := regexp.MustCompile("(?m)^\\|[^|]*\\| `([^`]+)` \\|").FindAllStringSubmatch(part[1], -1)
	require.GreaterOrEqual(t, len(queries), 8)
	for _, query := range queries {
		asked := regexp.MustCompile(`'NOW'|NOW`).ReplaceAllString(query[1], "'"+time.Now().UTC().Format(time.RFC3339)+"'")
		_, err := one.client.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: asked})
		require.NoError(t, err, query[1])
	}
	_, err := one.client.CountWorkflow(t.Context(),
		&workflowservice.CountWorkflowExecutionsRequest{Query: "KycNothing = 'x'"})
	require.Error(t, err, "or nothing is tried")
}
