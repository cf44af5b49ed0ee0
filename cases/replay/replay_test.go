package replay_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"

	"durablekyc.example/cases/replay"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/goldens"
)

const histories = "../../workflows/testdata/histories"

func TestAHistoryOfAnotherKeyDoesNotReplay(t *testing.T) {
	all, _ := goldens.Read(t, histories, 0)
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	other, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	for path, history := range all {
		require.ErrorContains(t, replay.Replayer(other.WorkerConverters()).Replay(history), "cannot read a payload of", path)
	}
}

func TestWhatIsNoHistoryIsSaid(t *testing.T) {
	require.ErrorContains(t, replay.Replayer{}.Replay(&historypb.History{}), "not a workflow history")
}
