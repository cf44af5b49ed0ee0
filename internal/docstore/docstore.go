// Package docstore keeps the images of documents, and small receipts beside
// them, in a bucket: a directory, memory, or a cloud's object store, told
// apart by the URL alone. Everything of one owner can be deleted at once.
package docstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file://; drivers of clouds are imported by mains
	_ "gocloud.dev/blob/memblob"  // mem://
	"gocloud.dev/gcerrors"
)

// DefaultMaxBytes is how large an image may be unless WithMaxBytes says otherwise.
const DefaultMaxBytes = 10 << 20

// maxReceipt is how many bytes a receipt may have.
const maxReceipt = 4 << 10

var (
	// ErrNotFound: nothing has this key.
	ErrNotFound = errors.New("the document store has no such image")
	// ErrTooLarge: the image is larger than the store takes; nothing of it was kept.
	ErrTooLarge = errors.New("the image is too large")
)

// Store is a bucket of images. It is safe for concurrent use.
type Store struct {
	bucket   *blob.Bucket
	maxBytes int64
}

// Option changes a Store as it is opened.
type Option func(*Store)

// WithMaxBytes sets how many bytes an image may have at most.
func WithMaxBytes(n int64) Option { return func(s *Store) { s.maxBytes = n } }

// Open opens the bucket a URL names: file:///a/directory, made if it is
// missing and then readable by nobody else; mem://, which is gone with the
// process; or any scheme whose driver the program has imported.
func Open(ctx context.Context, bucketURL string, options ...Option) (*Store, error) {
	u, err := url.Parse(bucketURL)
	if err != nil || u.Scheme == "" {
		return nil, errors.New("the document store must be a bucket URL such as file:///var/lib/kyc/documents")
	}
	if u.Scheme == "file" {
		if err := private(u); err != nil {
			return nil, err
		}
	}
	bucket, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("the document store (%s://) cannot be opened: %w", u.Scheme, err)
	}
	s := &Store{bucket: bucket, maxBytes: DefaultMaxBytes}
	for _, option := range options {
		option(s)
	}
	return s, nil
}

// private makes a directory's URL ask for a directory of the owner's alone,
// for unfinished files beside the finished ones (a rename across file systems
// fails), and for no files of metadata.
func private(u *url.URL) error {
	if u.Host != "" && u.Host != "localhost" && u.Host != "." {
		return errors.New("the document store's file URL needs three slashes (file:///a/directory) or a dot (file://./directory)")
	}
	query := u.Query()
	for name, value := range map[string]string{
		"create_dir": "true", "dir_file_mode": "0700", "no_tmp_dir": "true", "metadata": "skip",
	} {
		if !query.Has(name) {
			query.Set(name, value)
		}
	}
	u.RawQuery = query.Encode()
	return nil
}

// Close gives the bucket back.
func (s *Store) Close() error { return s.bucket.Close() }

// Put keeps an image and answers with its key, which tells nothing about owner
// or content. Only a jpg or png by its first bytes is taken, and contentType,
// unless empty, must say the same: otherwise a *RefusedError. More bytes than
// the store takes are ErrTooLarge. Whatever goes wrong, nothing is left behind.
func (s *Store) Put(ctx context.Context, owner string, r io.Reader, contentType string) (key string, err error) {
	head := make([]byte, sniffed)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", fmt.Errorf("the image cannot be read: %w", err)
	}
	head = head[:n]
	extension, err := kind(head)
	if err != nil {
		return "", err
	}
	actual := contentTypes[extension]
	if contentType != "" && contentType != actual {
		return "", refuse(CodeOtherKind, "the file is a %s, but was announced as something else", extension)
	}
	key = folder(owner) + strings.ToLower(rand.Text())
	err = s.write(ctx, key, actual, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		rest, err := io.Copy(w, io.LimitReader(r, s.maxBytes-int64(n)+1))
		if err == nil && int64(n)+rest > s.maxBytes {
			return fmt.Errorf("%w: at most %d bytes are taken", ErrTooLarge, s.maxBytes)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return key, nil
}

// Read opens an image. The caller closes it. ErrNotFound if there is none.
func (s *Store) Read(ctx context.Context, key string) (io.ReadCloser, error) {
	if !validKey.MatchString(key) {
		return nil, ErrNotFound
	}
	r, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, translate(err)
	}
	return r, nil
}

// Note leaves a receipt beside an image: how far something got with it. A
// second one of the same name replaces the first. ErrNotFound if the image is
// not there, so that no receipt outlives what it speaks of.
func (s *Store) Note(ctx context.Context, key, name, value string) error {
	if !validName.MatchString(name) {
		return errors.New("a receipt's name is up to 32 small letters, digits or hyphens")
	}
	if len(value) > maxReceipt {
		return fmt.Errorf("a receipt has at most %d bytes", maxReceipt)
	}
	if !validKey.MatchString(key) {
		return ErrNotFound
	}
	if exists, err := s.bucket.Exists(ctx, key); err != nil {
		return translate(err)
	} else if !exists {
		return ErrNotFound
	}
	return s.write(ctx, receipt(key, name), "text/plain", func(w io.Writer) error {
		_, err := io.WriteString(w, value)
		return err
	})
}

// Noted reads a receipt; ok is false if there is none.
func (s *Store) Noted(ctx context.Context, key, name string) (value string, ok bool, err error) {
	if !validKey.MatchString(key) || !validName.MatchString(name) {
		return "", false, nil
	}
	text, err := s.bucket.ReadAll(ctx, receipt(key, name))
	switch err = translate(err); {
	case errors.Is(err, ErrNotFound):
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	return string(text), true, nil
}

// DeleteOwner deletes every image and receipt of an owner. Nothing there is no
// error, so it can be repeated until it succeeds.
func (s *Store) DeleteOwner(ctx context.Context, owner string) error {
	objects := s.bucket.List(&blob.ListOptions{Prefix: folder(owner)})
	for {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return translate(err)
		}
		if err := translate(s.bucket.Delete(ctx, object.Key)); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
}

// write stores what fill writes under a key, all of it or nothing. A file is
// on the disk, not only on its way there, when write returns.
func (s *Store) write(ctx context.Context, key, contentType string, fill func(io.Writer) error) error {
	ctx, abort := context.WithCancel(ctx)
	defer abort()
	var file *os.File // set by the file driver only
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: contentType,
		BeforeWrite: func(as func(any) bool) error { as(&file); return nil },
	})
	if err != nil {
		return translate(err)
	}
	err = fill(w)
	if err == nil && file != nil {
		err = errors.Join(file.Chmod(0o600), file.Sync())
	}
	if err != nil {
		abort() // the bucket throws away what a cancelled writer wrote
		_ = w.Close()
		return err
	}
	return translate(w.Close())
}

var (
	validKey  = regexp.MustCompile(`^[0-9a-f]{32}/[0-9a-z]{26}$`)
	validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
)

// folder is where everything of an owner lies: a hash, because the owner's
// name is nobody's business who can list a bucket.
func folder(owner string) string {
	sum := sha256.Sum256([]byte("durablekyc documents " + owner))
	return hex.EncodeToString(sum[:16]) + "/"
}

func receipt(key, name string) string { return key + "." + name + ".txt" }

func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case gcerrors.Code(err) == gcerrors.NotFound:
		return ErrNotFound
	}
	return fmt.Errorf("the document store: %w", err)
}
