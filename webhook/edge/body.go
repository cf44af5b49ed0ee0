package edge

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"
)

// Body reads so many bytes at most, for at most the configured BodyTimeout. Its
// errors are ErrTooLarge, ErrSlow and ErrMalformed.
func (e *Edge) Body(c *gin.Context, maxBytes int64) ([]byte, error) {
	if c.Request.ContentLength > maxBytes {
		return nil, ErrTooLarge
	}
	deadline := time.Now().Add(e.bodyTimeout)
	if err := unlessUnsupported(http.NewResponseController(c.Writer).SetReadDeadline(deadline)); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBytes))
	_, isTooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case isTooLarge:
		return nil, ErrTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, ErrSlow
	case err != nil:
		return nil, ErrMalformed // it broke off
	}
	return body, nil
}

// AcquireParser waits until few others parse a body, and returns what ends it.
func (e *Edge) AcquireParser() (done func()) {
	e.parseSlots <- struct{}{}
	return func() { <-e.parseSlots }
}

// Bounds of a form, besides its images.
const (
	MaxParts     = 16
	MaxPartBytes = 16 << 10
)

// Why a form is not read to its end, besides ErrTooLarge and ErrSlow.
var (
	ErrForm = errors.New("not a form of this service")
	ErrCut  = errors.New("connection closed before the end of the form")
)

// Form is a body of type multipart/form-data that is being read: see OpenForm.
type Form struct {
	*multipart.Reader
	body *recorder
}

// OpenForm reads a form whose files have so many bytes in all. The client may
// take so long for its body, and for reading the answer. Its errors are
// ErrTooLarge and ErrForm.
func OpenForm(c *gin.Context, maxFiles int64, read, write time.Duration) (*Form, error) {
	maxBytes := maxFiles + MaxParts*MaxPartBytes
	control := http.NewResponseController(c.Writer)
	for _, err := range []error{
		control.SetReadDeadline(time.Now().Add(read)),
		control.SetWriteDeadline(time.Now().Add(write)),
	} {
		if err := unlessUnsupported(err); err != nil {
			return nil, err
		}
	}
	if c.Request.ContentLength > maxBytes {
		return nil, ErrTooLarge
	}
	body := &recorder{ReadCloser: http.MaxBytesReader(c.Writer, c.Request.Body, maxBytes)}
	c.Request.Body = body
	parts, err := c.Request.MultipartReader()
	if err != nil {
		return nil, ErrForm
	}
	return &Form{parts, body}, nil
}

// Cause distinguishes a body that is too large, too slow or cut off from one that is not
// a form: ErrTooLarge, ErrSlow, ErrCut or ErrForm.
func (f *Form) Cause() error {
	err := f.body.err
	_, isTooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case isTooLarge:
		return ErrTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrSlow
	case err != nil && !errors.Is(err, io.EOF):
		return ErrCut
	}
	return ErrForm
}

// recorder remembers why a body could not be read to its end: the parser of
// parts does not pass that on.
type recorder struct {
	io.ReadCloser
	err error
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && r.err == nil {
		r.err = err
	}
	return n, err
}

// unlessUnsupported is the error of setting a deadline; nil where there are none to set.
func unlessUnsupported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
