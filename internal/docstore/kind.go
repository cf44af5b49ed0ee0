package docstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// sniffed is how many bytes at its start tell what a file is.
const sniffed = 16

// contentTypes are the two kinds ConnectFi takes (C).
var contentTypes = map[string]string{"jpg": "image/jpeg", "png": "image/png"}

// NotImageError says, in a sentence for the sender, why a file is not taken.
type NotImageError struct{ Reason string }

func (e *NotImageError) Error() string { return e.Reason }

// Kind tells what an image is by its first bytes, "jpg" or "png", whatever its
// name says, and goes back to where it began. Anything else is a
// *NotImageError with a sentence that helps.
func Kind(r io.ReadSeeker) (extension string, err error) {
	start, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return "", fmt.Errorf("the file cannot be read: %w", err)
	}
	head := make([]byte, sniffed)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", fmt.Errorf("the file cannot be read: %w", err)
	}
	if _, err := r.Seek(start, io.SeekStart); err != nil {
		return "", fmt.Errorf("the file cannot be read: %w", err)
	}
	return kind(head[:n])
}

func kind(head []byte) (string, error) {
	starts := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case starts("\xff\xd8\xff"):
		return "jpg", nil
	case starts("\x89PNG\r\n\x1a\n"):
		return "png", nil
	case len(head) == 0:
		return "", &NotImageError{"the file is empty"}
	case starts("%PDF"):
		return "", &NotImageError{"the file is a PDF; send a photo or scan of each page as jpg or png"}
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		return "", &NotImageError{"the file is in a phone's own format (such as HEIC); save or export it as jpg first"}
	case starts("GIF8"), starts("BM"), starts("II*\x00"), starts("MM\x00*"), starts("RIFF"):
		return "", &NotImageError{"the file is an image of another kind; save it as jpg or png first"}
	}
	return "", &NotImageError{"the file is not an image; a jpg or png is wanted"}
}
