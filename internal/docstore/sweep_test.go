package docstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
)

// names are the owners that a bucket tells.
func names(t *testing.T, s *docstore.Store) (found []string) {
	t.Helper()
	for owner, err := range s.Owners(t.Context()) {
		require.NoError(t, err)
		found = append(found, owner.Name)
	}
	slices.Sort(found)
	return found
}

func TestOwners(t *testing.T) {
	stores(t, func(t *testing.T, s *docstore.Store) {
		require.Empty(t, names(t, s))
		before := time.Now().Add(-time.Second)
		for i := range 3 {
			for range i + 1 {
				key := put(t, s, fmt.Sprintf("A%d", i), jpg)
				require.NoError(t, s.PutMarker(t.Context(), key, "document", "doc_1"))
			}
		}
		emptied := put(t, s, "A3", jpg)
		require.NoError(t, s.PutMarker(t.Context(), emptied, "uploaded", "1"))
		require.NoError(t, s.DropImage(t.Context(), emptied))
		images := map[string]int{}
		for owner, err := range s.Owners(t.Context()) {
			require.NoError(t, err)
			images[owner.Name] = owner.Images
			require.WithinRange(t, owner.Newest, before, time.Now().Add(time.Second))
			require.Equal(t, owner.Images == 0, owner.Oldest.IsZero())
			require.False(t, owner.Oldest.After(owner.Newest))
		}
		require.Equal(t, map[string]int{"A0": 1, "A1": 2, "A2": 3, "A3": 0}, images)
		for range s.Owners(t.Context()) {
			break
		}
	})
}

func TestManyOwnersAndDeletingMeanwhile(t *testing.T) {
	stores(t, func(t *testing.T, s *docstore.Store) {
		for i := range 600 { // 1200 objects are more than one page of a listing
			put(t, s, fmt.Sprintf("A%d", i), jpg)
		}
		seen := 0
		for owner, err := range s.Owners(t.Context()) {
			require.NoError(t, err)
			require.NoError(t, s.DeleteOwner(t.Context(), owner.Name))
			seen++
		}
		require.Equal(t, 600, seen)
		require.Empty(t, names(t, s))
	})
}

// A folder without a name, or with one that these keys do not open, is told
// and hides nobody else.
func TestFoldersWithoutOwner(t *testing.T) {
	s, dir := kept(t, keyset)
	var keys []string
	for i := range 4 {
		keys = append(keys, put(t, s, fmt.Sprintf("A%d", i), jpg))
	}
	at := func(i int) string { return filepath.Join(dir, folder(keys[i]), "owner") }
	require.NoError(t, os.Remove(at(1)))
	stolen, err := os.ReadFile(at(0))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(at(2), stolen, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lost+found"), nil, 0o600))
	var found []string
	for owner, err := range s.Owners(t.Context()) {
		if err != nil {
			require.ErrorIs(t, err, docstore.ErrNoOwner)
			require.Empty(t, owner)
		}
		found = append(found, owner.Name)
	}
	slices.Sort(found)
	require.Equal(t, []string{"", "", "A0", "A3"}, found)

	other, err := docstore.Open(t.Context(), "file://"+dir, drawn())
	require.NoError(t, err)
	defer other.Close()
	for _, err := range other.Owners(t.Context()) {
		require.ErrorIs(t, err, docstore.ErrNoOwner)
	}
}

func TestOwnersOfABucketThatDoesNotAnswer(t *testing.T) {
	s, _ := kept(t, keyset)
	put(t, s, "A1", jpg)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errs []error
	for _, err := range s.Owners(ctx) {
		errs = append(errs, err)
	}
	require.Len(t, errs, 1)
	require.NotErrorIs(t, errors.Join(errs...), docstore.ErrNoOwner)
	require.NotErrorIs(t, errors.Join(errs...), encryption.ErrSealed)
}

func TestDropImageKeepsTheReceipts(t *testing.T) {
	stores(t, func(t *testing.T, s *docstore.Store) {
		ctx := t.Context()
		key, other := put(t, s, "A1", jpg), put(t, s, "A1", png)
		require.NoError(t, s.PutMarker(ctx, key, "document", "doc_1"))
		for range 2 {
			require.NoError(t, s.DropImage(ctx, key))
			_, err := s.Read(ctx, "A1", key)
			require.ErrorIs(t, err, docstore.ErrNotFound)
			value, ok, err := s.Marker(ctx, key, "document")
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, "doc_1", value)
		}
		require.ErrorIs(t, s.PutMarker(ctx, key, "uploaded", "1"), docstore.ErrNotFound,
			"no receipt is begun for what is gone")
		require.Equal(t, png, content(t, s, "A1", other))
		require.NoError(t, s.DropImage(ctx, folder(key)+"/owner"), "nothing but images")
		require.NoError(t, s.DropImage(ctx, key+".document.txt"))
		require.Equal(t, []string{"A1"}, names(t, s))
	})
}

// aged makes everything whose path contains a text as old as that.
func aged(t *testing.T, dir, contains string, age time.Duration) {
	t.Helper()
	for _, path := range files(t, dir) {
		if strings.Contains(filepath.ToSlash(path), contains) {
			require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(-age)))
		}
	}
}

func TestOnlyWhatIsOlder(t *testing.T) {
	ctx := t.Context()
	s, dir := kept(t, keyset)
	old, young := put(t, s, "A1", jpg), put(t, s, "A1", jpg)
	require.NoError(t, s.PutMarker(ctx, old, "document", "doc_1"))
	theirs := put(t, s, "A2", jpg)
	aged(t, dir, "", 3*time.Hour)
	aged(t, dir, young, time.Hour)
	line := time.Now().Add(-2 * time.Hour)

	dropped, err := s.DropOlder(ctx, "A1", line)
	require.NoError(t, err)
	require.Equal(t, 1, dropped)
	require.Equal(t, jpg, content(t, s, "A1", young))
	require.Equal(t, jpg, content(t, s, "A2", theirs))
	_, noted, err := s.Marker(ctx, old, "document")
	require.NoError(t, err)
	require.True(t, noted)

	require.NoError(t, s.DeleteOlder(ctx, "A1", line))
	_, noted, err = s.Marker(ctx, old, "document")
	require.NoError(t, err)
	require.False(t, noted)
	require.Equal(t, jpg, content(t, s, "A1", young))
	require.Equal(t, []string{"A1", "A2"}, names(t, s), "the name stays as long as anything does")

	require.NoError(t, s.DeleteOlder(ctx, "A1", time.Now()))
	require.Equal(t, []string{"A2"}, names(t, s))
}
