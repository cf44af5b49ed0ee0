package telemetry

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCallsAreMeasured(t *testing.T) {
	telemetry, err := New("worker")
	require.NoError(t, err)
	for range 2 { // two clients
		_, done := telemetry.ObserveCalls("connectfi")(t.Context(), "/akepa/status")
		done("extAkepa", 400)
	}
	require.Contains(t, scrape(t, telemetry),
		`kyc_connectfi_request_duration_seconds_count{code="extAkepa",operation="/akepa/status"} 2`)
}

// Ours last for months and carry none of the SDK's own labels; the SDK's are as they were.
func TestOurMetricsHaveTheirOwnShape(t *testing.T) {
	telemetry, err := New("worker")
	require.NoError(t, err)
	sdk := telemetry.Temporal().WithTags(map[string]string{"namespace": "default", "task_queue": "kyc", "stage": "held"})
	sdk.Timer("kyc_stage_duration").Record(40 * 24 * 3600e9)
	sdk.Timer("temporal_x").Record(2e9)
	text := scrape(t, telemetry)
	require.Contains(t, text, `kyc_stage_duration_seconds_bucket{stage="held",le="2.592e+06"} 0`)
	require.Contains(t, text, `kyc_stage_duration_seconds_bucket{stage="held",le="7.776e+06"} 1`)
	require.Contains(t, text, `temporal_x_seconds_bucket{namespace="default",stage="held",task_queue="kyc",le="3600"} 1`)
}
