package docstore

import (
	"context"
	"errors"
	"fmt"
)

// maxReceipt is how many bytes a receipt may have.
const maxReceipt = 4 << 10

// PutMarker leaves a receipt beside an image: how far something got with it. A
// second one of the same name replaces the first. ErrNotFound if the image is
// not there: none is begun for what is gone. It is sealed for this image and
// this name: who can write to the bucket could otherwise have another
// person's document linked, whose id anybody can guess.
func (s *Store) PutMarker(ctx context.Context, key, name, value string) error {
	if !validName.MatchString(name) {
		return errors.New("a receipt's name must be up to 32 lower-case letters, digits or hyphens")
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
	at := receipt(key, name)
	return s.writeText(ctx, at, receiptContext(at), value)
}

// Marker reads a receipt; ok is false if there is none. encryption.ErrSealed if one
// is there that PutMarker did not write with these keys.
func (s *Store) Marker(ctx context.Context, key, name string) (value string, ok bool, err error) {
	if !validKey.MatchString(key) || !validName.MatchString(name) {
		return "", false, nil
	}
	at := receipt(key, name)
	return s.textIfThere(ctx, at, receiptContext(at))
}

func receipt(key, name string) string { return key + "." + name + ".txt" }
