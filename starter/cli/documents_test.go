package cli

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/encryption"
)

func TestDocumentsNeedABucketAndAKeyset(t *testing.T) {
	keyset, err := encryption.NewKeyset()
	require.NoError(t, err)
	bucket := "file://" + filepath.ToSlash(t.TempDir())
	for name, test := range map[string]struct {
		variables map[string]string
		says      string
	}{
		"both":      {variables: map[string]string{"KYC_DOCUMENTS": bucket, "KYC_KEYSET": keyset}},
		"no keyset": {variables: map[string]string{"KYC_DOCUMENTS": bucket}, says: "KYC_KEYSET is not set"},
		"another secret": {variables: map[string]string{"KYC_DOCUMENTS": bucket, "KYC_KEYSET": "hunter2"},
			says: "invalid KYC_KEYSET: not a cleartext Tink JSON keyset"},
		"no bucket": {variables: map[string]string{"KYC_KEYSET": keyset}, says: "KYC_DOCUMENTS is not set"},
		"memory":    {variables: map[string]string{"KYC_DOCUMENTS": "mem://", "KYC_KEYSET": keyset}, says: "mem://"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &app{variables: config.Map(test.variables)}
			store, err := a.documents(t.Context())
			if test.says == "" {
				require.NoError(t, err)
				require.NoError(t, store.Close())
				return
			}
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}
