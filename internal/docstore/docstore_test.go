package docstore_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/imagecheck"
)

const (
	jpg = "\xff\xd8\xff\xe0 the rest of a photo"
	png = "\x89PNG\r\n\x1a\n the rest of a scan"
)

// keyset is one for all tests.
var keyset = drawn()

func drawn() encryption.Keyset {
	text, err := encryption.NewKeyset()
	if err != nil {
		panic(err)
	}
	k, err := encryption.ParseKeyset(text)
	if err != nil {
		panic(err)
	}
	return k
}

// stores runs a test on each kind of bucket.
func stores(t *testing.T, test func(t *testing.T, s *docstore.Store), options ...docstore.Option) {
	for name, url := range map[string]string{"memory": "mem://", "directory": "file://" + t.TempDir() + "/documents"} {
		t.Run(name, func(t *testing.T) { test(t, open(t, url, options...)) })
	}
}

func open(t *testing.T, url string, options ...docstore.Option) *docstore.Store {
	t.Helper()
	s, err := docstore.Open(t.Context(), url, keyset, options...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func content(t *testing.T, s *docstore.Store, owner, key string) string {
	t.Helper()
	r, err := s.Read(t.Context(), owner, key)
	require.NoError(t, err)
	defer r.Close()
	all, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(all)
}

func TestPutAndRead(t *testing.T) {
	stores(t, func(t *testing.T, s *docstore.Store) {
		ctx := t.Context()
		first, err := s.Put(ctx, "Mustermann1", strings.NewReader(jpg), "image/jpeg")
		require.NoError(t, err)
		second, err := s.Put(ctx, "Mustermann1", strings.NewReader(png), "")
		require.NoError(t, err)
		other, err := s.Put(ctx, "Mustermann2", strings.NewReader(png), "image/png")
		require.NoError(t, err)

		require.Equal(t, jpg, content(t, s, "Mustermann1", first))
		require.Equal(t, png, content(t, s, "Mustermann1", second))
		require.NotContains(t, first, "Mustermann")
		require.NotEqual(t, first, second)
		require.Equal(t, folder(first), folder(second), "one owner, one folder")
		require.NotEqual(t, folder(first), folder(other))
	})
}

func folder(key string) string { f, _, _ := strings.Cut(key, "/"); return f }

func TestPutRefuses(t *testing.T) {
	broken := errors.New("the line went dead")
	for name, test := range map[string]struct {
		r           io.Reader
		contentType string
		want        func(t *testing.T, err error)
	}{
		"a PDF":                 {r: strings.NewReader("%PDF-1.7 …"), want: notImage("PDF")},
		"a PDF called a photo":  {r: strings.NewReader("%PDF-1.7 …"), contentType: "image/jpeg", want: notImage("PDF")},
		"a photo called a scan": {r: strings.NewReader(jpg), contentType: "image/png", want: notImage("declared")},
		"nothing":               {r: strings.NewReader(""), want: notImage("empty")},
		"too much":              {r: strings.NewReader(jpg + strings.Repeat("x", 1000)), want: is(imagecheck.ErrTooLarge)},
		"one byte too much": {r: strings.NewReader(jpg + strings.Repeat("x", 101-len(jpg))),
			want: is(imagecheck.ErrTooLarge)},
		"a reader that fails":     {r: io.MultiReader(strings.NewReader(jpg), iotest.ErrReader(broken)), want: is(broken)},
		"a reader that is broken": {r: iotest.ErrReader(broken), want: is(broken)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "documents")
			s := open(t, "file://"+dir, docstore.WithMaxBytes(100))
			key, err := s.Put(t.Context(), "A1", test.r, test.contentType)
			require.Empty(t, key)
			test.want(t, err)
			require.Empty(t, images(t, dir), "nothing is left behind")
		})
	}
}

func is(target error) func(*testing.T, error) {
	return func(t *testing.T, err error) { t.Helper(); require.ErrorIs(t, err, target) }
}

func notImage(word string) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		var refused *imagecheck.RefusedError
		require.ErrorAs(t, err, &refused)
		require.Contains(t, refused.Reason, word)
	}
}

func files(t *testing.T, dir string) (found []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, path)
		}
		return err
	}))
	return found
}

// images is files without what says whose folder it is.
func images(t *testing.T, dir string) []string {
	t.Helper()
	return slices.DeleteFunc(files(t, dir), func(path string) bool { return filepath.Base(path) == "owner" })
}

func TestPutTakesExactlyTheLimit(t *testing.T) {
	stores(t, func(t *testing.T, s *docstore.Store) {
		image := jpg + strings.Repeat("x", 100-len(jpg))
		key, err := s.Put(t.Context(), "A1", strings.NewReader(image), "")
		require.NoError(t, err)
		require.Equal(t, image, content(t, s, "A1", key))
	}, docstore.WithMaxBytes(100))
}

// Nobody fills the bucket: an owner has so many images at once, receipts not counted.
func TestAnOwnerHasSoManyImages(t *testing.T) {
	stores(t, func(t *testing.T, s *docstore.Store) {
		first, err := s.Put(t.Context(), "A1", strings.NewReader(jpg), "")
		require.NoError(t, err)
		for _, receipt := range []string{"document", "uploaded", "linking"} {
			require.NoError(t, s.PutMarker(t.Context(), first, receipt, "1"))
		}
		_, err = s.Put(t.Context(), "A1", strings.NewReader(jpg), "")
		require.NoError(t, err)
		_, err = s.Put(t.Context(), "A1", strings.NewReader(jpg), "")
		require.ErrorIs(t, err, docstore.ErrFull)
		_, err = s.Put(t.Context(), "A10", strings.NewReader(jpg), "")
		require.NoError(t, err, "another owner has room")
		require.NoError(t, s.DropImage(t.Context(), first))
		_, err = s.Put(t.Context(), "A1", strings.NewReader(jpg), "")
		require.NoError(t, err, "what has arrived makes room")
	}, docstore.WithMaxImages(2))
}

func TestACancelledPutLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "documents")
	s := open(t, "file://"+dir)
	ctx, cancel := context.WithCancel(t.Context())
	half := io.MultiReader(strings.NewReader(jpg), readerFunc(func([]byte) (int, error) { cancel(); return 0, io.EOF }))
	_, err := s.Put(ctx, "A1", half, "")
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, images(t, dir))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestNobodyElseMayLook(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := open(t, "file://"+dir)
	key, err := s.Put(t.Context(), "A1", strings.NewReader(jpg), "")
	require.NoError(t, err)
	require.NoError(t, s.PutMarker(t.Context(), key, "uploaded", "1"))
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, folder(key)): 0o700} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), path)
	}
	found := files(t, dir)
	require.Len(t, found, 3, "the image, its receipt and whose they are, and no files of metadata")
	for _, path := range found {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), path)
	}
}

func TestReceipts(t *testing.T) {
	stores(t, func(t *testing.T, s *docstore.Store) {
		ctx := t.Context()
		key, err := s.Put(ctx, "A1", strings.NewReader(jpg), "")
		require.NoError(t, err)
		_, ok, err := s.Marker(ctx, key, "document")
		require.NoError(t, err)
		require.False(t, ok)

		require.NoError(t, s.PutMarker(ctx, key, "document", "doc_1"))
		require.NoError(t, s.PutMarker(ctx, key, "uploaded", ""))
		require.NoError(t, s.PutMarker(ctx, key, "document", "doc_2"))
		value, ok, err := s.Marker(ctx, key, "document")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "doc_2", value, "the later one replaces")
		value, ok, err = s.Marker(ctx, key, "uploaded")
		require.NoError(t, err)
		require.True(t, ok, "an empty receipt is one")
		require.Empty(t, value)
		require.Equal(t, jpg, content(t, s, "A1", key), "the image is as it was")

		absent := folder(key) + "/" + strings.Repeat("a", 26)
		require.ErrorIs(t, s.PutMarker(ctx, absent, "document", "doc_1"), docstore.ErrNotFound)
		require.Error(t, s.PutMarker(ctx, key, "../document", "doc_1"))
		require.Error(t, s.PutMarker(ctx, key, "document", strings.Repeat("x", 5000)))
	})
}

func TestReceiptsSurviveTheProcess(t *testing.T) {
	url := "file://" + t.TempDir()
	before, err := docstore.Open(t.Context(), url, keyset)
	require.NoError(t, err)
	key, err := before.Put(t.Context(), "A1", strings.NewReader(png), "")
	require.NoError(t, err)
	require.NoError(t, before.PutMarker(t.Context(), key, "document", "doc_1"))
	require.NoError(t, before.Close())

	after := open(t, url)
	value, ok, err := after.Marker(t.Context(), key, "document")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "doc_1", value)
	require.Equal(t, png, content(t, after, "A1", key))
}

func TestKeysAreNoPaths(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte(jpg), 0o600))
	s := open(t, "file://"+filepath.Join(dir, "documents"))
	for name, key := range map[string]string{
		"empty": "", "up": "../secret", "deep up": "a/../../secret", "absolute": filepath.Join(dir, "secret"),
		"well formed and absent": strings.Repeat("0", 32) + "/" + strings.Repeat("a", 26),
		"a receipt":              strings.Repeat("0", 32) + "/" + strings.Repeat("a", 26) + ".document.txt",
		"line end":               strings.Repeat("0", 32) + "/" + strings.Repeat("a", 26) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Read(t.Context(), "A1", key)
			require.ErrorIs(t, err, docstore.ErrNotFound)
			require.ErrorIs(t, s.PutMarker(t.Context(), key, "document", "x"), docstore.ErrNotFound)
			_, ok, err := s.Marker(t.Context(), key, "document")
			require.NoError(t, err)
			require.False(t, ok)
		})
	}
}

func TestDeleteOwner(t *testing.T) {
	stores(t, func(t *testing.T, s *docstore.Store) {
		ctx := t.Context()
		var mine []string
		for range 3 {
			key, err := s.Put(ctx, "A1", strings.NewReader(jpg), "")
			require.NoError(t, err)
			require.NoError(t, s.PutMarker(ctx, key, "document", "doc_1"))
			mine = append(mine, key)
		}
		theirs, err := s.Put(ctx, "A10", strings.NewReader(jpg), "")
		require.NoError(t, err)

		require.NoError(t, s.DeleteOwner(ctx, "A1"))
		for _, key := range mine {
			_, err := s.Read(ctx, "A1", key)
			require.ErrorIs(t, err, docstore.ErrNotFound)
			_, ok, err := s.Marker(ctx, key, "document")
			require.NoError(t, err)
			require.False(t, ok)
		}
		require.Equal(t, jpg, content(t, s, "A10", theirs))
		require.NoError(t, s.DeleteOwner(ctx, "A1"), "again is no error")
	})
}

func TestOpenRefuses(t *testing.T) {
	taken := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(taken, nil, 0o600))
	for name, test := range map[string]struct{ url, says string }{
		"a path":            {url: "./documents", says: "bucket URL"},
		"nothing":           {url: "", says: "bucket URL"},
		"two slashes":       {url: "file://documents", says: "three slashes"},
		"no such driver":    {url: "nowhere://bucket", says: "nowhere://"},
		"a file":            {url: "file://" + taken, says: "not a directory"},
		"an unknown option": {url: "file:///tmp?colour=red", says: "colour"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := docstore.Open(t.Context(), test.url, keyset)
			require.ErrorContains(t, err, test.says)
		})
	}
}
