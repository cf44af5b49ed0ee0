package cli_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/records/log"
)

// Whatever is wrong with the bucket, evidence and packs are refused with one sentence that names it, and no file is
// left.
func TestEvidenceOfABucketThatIsWrong(t *testing.T) {
	at := func(variables map[string]string, name string) string {
		return filepath.Join(strings.TrimPrefix(variables["KYC_RECORDS"], "file://"), filepath.FromSlash(name))
	}
	spoil := func(pattern, text string) func(*testing.T, map[string]string) {
		return func(t *testing.T, variables map[string]string) {
			paths, err := filepath.Glob(at(variables, pattern))
			require.NoError(t, err)
			require.NotEmpty(t, paths)
			for _, path := range paths {
				require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			}
		}
	}
	for name, test := range map[string]struct {
		spoil func(*testing.T, map[string]string)
		says  string
	}{
		"a bucket that is not there": {func(_ *testing.T, variables map[string]string) {
			variables["KYC_RECORDS"] += "-mistyped"
		}, "cannot open the bucket of records"},
		"a leaf that is cut":           {spoil("log/leaf/*", "abc"), " of the log is damaged"},
		"a checkpoint that is damaged": {spoil("log/checkpoint", ""), "the log's checkpoint is not signed with its key"},
		"a bundle that is cut":         {spoil("record/individualdeny/*.kyc", "cut"), "manifest.json: the file is truncated"},
		"a leaf that is lost": {func(t *testing.T, variables map[string]string) {
			require.NoError(t, os.Remove(at(variables, "log/leaf/00000000000000000000")))
		}, ""},
		"the key of another log": {func(t *testing.T, variables map[string]string) {
			private, _, err := log.NewKey("kyc.example.com/records")
			require.NoError(t, err)
			variables["KYC_RECORDS_KEY"] = private
		}, "the log's checkpoint is not signed with its key"},
		"a keyset that lacks the case's key": {func(t *testing.T, variables map[string]string) {
			text, err := encryption.NewKeyset()
			require.NoError(t, err)
			variables["KYC_KEYSET"] = text
		}, "key"},
	} {
		t.Run(name, func(t *testing.T) {
			right, _ := onRecord(t, "individualdeny", "notified")
			variables := maps.Clone(right)
			test.spoil(t, variables)
			t.Chdir(t.TempDir())
			for _, args := range [][]string{{"evidence", "individualdeny"},
				{"exam", "--seed", "7", "--out", "pack.zip"}} {
				code, stdout, stderr := starterWith(t, variables, args...)
				require.Equal(t, 1, code, "%s%s", stdout, stderr)
				require.Empty(t, stdout)
				require.Contains(t, stderr, test.says)
				require.LessOrEqual(t, strings.Count(stderr, "\n"), 2, stderr) // what is wrong, and what to try
				t.Log(stderr)
			}
			left, err := os.ReadDir(".")
			require.NoError(t, err)
			require.Empty(t, left)
			_, err = os.Stat(at(right, "") + "-mistyped")
			require.ErrorIs(t, err, os.ErrNotExist, "nobody makes a bucket who only reads it")
		})
	}
}
