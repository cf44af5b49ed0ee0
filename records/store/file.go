package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// createFile is Create for a directory. gocloud's fileblob looks whether the file is there and then renames another
// one over it, so two that create at the same time both succeed (v0.47.0, fileblob.go:851); link(2) takes one of
// them. Names have small letters, digits and ./- only, which fileblob keeps as they are.
func (b *Bucket) createFile(ctx context.Context, name string, data []byte) (err error) {
	if err := ctx.Err(); err != nil {
		return wrap("written", err)
	}
	if err := b.there(); err != nil {
		return wrap("written", err)
	}
	path := filepath.Join(b.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return wrap("written", err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*.tmp")
	if err != nil {
		return wrap("written", err)
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return wrap("written", err)
	}
	if err = os.Link(temporary.Name(), path); errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	return wrap("written", errors.Join(err, syncDir(filepath.Dir(path))))
}

// syncDir makes the names in a directory outlast a loss of power.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
