// Package docstore keeps the images of documents, encrypted, and small receipts
// beside them, in a bucket: a directory, memory, or a cloud's object store,
// distinguished by the URL alone. A bucket holds, in a folder for each owner:
//
//	<folder>/<key>               an image: only this owner's, and only under this key, it opens
//	<folder>/<key>.<name>.txt    a receipt, an id or a "done": only beside this image, and only by this name, it opens
//	<folder>/<name>.note         a short text, such as a draft: only for this owner, and only by this name, it opens
//	<folder>/owner               the owner's name, encrypted, so that a sweep can ask whether it is still needed
//
// Beside the folders, texts/<SHA-256>.txt are the texts that applicants were shown,
// such as a consent: not encrypted, and no sweep deletes them.
//
// Whoever can list the bucket sees how many images of how many owners there
// are, how large and how old: no names, nothing of the images. A bucket that
// keeps versions of what is deleted undoes every deletion in here.
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

	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/imagecheck"
)

// DefaultMaxImages is how many images an owner may have at once unless
// WithMaxImages says otherwise: a business with many representatives has forty,
// so an applicant who keeps sending fills a gigabyte and not the bucket.
const DefaultMaxImages = 100

var (
	// ErrNotFound: nothing has this key.
	ErrNotFound = errors.New("no such image in the document store")
	// ErrFull: the owner has as many images as one may have; nothing of this one was kept.
	ErrFull = errors.New("image limit per case reached")
)

// Store is a bucket of images. It is safe for concurrent use.
type Store struct {
	bucket    *blob.Bucket
	keyset    encryption.Keyset
	maxBytes  int64
	maxImages int
}

// Option changes a Store as it is opened.
type Option func(*Store)

// WithMaxBytes sets how many bytes an image may have at most.
func WithMaxBytes(n int64) Option { return func(s *Store) { s.maxBytes = n } }

// WithMaxImages sets how many images an owner may have at once, or a few more
// where several come in at the same moment.
func WithMaxImages(n int) Option { return func(s *Store) { s.maxImages = n } }

// Open opens the bucket a URL names: file:///a/directory, made if it is
// missing and then readable by nobody else; mem://, which is gone with the
// process; or any scheme whose driver the program has imported. The keyset
// encrypts; without one nothing is kept, so there is no store.
func Open(ctx context.Context, bucketURL string, keyset encryption.Keyset, options ...Option) (*Store, error) {
	if keyset == (encryption.Keyset{}) {
		return nil, errors.New("the document store needs a keyset: it keeps only encrypted images")
	}
	u, err := url.Parse(bucketURL)
	if err != nil || u.Scheme == "" {
		return nil, errors.New("the document store must be a bucket URL such as file:///var/lib/kyc/documents")
	}
	if u.Scheme == "file" {
		if err := withPrivateDefaults(u); err != nil {
			return nil, err
		}
	}
	bucket, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("cannot open the document store (%s://): %w", u.Scheme, err)
	}
	s := &Store{bucket: bucket, keyset: keyset, maxBytes: imagecheck.DefaultMaxBytes, maxImages: DefaultMaxImages}
	for _, option := range options {
		option(s)
	}
	return s, nil
}

// withPrivateDefaults makes a directory's URL ask for a directory of the owner's alone,
// for unfinished files beside the finished ones (a rename across file systems
// fails), and for no files of metadata.
func withPrivateDefaults(u *url.URL) error {
	if u.Host != "" && u.Host != "localhost" && u.Host != "." {
		return errors.New("the document store's file URL needs three slashes (file:///a/directory) or a dot " +
			"(file://./directory)")
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

// Put keeps an image and returns its key, which reveals nothing about owner
// or content. Only a jpg or png by its first bytes is taken, and contentType,
// unless empty, must say the same: otherwise a *RefusedError. More bytes than
// the store takes are imagecheck.ErrTooLarge, more images of one owner ErrFull. Whatever
// goes wrong, nothing of the image is left behind.
func (s *Store) Put(ctx context.Context, owner string, r io.Reader, contentType string) (key string, err error) {
	head := make([]byte, imagecheck.SniffBytes)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", fmt.Errorf("cannot read the image: %w", err)
	}
	head = head[:n]
	extension, err := imagecheck.Sniff(head)
	if err != nil {
		return "", err
	}
	actual := imagecheck.ContentTypes[extension]
	if contentType != "" && contentType != actual {
		return "", &imagecheck.RefusedError{Code: imagecheck.CodeOtherKind,
			Reason: fmt.Sprintf("the file is a %s, but was declared as something else", extension)}
	}
	if err := s.checkQuota(ctx, owner); err != nil {
		return "", err
	}
	// Before the image, so that no image is ever without an owner;
	// and with every image, so that it is as new as the newest of them.
	if err := s.writeOwner(ctx, owner); err != nil {
		return "", err
	}
	key = folder(owner) + strings.ToLower(rand.Text())
	err = s.writeSealed(ctx, key, imageContext(owner, key), func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		rest, err := io.Copy(w, io.LimitReader(r, s.maxBytes-int64(n)+1))
		if err == nil && int64(n)+rest > s.maxBytes {
			return fmt.Errorf("%w: the maximum is %d bytes", imagecheck.ErrTooLarge, s.maxBytes)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return key, nil
}

// checkQuota is ErrFull if an owner has as many images as one may have.
func (s *Store) checkQuota(ctx context.Context, owner string) error {
	images := 0
	for object, err := range s.objects(ctx, folder(owner)) {
		if err != nil {
			return err
		}
		if validKey.MatchString(object.Key) {
			images++
		}
	}
	if images >= s.maxImages {
		return ErrFull
	}
	return nil
}

// Read opens an image of an owner's. The caller closes it, and has seen all of
// it, unchanged, only after io.EOF. ErrNotFound if there is none;
// encryption.ErrSealed, from here or from a later read, if it was encrypted with
// other keys, was kept for another owner or under another key, or has changed.
func (s *Store) Read(ctx context.Context, owner, key string) (io.ReadCloser, error) {
	if !validKey.MatchString(key) || !strings.HasPrefix(key, folder(owner)) {
		return nil, ErrNotFound
	}
	return s.readSealed(ctx, key, imageContext(owner, key))
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
	validKey    = regexp.MustCompile(`^[0-9a-f]{32}/[0-9a-z]{26}$`)
	validNote   = regexp.MustCompile(`^[0-9a-f]{32}/[a-z][a-z0-9-]{0,31}\.note$`)
	validName   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	validFolder = regexp.MustCompile(`^[0-9a-f]{32}/`)
)

// folder has everything of an owner: a hash, because the owner's
// name is nobody's business who can list a bucket.
func folder(owner string) string {
	sum := sha256.Sum256([]byte("durablekyc documents " + owner))
	return hex.EncodeToString(sum[:16]) + "/"
}

func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case gcerrors.Code(err) == gcerrors.NotFound:
		return ErrNotFound
	}
	return fmt.Errorf("the document store: %w", err)
}
