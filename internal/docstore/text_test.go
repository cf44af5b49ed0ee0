package docstore_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/docstore"
)

// A text is found by its digest, and no sweep of owners finds it.
func TestAText(t *testing.T) {
	stores(t, func(t *testing.T, s *docstore.Store) {
		ctx := t.Context()
		digest := sha256.Sum256([]byte("I agree"))
		sum := hex.EncodeToString(digest[:])
		_, there, err := s.Text(ctx, sum)
		require.NoError(t, err)
		require.False(t, there)
		for range 2 {
			got, err := s.PutText(ctx, "I agree")
			require.NoError(t, err)
			require.Equal(t, sum, got)
		}
		for range s.Owners(ctx) {
			require.Fail(t, "a text is no owner's")
		}
		require.NoError(t, s.DeleteOlder(ctx, "A1", time.Now().Add(time.Hour)))
		text, there, err := s.Text(ctx, sum)
		require.NoError(t, err)
		require.True(t, there)
		require.Equal(t, "I agree", text)
		for _, none := range []string{"", "..", sum[:63], strings.ToUpper(sum)} {
			_, there, err = s.Text(ctx, none)
			require.NoError(t, err)
			require.False(t, there, none)
		}
		_, err = s.PutText(ctx, strings.Repeat("x", 65<<10))
		require.ErrorContains(t, err, "64 KiB")
	})
}

// What is in the bucket under a digest counts only if it has that digest.
func TestATextThatSomebodyChanged(t *testing.T) {
	folder := t.TempDir()
	s := open(t, "file://"+folder)
	sum, err := s.PutText(t.Context(), "I agree")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "texts", sum+".txt"), []byte("I disagree"), 0o600))
	_, there, err := s.Text(t.Context(), sum)
	require.NoError(t, err)
	require.False(t, there)
}
