package docstore_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
)

// kept is a store in a directory, which a test can reach into.
func kept(t *testing.T, keys encryption.Keyset) (*docstore.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "documents")
	s, err := docstore.Open(t.Context(), "file://"+dir, keys)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, dir
}

func put(t *testing.T, s *docstore.Store, owner, image string) string {
	t.Helper()
	key, err := s.Put(t.Context(), owner, strings.NewReader(image), "")
	require.NoError(t, err)
	return key
}

// all reads an image to its end.
func all(t *testing.T, s *docstore.Store, owner, key string) (string, error) {
	t.Helper()
	r, err := s.Read(t.Context(), owner, key)
	if err != nil {
		return "", err
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	return string(content), err
}

func TestNoKeysetNoStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "documents")
	_, err := docstore.Open(t.Context(), "file://"+dir, encryption.Keyset{})
	require.ErrorContains(t, err, "needs a keyset")
	require.NoDirExists(t, dir)
}

func TestABucketShowsNothing(t *testing.T) {
	s, dir := kept(t, keyset)
	key := put(t, s, "Mustermann1", png+strings.Repeat(" passport.png", 1000))
	require.NoError(t, s.PutMarker(t.Context(), key, "document", "doc_1"))
	require.NoError(t, s.PutMarker(t.Context(), key, "uploaded", "1"))
	for _, path := range files(t, dir) {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, word := range []string{"Mustermann", "passport", "PNG", "png", "image", "doc_1"} {
			require.NotContains(t, string(content), word, path)
			require.NotContains(t, strings.TrimPrefix(path, dir), word)
		}
	}
}

// Somebody who can write to the bucket and has no keys gains nothing by it.
func TestAnImageOpensOnlyWhereItWasPut(t *testing.T) {
	s, dir := kept(t, keyset)
	mine, mySecond := put(t, s, "A1", jpg), put(t, s, "A1", jpg+strings.Repeat("x", 200000))
	theirs := put(t, s, "A2", png)
	_, err := s.Read(t.Context(), "A2", mine)
	require.ErrorIs(t, err, docstore.ErrNotFound, "another owner has no such image")

	at := func(key string) string { return filepath.Join(dir, filepath.FromSlash(key)) }
	whole, err := os.ReadFile(at(mySecond))
	require.NoError(t, err)
	for name, test := range map[string]struct {
		key     string
		content []byte
	}{
		"another image of the same owner": {mine, whole},
		"an image of another owner":       {theirs, whole},
		"a byte more":                     {mySecond, append(bytes.Clone(whole), 0)},
		"a byte less":                     {mySecond, whole[:len(whole)-1]},
		"cut between two segments":        {mySecond, whole[:6+65+64<<10]},
		"half":                            {mySecond, whole[:len(whole)/2]},
		"empty":                           {mySecond, nil},
		"an image as it is":               {mySecond, []byte(jpg)},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(at(test.key), test.content, 0o600))
			_, err := all(t, s, map[bool]string{true: "A2", false: "A1"}[test.key == theirs], test.key)
			require.ErrorIs(t, err, encryption.ErrSealed)
			require.ErrorContains(t, err, "the document store has the image, but cannot decrypt with this keyset")
		})
	}
	require.NoError(t, os.WriteFile(at(mySecond), whole, 0o600))
	content, err := all(t, s, "A1", mySecond)
	require.NoError(t, err)
	require.Equal(t, jpg+strings.Repeat("x", 200000), content)
}

// Nor by writing receipts: the id of another person's document would be linked
// to this case, and ids can be guessed.
func TestAReceiptOpensOnlyWhereItWasLeft(t *testing.T) {
	s, dir := kept(t, keyset)
	mine, theirs := put(t, s, "A1", jpg), put(t, s, "A2", png)
	for key, document := range map[string]string{mine: "doc_mine", theirs: "doc_theirs"} {
		require.NoError(t, s.PutMarker(t.Context(), key, "document", document))
		require.NoError(t, s.PutMarker(t.Context(), key, "linking", "1"))
	}
	at := func(key, name string) string { return filepath.Join(dir, filepath.FromSlash(key)+"."+name+".txt") }
	read := func(path string) []byte {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		return content
	}
	own := read(at(mine, "document"))
	for name, content := range map[string][]byte{
		"in clear":                  []byte("doc_theirs"),
		"another image's":           read(at(theirs, "document")),
		"another one of this image": read(at(mine, "linking")),
		"an image":                  read(filepath.Join(dir, filepath.FromSlash(mine))),
		"a byte less":               own[:len(own)-1],
		"empty":                     nil,
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(at(mine, "document"), content, 0o600))
			_, ok, err := s.Marker(t.Context(), mine, "document")
			require.ErrorIs(t, err, encryption.ErrSealed)
			require.False(t, ok)
		})
	}
	require.NoError(t, os.WriteFile(at(mine, "document"), own, 0o600))
	value, ok, err := s.Marker(t.Context(), mine, "document")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "doc_mine", value)
}

func TestRotationOfTheKeyset(t *testing.T) {
	oldText, err := encryption.NewKeyset()
	require.NoError(t, err)
	newText, err := encryption.RotateKeyset(oldText)
	require.NoError(t, err)
	before, err := encryption.ParseKeyset(oldText)
	require.NoError(t, err)
	rotated, err := encryption.ParseKeyset(newText)
	require.NoError(t, err)
	s, dir := kept(t, before)
	key := put(t, s, "A1", jpg)

	after, err := docstore.Open(t.Context(), "file://"+dir, rotated)
	require.NoError(t, err)
	defer after.Close()
	content, err := all(t, after, "A1", key)
	require.NoError(t, err)
	require.Equal(t, jpg, content)
	require.Equal(t, []string{"A1"}, names(t, after))

	other, err := docstore.Open(t.Context(), "file://"+dir, drawn())
	require.NoError(t, err)
	defer other.Close()
	_, err = all(t, other, "A1", key)
	require.ErrorIs(t, err, encryption.ErrSealed)
}
