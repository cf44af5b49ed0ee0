package intake

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/seal"
	"durablekyc.example/workflows"
)

// mostCallback is how many bytes a callback may have. The printed one has 400
// (C); an application with a hundred entities stays below.
const mostCallback = 64 << 10

// callback takes ConnectFi's one unsigned, unrepeated POST. The URL is the
// credential, so it is judged before anything else costs us; the body is a
// hint, and of its text only two well-formed ids go on.
func (s *Server) callback(c *gin.Context) {
	reference := c.Param("reference")
	if !s.config.Keys.Valid(seal.Callback, reference, c.Param("token")) {
		s.answer(c, errUnknown)
		return
	}
	body, err := s.body(c, mostCallback)
	if err != nil {
		s.answer(c, err)
		return
	}
	application, requestID, err := connectfi.ParseCallback(body)
	if err != nil {
		s.answer(c, errMalformed)
		return
	}
	err = s.signal(c.Request.Context(), reference, workflows.Callback{
		RequestID: onlyID(requestID), ApplicationID: onlyID(application.ApplicationID),
	})
	if named := application.Reference; err == nil && named != "" && named != reference {
		err = errForeign
	}
	s.answer(c, err)
}

// body reads so many bytes at most, for at most BodyTimeout.
func (s *Server) body(c *gin.Context, most int64) ([]byte, error) {
	if c.Request.ContentLength > most {
		return nil, errTooLarge
	}
	deadline := time.Now().Add(s.config.BodyTimeout)
	if err := http.NewResponseController(c.Writer).SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, most))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errSlow
	case err != nil:
		return nil, errMalformed // it broke off
	}
	return body, nil
}

// signal hands the hint over, and is patient for SignalTimeout. A caller that
// hangs up does not take its callback with it: there will be no other.
func (s *Server) signal(ctx context.Context, reference string, hint workflows.Callback) error {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return errBusy
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.SignalTimeout)
	defer cancel()
	return s.config.Cases.Callback(ctx, reference, hint)
}

// documentedID is the form of ConnectFi's ids, with some room (D).
var documentedID = regexp.MustCompile(`^[0-9a-zA-Z_]{1,64}$`)

// onlyID lets an id pass, and nothing that merely stands where an id should.
func onlyID(text string) string {
	if documentedID.MatchString(text) {
		return text
	}
	return ""
}
