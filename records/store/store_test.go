package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/records/store"
)

// Of all who create an object at the same time one does, in memory and in a directory that several programs share.
func TestOneCreates(t *testing.T) {
	dir := t.TempDir()
	memory, err := store.Open(t.Context(), "mem://")
	require.NoError(t, err)
	for kind, open := range map[string]func() *store.Bucket{
		"memory": func() *store.Bucket { return memory },
		"directory": func() *store.Bucket { // each has its own, as programs do
			b, err := store.Open(t.Context(), "file://"+filepath.Join(dir, "made"))
			require.NoError(t, err)
			return b
		},
	} {
		for n := range 400 {
			var (
				created atomic.Int64
				winner  atomic.Int64
				group   sync.WaitGroup
				begin   = make(chan struct{})
				name    = fmt.Sprintf("a/%d", n)
			)
			for writer := range 8 {
				b := open()
				group.Go(func() {
					<-begin
					switch err := b.Create(context.Background(), name, []byte{byte(writer)}); {
					case err == nil:
						created.Add(1)
						winner.Store(int64(writer))
					case errors.Is(err, store.ErrExists):
					default:
						t.Error(err)
					}
				})
			}
			close(begin)
			group.Wait()
			require.EqualValues(t, 1, created.Load(), kind)
			data, err := open().Read(t.Context(), name)
			require.NoError(t, err)
			require.Equal(t, []byte{byte(winner.Load())}, data, "what was created first is what is there")
		}
	}
}

func TestWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	b, err := store.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	_, err = b.Read(t.Context(), "a/1")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, b.Create(t.Context(), "a/1", []byte("one")))
	require.NoError(t, b.Create(t.Context(), "a/2", nil))
	require.ErrorIs(t, b.Create(t.Context(), "a/1", []byte("two")), store.ErrExists)
	require.NoError(t, b.Replace(t.Context(), "b", []byte("three")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a", ".1-99.tmp"), nil, 0o600)) // of a program that died
	exists, err := b.Exists(t.Context(), "a/2")
	require.NoError(t, err)
	require.True(t, exists)
	var names []string
	require.NoError(t, b.List(t.Context(), "", func(name string) error {
		names = append(names, name)
		return nil
	}))
	require.Equal(t, []string{"a/1", "a/2", "b"}, names)
	data, err := b.Read(t.Context(), "a/1")
	require.NoError(t, err)
	require.Equal(t, "one", string(data))
	require.NoError(t, b.Close())
}

func TestWhatIsNoBucket(t *testing.T) {
	_, err := store.Open(t.Context(), "records")
	require.ErrorContains(t, err, "a bucket must be a URL")
	_, err = store.Open(t.Context(), "nosuch://records")
	require.ErrorContains(t, err, "cannot open")
	b, err := store.Open(t.Context(), "file://"+t.TempDir())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Create(ctx, "a", nil), context.Canceled)
}
