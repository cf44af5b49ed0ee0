package portal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/webhook/page"
)

// The page has a sentence for whatever the gate says.
func TestThePageKnowsTheGatesWords(t *testing.T) {
	require.Subset(t, page.Refusals, imagecheck.Codes)
	for _, w := range imagecheck.Warnings {
		require.Contains(t, page.Warnings, string(w))
	}
}
