package docstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
)

func TestANote(t *testing.T) {
	stores(t, func(t *testing.T, s *docstore.Store) {
		ctx := t.Context()
		read := func(owner, name string) (string, bool) {
			t.Helper()
			value, ok, err := s.Note(ctx, owner, name)
			require.NoError(t, err)
			return value, ok
		}
		_, ok := read("A1", "draft")
		require.False(t, ok)
		require.NoError(t, s.PutNote(ctx, "A1", "draft", "one"))
		require.NoError(t, s.PutNote(ctx, "A1", "draft", "two"))
		value, ok := read("A1", "draft")
		require.True(t, ok)
		require.Equal(t, "two", value)
		for _, none := range [][2]string{{"A2", "draft"}, {"A1", "other"}, {"A1", "../A2"}} {
			_, ok = read(none[0], none[1])
			require.False(t, ok, none)
		}
		require.NoError(t, s.DropNote(ctx, "A1", "draft"))
		require.NoError(t, s.DropNote(ctx, "A1", "draft"))
		_, ok = read("A1", "draft")
		require.False(t, ok)
	})
}

func TestWhatIsNoNote(t *testing.T) {
	stores(t, func(t *testing.T, s *docstore.Store) {
		require.ErrorContains(t, s.PutNote(t.Context(), "A1", "Draft", "x"), "lower-case")
		require.ErrorContains(t, s.PutNote(t.Context(), "A1", "draft", strings.Repeat("x", 4097)), "4096")
	})
}

// Nothing of a note can be read in the bucket, nor does it open elsewhere.
func TestANoteOpensForItsOwnerAlone(t *testing.T) {
	folder := t.TempDir()
	s := open(t, "file://"+folder)
	ctx := t.Context()
	require.NoError(t, s.PutNote(ctx, "A1", "draft", "MARKER"))
	require.NoError(t, s.PutNote(ctx, "A2", "draft", "other"))
	files, err := filepath.Glob(folder + "/*/draft.note")
	require.NoError(t, err)
	require.Len(t, files, 2)
	var first []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotContains(t, string(text), "MARKER")
		first = text
	}
	for _, file := range files {
		require.NoError(t, os.WriteFile(file, first, 0o600))
	}
	opened := 0
	for _, owner := range []string{"A1", "A2"} {
		_, _, err := s.Note(ctx, owner, "draft")
		if err == nil {
			opened++
			continue
		}
		require.ErrorIs(t, err, encryption.ErrSealed)
	}
	require.Equal(t, 1, opened)
}

// A note that nobody deletes is swept like an image, and is none.
func TestANoteIsSwept(t *testing.T) {
	stores(t, func(t *testing.T, s *docstore.Store) {
		ctx := t.Context()
		require.NoError(t, s.PutNote(ctx, "A1", "draft", "x"))
		for owner, err := range s.Owners(ctx) {
			require.NoError(t, err)
			require.Zero(t, owner.Images)
			require.False(t, owner.Oldest.IsZero())
		}
		dropped, err := s.DropOlder(ctx, "A1", time.Now().Add(-time.Hour))
		require.NoError(t, err)
		require.Zero(t, dropped)
		_, there, err := s.Note(ctx, "A1", "draft")
		require.NoError(t, err)
		require.True(t, there)
		dropped, err = s.DropOlder(ctx, "A1", time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.Zero(t, dropped, "of images")
		_, there, err = s.Note(ctx, "A1", "draft")
		require.NoError(t, err)
		require.False(t, there)
	})
}
