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
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/workflows"
)

// maxCallbackBytes is how many bytes a callback may have. The printed one has 400
// (C); an application with a hundred entities stays below. starter doctor knows
// the number.
const maxCallbackBytes = 64 << 10

// lingerTimeout is how long a caller who was turned away may go on sending: if its
// connection were cut at once, it might never see the answer.
const lingerTimeout = time.Second

// callback takes ConnectFi's one unsigned, unrepeated POST. The URL is the
// credential, so it is judged before anything else costs us; the body is a
// hint whatever it says, and of its text only two well-formed ids go on. Where more come than can
// be taken, the rest is turned away while it costs nothing: a case reads its
// status without them, a little later.
func (s *Server) callback(c *gin.Context) {
	reference := c.Param("reference")
	if !s.config.Keys.Valid(linktoken.Callback, reference, c.Param("token")) {
		s.finishCallback(c, errUnknown)
		return
	}
	hint, whole, err := s.readCallback(c)
	if err != nil {
		s.finishCallback(c, err)
		return
	}
	err = s.signal(c.Request.Context(), reference, workflows.Callback{RequestID: sanitizeID(hint.RequestID), ApplicationID: sanitizeID(hint.ApplicationID)})
	switch {
	case err != nil:
	case !whole:
		err = errNotUnderstood
	case hint.Reference != "" && hint.Reference != reference:
		err = errReferenceMismatch
	}
	s.finishCallback(c, err)
}

// readCallback reads a callback; whole is false where its body is not the documented
// envelope, or did not come to its end. It is a hint all the same: the URL has
// proven whose it is, and there will be no other. It takes a place for as long
// as the body may be in memory and gives it back before Temporal is asked, so a
// body that comes slowly takes no slot of a signal.
func (s *Server) readCallback(c *gin.Context) (hint connectfi.Hint, whole bool, err error) {
	select {
	case s.callbackSlots <- struct{}{}:
		defer func() { <-s.callbackSlots }()
	default:
		s.rejectUnread(c)
		return hint, false, errBusy
	}
	body, err := s.body(c, maxCallbackBytes)
	switch {
	case errors.Is(err, errSlow), errors.Is(err, errMalformed):
		return hint, false, nil
	case err != nil:
		return hint, false, err
	}
	defer s.acquireParser()()
	hint, whole = connectfi.ReadHint(body)
	return hint, whole, nil
}

// rejectUnread has the answer sent at once, whose body nobody will read: Go's server
// would otherwise wait for that body first. In HTTP/2 it does not wait.
func (s *Server) rejectUnread(c *gin.Context) {
	if c.Request.ProtoMajor == 1 {
		c.Header("Connection", "close")
	}
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(lingerTimeout)) // nothing is lost where there is none
}

// acquireParser waits until few others make sense of a body, and returns what ends it.
func (s *Server) acquireParser() (done func()) {
	s.parseSlots <- struct{}{}
	return func() { <-s.parseSlots }
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
	case s.signalSlots <- struct{}{}:
		defer func() { <-s.signalSlots }()
	default:
		return errBusy
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.SignalTimeout)
	defer cancel()
	return s.config.Cases.Callback(ctx, reference, hint)
}

// documentedID is the form of ConnectFi's ids, with some room (D).
var documentedID = regexp.MustCompile(`^[0-9a-zA-Z_]{1,64}$`)

// sanitizeID lets an id pass, and nothing that merely stands where an id should.
func sanitizeID(text string) string {
	if documentedID.MatchString(text) {
		return text
	}
	return ""
}
