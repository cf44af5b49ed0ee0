// Package store keeps objects in a bucket that are written once: of all who create an object at the same time, one
// does, also where the bucket is a directory.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file://; drivers of clouds are imported by mains
	_ "gocloud.dev/blob/memblob"  // mem://
	"gocloud.dev/gcerrors"
)

var (
	// ErrExists means that an object of this name was there already. It was left as it was.
	ErrExists = errors.New("the object already exists in the bucket")
	// ErrNotFound means that there is no object of this name.
	ErrNotFound = errors.New("no such object in the bucket")
)

// Bucket is a bucket of objects. It is safe for concurrent use.
type Bucket struct {
	bucket *blob.Bucket
	dir    string // where the bucket is a directory
}

// Open opens the bucket at a URL: file://, mem://, or a cloud's whose driver the program links. A directory is made if
// there is none. The caller closes the bucket.
func Open(ctx context.Context, address string) (*Bucket, error) { return open(ctx, address, true) }

// OpenExisting is Open for those who only read: a directory that is not there is an error.
func OpenExisting(ctx context.Context, address string) (*Bucket, error) {
	return open(ctx, address, false)
}

func open(ctx context.Context, address string, create bool) (*Bucket, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return nil, errors.New("a bucket must be a URL such as s3://records?region=eu-central-1 or file:///var/lib/records")
	}
	b := &Bucket{}
	if u.Scheme == "file" {
		b.dir = filepath.FromSlash(u.Path)
		query := u.Query()
		if create {
			query.Set("create_dir", "true")
		}
		query.Set("no_tmp_dir", "true") // a rename works within one file system
		query.Set("metadata", "skip")   // one object is one file
		u.RawQuery = query.Encode()
	}
	if b.bucket, err = blob.OpenBucket(ctx, u.String()); err != nil {
		return nil, fmt.Errorf("cannot open the bucket of records: %w", err)
	}
	return b, nil
}

// Close closes the bucket.
func (b *Bucket) Close() error { return b.bucket.Close() }

// Create writes an object that is not there yet. ErrExists if it is. Any other error leaves open whether it was
// written; it was written as a whole or not at all.
func (b *Bucket) Create(ctx context.Context, name string, data []byte) error {
	if b.dir != "" {
		return b.createFile(ctx, name, data)
	}
	err := b.bucket.WriteAll(ctx, name, data, &blob.WriterOptions{IfNotExist: true})
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return ErrExists
	}
	return wrap("written", err)
}

// Replace writes an object, whether or not there is one of this name.
func (b *Bucket) Replace(ctx context.Context, name string, data []byte) error {
	if err := b.there(); err != nil {
		return wrap("written", err)
	}
	return wrap("written", b.bucket.WriteAll(ctx, name, data, nil))
}

// Read returns an object, or ErrNotFound.
func (b *Bucket) Read(ctx context.Context, name string) ([]byte, error) {
	data, err := b.bucket.ReadAll(ctx, name)
	if gcerrors.Code(err) == gcerrors.NotFound {
		if err := b.there(); err != nil {
			return nil, wrap("read", err)
		}
		return nil, ErrNotFound
	}
	return data, wrap("read", err)
}

// Exists reports whether there is an object of this name.
func (b *Bucket) Exists(ctx context.Context, name string) (bool, error) {
	exists, err := b.bucket.Exists(ctx, name)
	if err == nil && !exists {
		err = b.there()
	}
	return exists, wrap("read", err)
}

// List calls each with the name of every object that begins with prefix, in alphabetical order, until it returns an
// error.
func (b *Bucket) List(ctx context.Context, prefix string, each func(name string) error) error {
	if err := b.there(); err != nil {
		return wrap("listed", err)
	}
	for objects := b.bucket.List(&blob.ListOptions{Prefix: prefix}); ; {
		object, err := objects.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return wrap("listed", err)
		}
		if hidden(object.Key) {
			continue
		}
		if err := each(object.Key); err != nil {
			return err
		}
	}
}

// hidden reports whether an object is what a program left that died while it wrote to a directory.
func hidden(name string) bool { return strings.HasSuffix(name, ".tmp") }

// there is an error for a bucket whose directory has gone away, as with a volume that is not mounted: without it
// every object would seem never to have been written, and a log would begin again.
func (b *Bucket) there() error {
	if b.dir == "" {
		return nil
	}
	if _, err := os.Stat(b.dir); err != nil {
		return fmt.Errorf("the directory %s is not there", b.dir)
	}
	return nil
}

func wrap(done string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the bucket of records cannot be %s: %w", done, err)
}
