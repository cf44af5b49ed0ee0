package cases_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/internal/encryption"
)

// A missing keyset and an absent Temporal are errors that name what to set.
func TestDialNamesWhatIsMissing(t *testing.T) {
	_, err := cases.Dial(t.Context(), func(string) (string, bool) { return "", false })
	require.ErrorContains(t, err, "KYC_KEYSET")

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := listener.Addr().String()
	require.NoError(t, listener.Close())
	keyset, err := encryption.NewKeyset()
	require.NoError(t, err)
	variables := map[string]string{"KYC_KEYSET": keyset, "TEMPORAL_ADDRESS": closed}
	_, err = cases.Dial(t.Context(), func(name string) (string, bool) {
		value, found := variables[name]
		return value, found
	})
	require.ErrorContains(t, err, closed)
}
