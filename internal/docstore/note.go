package docstore

import (
	"context"
	"errors"
	"fmt"
)

// PutNote keeps a short text of an owner, such as the draft of a form, in place
// of an earlier one of this name. It is encrypted for this owner and this name,
// and it has at most 4,096 bytes. DropNote and DropOlder delete it, and whatever
// deletes the owner.
func (s *Store) PutNote(ctx context.Context, owner, name, value string) error {
	if !validName.MatchString(name) {
		return errors.New("a note's name must be up to 32 lower-case letters, digits or hyphens")
	}
	if len(value) > maxReceipt {
		return fmt.Errorf("a note has at most %d bytes", maxReceipt)
	}
	// Before the note, as before an image: the sweep must find whose it is.
	if err := s.writeOwner(ctx, owner); err != nil {
		return err
	}
	at := note(owner, name)
	return s.writeText(ctx, at, noteContext(owner, at), value)
}

// Note reads a note; ok is false if there is none. The error is
// encryption.ErrSealed if PutNote did not write it for this owner with these keys.
func (s *Store) Note(ctx context.Context, owner, name string) (value string, ok bool, err error) {
	if !validName.MatchString(name) {
		return "", false, nil
	}
	at := note(owner, name)
	return s.textIfThere(ctx, at, noteContext(owner, at))
}

// DropNote deletes a note. It is no error if there is none.
func (s *Store) DropNote(ctx context.Context, owner, name string) error {
	if !validName.MatchString(name) {
		return nil
	}
	return s.delete(ctx, note(owner, name))
}

func note(owner, name string) string      { return folder(owner) + name + ".note" }
func noteContext(owner, at string) string { return fmt.Sprintf("note of %q at %q", owner, at) }
