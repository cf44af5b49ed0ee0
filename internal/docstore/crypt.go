package docstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/blob"

	"durablekyc.example/internal/encryption"
)

// What an object was encrypted for. %q marks where a name ends, whatever is in it.
func imageContext(owner, key string) string { return fmt.Sprintf("image of %q as %q", owner, key) }
func ownerContext(folder string) string     { return fmt.Sprintf("owner of %q", folder) }
func receiptContext(at string) string       { return fmt.Sprintf("receipt at %q", at) }

// ownerFile is the name of the object that says whose folder it is in. No key
// is that short.
const ownerFile = "owner"

// maxOwner is how many bytes an owner's name may have.
const maxOwner = 1 << 10

// writeOwner leaves the owner's name in the owner's folder.
func (s *Store) writeOwner(ctx context.Context, owner string) error {
	if owner == "" || len(owner) > maxOwner {
		return fmt.Errorf("an owner's name has 1 to %d bytes", maxOwner)
	}
	at := folder(owner)
	return s.writeSealed(ctx, at+ownerFile, ownerContext(at), func(w io.Writer) error {
		_, err := io.WriteString(w, owner)
		return err
	})
}

// readOwner reads the owner's name from a folder.
func (s *Store) readOwner(ctx context.Context, folder string) (string, error) {
	r, err := s.readSealed(ctx, folder+ownerFile, ownerContext(folder))
	if err != nil {
		return "", err
	}
	defer r.Close()
	name, err := io.ReadAll(io.LimitReader(r, maxOwner+1))
	return string(name), err
}

// writeSealed is write, encrypted. The type says no more than that: whether it
// was a jpg or a png is nobody's business either.
func (s *Store) writeSealed(ctx context.Context, key, context string, fill func(io.Writer) error) error {
	return s.write(ctx, key, "application/octet-stream", func(w io.Writer) error {
		sealed, err := s.keyset.Encrypt(w, context)
		if err != nil {
			return err
		}
		if err := fill(sealed); err != nil {
			return err // what is not closed has no last segment and will never open
		}
		return sealed.Close()
	})
}

func (s *Store) readSealed(ctx context.Context, key, context string) (io.ReadCloser, error) {
	r, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, translate(err)
	}
	plain, err := s.keyset.Decrypt(r, context)
	if err != nil {
		_ = r.Close()
		return nil, explain(err)
	}
	return &object{plain, r}, nil
}

// object is a reader of what was encrypted, on one of the bucket's.
type object struct {
	plain  io.Reader
	bucket *blob.Reader
}

func (o *object) Read(p []byte) (int, error) {
	n, err := o.plain.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = explain(err)
	}
	return n, err
}

func (o *object) Close() error { return o.bucket.Close() }

func explain(err error) error {
	if errors.Is(err, encryption.ErrSealed) {
		return fmt.Errorf("the document store has the image, but %w", err)
	}
	return translate(err)
}
