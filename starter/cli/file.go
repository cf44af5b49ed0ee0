package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeNew writes a file that only its owner can read, whole or not at all, and never over one that is there: the error
// is an fs.ErrExist then.
func writeNew(path string, write func(io.Writer) error) error {
	// A link, unlike a rename, never replaces what another program wrote meanwhile.
	err := viaDraft(path, write, os.Link)
	if link, ok := errors.AsType[*os.LinkError](err); ok { // it names the draft, which nobody knows
		err = &fs.PathError{Op: "open", Path: path, Err: link.Err}
	}
	return err
}

// replace changes a file at once, or not at all.
func replace(path, content string) error { return viaDraft(path, textOf(content), os.Rename) }

// viaDraft writes a draft beside a file, and puts it in the file's place once it is on disk.
func viaDraft(path string, write func(io.Writer) error, place func(draft, path string) error) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".new-*") // with the permissions 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	if err := errors.Join(write(draft), draft.Sync(), draft.Close()); err != nil {
		return err
	}
	return place(draft.Name(), path)
}

// textOf writes a text.
func textOf(text string) func(io.Writer) error {
	return func(to io.Writer) error {
		_, err := io.WriteString(to, text)
		return err
	}
}
