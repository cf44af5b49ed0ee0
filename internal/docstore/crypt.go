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
	return s.writeText(ctx, at+ownerFile, ownerContext(at), owner)
}

// readOwner reads the owner's name from a folder.
func (s *Store) readOwner(ctx context.Context, folder string) (string, error) {
	return s.readText(ctx, folder+ownerFile, ownerContext(folder), maxOwner)
}

// writeText stores a short text, encrypted, in place of an earlier one.
func (s *Store) writeText(ctx context.Context, key, context, text string) error {
	return s.writeSealed(ctx, key, context, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// readText reads a text of at most so many bytes. ErrNotFound if there is none.
func (s *Store) readText(ctx context.Context, key, context string, maxBytes int64) (string, error) {
	r, err := s.readSealed(ctx, key, context)
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	return string(text), err
}

// textIfThere reads a receipt or a note; ok is false if there is none.
func (s *Store) textIfThere(ctx context.Context, key, context string) (text string, ok bool, err error) {
	text, err = s.readText(ctx, key, context, maxReceipt)
	switch {
	case errors.Is(err, ErrNotFound):
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	return text, true, nil
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
