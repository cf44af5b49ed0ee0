package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

// API answers ConnectFi's own endpoints, so that a backend gets a durable check
// by changing one base URL. Without Credentials there is no API: its addresses
// are as unknown as any other.
type API struct {
	Credentials Credentials
	ConnectFi   *connectfi.Client // for documents and look-ups, which pass through
	Policy      kyc.Policy        // of the cases that are started here
	Notify      bool              // events of these cases go to the receiver of all cases, too

	// Timeout is how long a case may take for an answer; zero is 10 s, well
	// below what HTTP clients wait for. The case itself goes on as long as it takes.
	Timeout time.Duration
}

// problems says everything that an API that is on lacks.
func (a API) problems() (errs []error) {
	if a.ConnectFi == nil {
		errs = append(errs, errors.New("the API needs ConnectFi's client"))
	}
	if err := a.Policy.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("the API's cases: %w", err))
	}
	return errs
}

// How much is done at once for the API. Its images have a gate of their own, so
// that no crowd of programs keeps an applicant waiting.
const (
	maxCalls = 512 // of programs that were let in
	maxFiles = 8
)

// How many bytes a body may have: that of a call, and that of a login, which has
// 100 at most and comes from a stranger. Logins are not counted while they come
// in: whoever sent some slowly would keep all others out.
const (
	maxBodyBytes = 64 << 10
	maxLogin     = 4 << 10
)

// maxProblems is how many things that are wrong with a body are told. 64 KB can
// have thousands, which are megabytes until the caller has taken the answer.
const maxProblems = 100

// api is the API at work. It keeps nothing that another instance would miss.
type api struct {
	API
	*Server
	files   chan struct{} // one taken for each image on its way, up to 10 MB each
	looking chan struct{} // one taken for each image at the gate, up to 250 MB each
	logins  *limiter      // of wrong passwords
	calls   *limiter      // of those that were let in
	memory  *referenceCache
}

func newAPI(s *Server) *api {
	a := &api{API: s.config.API, Server: s, files: make(chan struct{}, maxFiles),
		looking: make(chan struct{}, 1), logins: newLimiter(time.Second, 60),
		calls: newLimiter(s.config.PerToken.Every, s.config.PerToken.Burst), memory: newMemory()}
	if a.Timeout <= 0 {
		a.Timeout = 10 * time.Second
	}
	return a
}

// routes of the API, in a group of its own: nothing of an applicant's page or of
// a callback comes along.
func (a *api) routes(e *gin.Engine) {
	e.POST("/auth/get-token", a.rateLimit, a.plain, a.serve(a.getToken))
	calls := e.Group("/akepa", a.authenticate, a.limitConcurrency(maxCalls), a.plain) // in this order: strangers take up no room
	calls.POST("/identification", a.serve(a.identify))                                // starts a case, or finds it
	calls.POST("/status", a.serve(a.status))                                          // where the case of an application stands
	calls.POST("/list", a.serve(a.list))                                              // a customer's applications, cases or not
	calls.POST("/document/generate", a.serve(a.generate))
	calls.POST("/document/upload/:documentId", a.serve(a.upload))
	calls.POST("/update", a.serve(a.update)) // links documents to an entity of a case
}

// of reports whether an address is the API's, known or not.
func (a *api) of(path string) bool {
	return a != nil && (path == "/akepa" || path == "/auth" || strings.HasPrefix(path, "/akepa/") || strings.HasPrefix(path, "/auth/"))
}

// limitConcurrency lets so many calls in at once, and tells more to come back.
func (a *api) limitConcurrency(n int) gin.HandlerFunc {
	under := make(chan struct{}, n)
	return func(c *gin.Context) {
		select {
		case under <- struct{}{}:
			defer func() { <-under }()
			c.Next()
		default:
			a.refuse(c, errBusy)
		}
	}
}

// plain refuses a body that is encoded for its way: what it would become has no
// bound, and ConnectFi's pages say nothing of encodings.
func (a *api) plain(c *gin.Context) {
	switch strings.ToLower(strings.TrimSpace(strings.Join(c.Request.Header.Values("Content-Encoding"), ","))) {
	case "", "identity":
		c.Next()
	default:
		a.refuse(c, errEncoded)
	}
}

// endpoint does one call: the envelope's data, or an error that refusalOf knows.
type endpoint func(*gin.Context) (any, error)

func (a *api) serve(call endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		data, err := call(c)
		if err != nil {
			a.refuse(c, err)
			return
		}
		write(c, http.StatusOK, connectfi.Envelope[any]{Code: connectfi.CodeOK, Data: data, RequestID: connectfi.NewRequestID(time.Now())})
	}
}

// write answers as ConnectFi does, without escapes for HTML.
func write(c *gin.Context, status int, body any) {
	c.Abort()
	c.Header("Content-Type", "application/json; charset=utf-8")
	c.Status(status)
	encoder := json.NewEncoder(c.Writer)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) // a client that went away is told by nothing
}

// withTimeout bounds what somebody else may take for us. A caller that hangs up does
// not take its call along: it may be half done, and will be asked for again.
func (a *api) withTimeout(c *gin.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(c.Request.Context()), a.Timeout)
}

// decode reads a body by ConnectFi's documented schema.
func decode[T interface{ Validate() []connectfi.Problem }](a *api, c *gin.Context) (T, error) {
	return decodeUpTo[T](a, c, maxBodyBytes)
}

func decodeUpTo[T interface{ Validate() []connectfi.Problem }](a *api, c *gin.Context, most int64) (T, error) {
	var none T
	body, err := a.body(c, most)
	if err != nil && !errors.Is(err, errMalformed) { // what broke off is no JSON, either
		return none, err
	}
	defer a.acquireParser()()
	request, problems := connectfi.Decode[T](body)
	if len(problems) > 0 {
		return none, invalid(slices.Clone(problems[:min(len(problems), maxProblems)]))
	}
	return request, nil
}
