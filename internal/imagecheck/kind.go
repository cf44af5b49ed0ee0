package imagecheck

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// SniffBytes is how many bytes at its start show what a file is; mimetype looks
// at as many.
const SniffBytes = 3072

// pdfWithin is where a PDF may begin: readers forgive that much before its
// header (PDF Reference 1.7, appendix H, note 13).
const pdfWithin = 1024

// ContentTypes are the two kinds that ConnectFi takes (C), by file extension.
var ContentTypes = map[string]string{"jpg": "image/jpeg", "png": "image/png"}

// DefaultMaxBytes is how large an image may be: 10 MiB.
const DefaultMaxBytes = 10 << 20

// ErrTooLarge is the image that has more bytes than are taken; nothing of it is kept.
var ErrTooLarge = errors.New("the image is too large")

// The codes of a RefusedError. They are part of the API and never change; the
// sentences may.
const (
	CodeEmpty         = "empty"           // no bytes at all
	CodeTooLarge      = "too_large"       // more bytes than are taken
	CodePDF           = "pdf"             // a PDF, also one that begins after some junk
	CodeHEIC          = "heic"            // a phone's own format, HEIC or AVIF
	CodeOtherKind     = "other_kind"      // an image, but neither jpg nor png
	CodeNotImage      = "not_image"       // no image
	CodeBroken        = "broken"          // cut off, or damaged
	CodeTooSmall      = "too_small"       // too few pixels to read anything
	CodeTooManyPixels = "too_many_pixels" // more pixels than are decoded
	CodePolyglot      = "two_files"       // a picture and something else in one
)

// Codes are all of them.
var Codes = []string{CodeEmpty, CodeTooLarge, CodePDF, CodeHEIC, CodeOtherKind, CodeNotImage,
	CodeBroken, CodeTooSmall, CodeTooManyPixels, CodePolyglot}

// RefusedError says why a file is not taken: by a code for programs, and in a
// sentence for its sender.
type RefusedError struct{ Code, Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// Is lets errors.Is find ErrTooLarge, whichever layer counted the bytes.
func (e *RefusedError) Is(target error) bool {
	return target == ErrTooLarge && e.Code == CodeTooLarge
}

func refuse(code, format string, args ...any) error {
	return &RefusedError{code, fmt.Sprintf(format, args...)}
}

// Sniff returns what an image is by its first bytes, "jpg" or "png", whatever its
// name says. Anything else is a *RefusedError with a sentence that helps.
func Sniff(head []byte) (string, error) {
	starts := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case starts("\xff\xd8\xff"):
		return "jpg", nil
	case starts("\x89PNG\r\n\x1a\n"):
		return "png", nil
	case len(head) == 0:
		return "", refuse(CodeEmpty, "the file is empty")
	case bytes.Contains(head[:min(len(head), pdfWithin)], []byte("%PDF-")):
		return "", refuse(CodePDF, "the file is a PDF; send a photo or scan of each page as jpg or png")
	}
	switch found := mimetype.Detect(head); {
	case slices.Contains([]string{"image/heic", "image/heic-sequence", "image/heif", "image/heif-sequence", "image/avif"},
		found.String()):
		return "", refuse(CodeHEIC, "the file is in a phone's own format (such as HEIC); save or export it as jpg first")
	case strings.HasPrefix(found.String(), "image/"):
		return "", refuse(CodeOtherKind, "the file is an image of another kind (%s); save it as jpg or png first",
			strings.TrimPrefix(found.Extension(), "."))
	case found.Is("application/octet-stream"), found.Is("text/plain"):
		return "", refuse(CodeNotImage, "the file is not an image; send a jpg or png")
	default:
		return "", refuse(CodeNotImage, "the file is not an image (it looks like %s); send a jpg or png",
			strings.TrimPrefix(found.Extension(), "."))
	}
}
