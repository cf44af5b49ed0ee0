// Package goldens reads the histories that releases wrote, for the tests that
// replay them.
package goldens

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"durablekyc.example/internal/encryption"
)

// Read returns the histories below dir (workflows/testdata/histories), by their
// path, and the keyset that encrypted them, rotated this often since.
func Read(t testing.TB, dir string, rotations int) (map[string]*historypb.History, encryption.Keyset) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "keyset.json"))
	require.NoError(t, err)
	rotated := strings.TrimSpace(string(text))
	for range rotations {
		rotated, err = encryption.RotateKeyset(rotated)
		require.NoError(t, err)
	}
	keyset, err := encryption.ParseKeyset(rotated)
	require.NoError(t, err)
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	require.NoError(t, err)
	all := map[string]*historypb.History{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		all[path] = &historypb.History{}
		require.NoError(t, protojson.Unmarshal(text, all[path]), path)
	}
	require.Greater(t, len(all), 25, "no golden histories were found")
	return all, keyset
}
