package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// A case keeps who started it and who ended it: operators by the name that they give.
func TestWhoActedIsInTheTimeline(t *testing.T) {
	customer, reference := customers(t, "individual", "review", 1)[0], "whoActed"
	code, _, stderr := starter(t, "start", "--as", "anna smith", "--customer", customer, "--reference", reference)
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "--as must be 1 to 64 letters")
	code, _, stderr = starter(t, "show", reference)
	require.Equal(t, 1, code, stderr)

	code, _, stderr = starter(t, "start", "--as", "anna", "--customer", customer, "--reference", reference)
	require.Zero(t, code, stderr)
	v := until(t, reference, func(v kyc.View) bool { return v.Stage == kyc.InReview })
	require.Regexp(t, "^[0-9a-f]{32}$", v.RequestID)
	require.Regexp(t, "^[0-9a-f]{64}$", v.AnswerSum)
	code, _, stderr = starter(t, "withdraw", "--as", "bob@example.com", reference)
	require.Zero(t, code, stderr)
	timeline := until(t, reference, final).Timeline
	require.Equal(t, kyc.Actor("operator:anna"), timeline[0].By)
	require.Equal(t, kyc.Actor("operator:bob@example.com"), timeline[len(timeline)-1].By)
}
