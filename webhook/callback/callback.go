// Package callback takes ConnectFi's callbacks and signals the cases that they are of.
package callback

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/workflows"
)

// Config bounds what is done at once. All of it is required.
type Config struct {
	MaxCallbacks  int           // that come in at once; more are told to retry later
	MaxSignals    int           // of them that are on their way to Temporal
	SignalTimeout time.Duration // for one signal
}

// Handler takes callbacks. See New.
type Handler struct {
	edge          *edge.Edge
	results       *prometheus.CounterVec
	slots         chan struct{} // one taken for each callback that is being read, up to 64 KB each
	signalSlots   chan struct{} // one taken for each signal on its way
	signalTimeout time.Duration
}

// New registers the metric of callbacks, and starts nothing.
func New(e *edge.Edge, c Config, registry prometheus.Registerer) (*Handler, error) {
	results, err := newResults(registry)
	if err != nil {
		return nil, err
	}
	return &Handler{edge: e, results: results, slots: make(chan struct{}, c.MaxCallbacks),
		signalSlots: make(chan struct{}, c.MaxSignals), signalTimeout: c.SignalTimeout}, nil
}

// AddRoutes adds the route that ConnectFi calls: the token is in the URL it was given.
func (h *Handler) AddRoutes(routes gin.IRoutes) {
	routes.POST("/connectfi/callbacks/:reference/:token", h.take)
}

// maxCallbackBytes is how many bytes a callback may have. The printed one has 400
// (C); an application with a hundred entities stays below. starter doctor knows
// the number.
const maxCallbackBytes = 64 << 10

// lingerTimeout is how long a caller who was turned away may go on sending: if its
// connection were cut at once, it might never see the answer.
const lingerTimeout = time.Second

// take takes ConnectFi's one unsigned, unrepeated POST. The URL is the
// credential, so it is judged before anything else costs us; the body is a
// hint whatever it says, and of its text only two well-formed ids go on. Where more come than can
// be taken, the rest is turned away while it costs nothing: a case reads its
// status without them, a little later.
func (h *Handler) take(c *gin.Context) {
	reference := c.Param("reference")
	if !h.edge.Keys.Valid(linktoken.Callback, reference, c.Param("token")) {
		h.finish(c, errUnknown)
		return
	}
	hint, whole, err := h.read(c)
	if err != nil {
		h.finish(c, err)
		return
	}
	err = h.signal(c.Request.Context(), reference, workflows.Callback{
		RequestID: sanitizeID(hint.RequestID), ApplicationID: sanitizeID(hint.ApplicationID)})
	switch {
	case err != nil:
	case !whole:
		err = errNotUnderstood
	case hint.Reference != "" && hint.Reference != reference:
		err = errReferenceMismatch
	}
	h.finish(c, err)
}

// read reads a callback; whole is false where its body is not the documented
// envelope, or did not come to its end. It is a hint all the same: the URL has
// proven whose it is, and there will be no other. It takes a place for as long
// as the body may be in memory and gives it back before Temporal is asked, so a
// body that comes slowly takes no slot of a signal.
func (h *Handler) read(c *gin.Context) (hint connectfi.Hint, whole bool, err error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		rejectUnread(c)
		return hint, false, edge.ErrBusy
	}
	body, err := h.edge.Body(c, maxCallbackBytes)
	switch {
	case errors.Is(err, edge.ErrSlow), errors.Is(err, edge.ErrMalformed):
		return hint, false, nil
	case err != nil:
		return hint, false, err
	}
	defer h.edge.AcquireParser()()
	hint, whole = connectfi.ReadHint(body)
	return hint, whole, nil
}

// rejectUnread has the answer sent at once, whose body nobody will read: Go's server
// would otherwise wait for that body first. In HTTP/2 it does not wait.
func rejectUnread(c *gin.Context) {
	if c.Request.ProtoMajor == 1 {
		c.Header("Connection", "close")
	}
	// Nothing is lost where there is no deadline to set.
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(lingerTimeout))
}

// signal hands the hint over, and is patient for SignalTimeout. A caller that
// hangs up does not take its callback with it: there will be no other.
func (h *Handler) signal(ctx context.Context, reference string, hint workflows.Callback) error {
	select {
	case h.signalSlots <- struct{}{}:
		defer func() { <-h.signalSlots }()
	default:
		return edge.ErrBusy
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.signalTimeout)
	defer cancel()
	return h.edge.Cases.Callback(ctx, reference, hint)
}

// documentedID is the form of ConnectFi's ids, with some room (D).
var documentedID = regexp.MustCompile(`^[0-9a-zA-Z_]{1,64}$`)

// sanitizeID returns an id, and nothing else that is where an id should be.
func sanitizeID(text string) string {
	if documentedID.MatchString(text) {
		return text
	}
	return ""
}
