// Package gateway answers ConnectFi's own API in front of cases, so that a backend
// gets a durable check by changing one base URL.
package gateway

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
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/edge"
)

// Config is what the API needs besides an edge.
type Config struct {
	Credentials Credentials       // who may call; none is an API that is off
	ConnectFi   *connectfi.Client // for documents and look-ups, which pass through
	Policy      kyc.Policy        // of the cases that are started here
	Notify      bool              // events of these cases go to the receiver of all cases, too

	// Timeout is how long a case may take for an answer; zero is 10 s, well
	// below what HTTP clients wait for. The case itself goes on as long as it takes.
	Timeout time.Duration

	// What follows is set by package server, from its own Config.
	Limits        imagecheck.Limits // of images
	UploadTimeout time.Duration     // for an image
	PerToken      edge.Rate         // of calls with one token or login
}

// Validate says everything that an API that is on lacks.
func (c Config) Validate() error {
	var errs []error
	if c.ConnectFi == nil {
		errs = append(errs, errors.New("the API needs a ConnectFi client"))
	}
	if err := c.Policy.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("the API's cases: %w", err))
	}
	return errors.Join(errs...)
}

// How much is done at once for the API. Its images have a gate of their own, so
// that no crowd of programs keeps an applicant waiting.
const (
	maxCalls = 512 // of programs that were let in
	maxFiles = 8
)

// How many bytes a body may have: that of a call, and that of a login, which has
// 100 at most and comes from a stranger. Logins are not counted while they come
// in: a client that sent some slowly would keep all others out.
const (
	maxBodyBytes = 64 << 10
	maxLogin     = 4 << 10
)

// maxProblems is how many problems of a body an answer lists. 64 KB can
// have thousands, which are megabytes until the caller has taken the answer.
const maxProblems = 100

// API is ConnectFi's API at work. It keeps nothing that another instance would miss.
type API struct {
	edge       *edge.Edge
	config     Config
	files      chan struct{} // one taken for each image on its way, up to 10 MB each
	looking    chan struct{} // one taken for each image that is checked, up to 250 MB each
	logins     *edge.Limiter // of wrong passwords
	calls      *edge.Limiter // of those that were let in
	references *referenceCache
}

// wrongPasswords is how often one address may try one login.
var wrongPasswords = edge.Rate{Every: time.Second, Burst: 60}

// New starts nothing. The Config is one that Validate takes.
func New(e *edge.Edge, c Config) *API {
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	return &API{edge: e, config: c, files: make(chan struct{}, maxFiles), looking: make(chan struct{}, 1),
		logins: edge.NewLimiter(wrongPasswords), calls: edge.NewLimiter(c.PerToken), references: newReferenceCache()}
}

// AddRoutes adds the routes of the API, in a group of its own: nothing of an
// applicant's page or of a callback comes along.
func (a *API) AddRoutes(engine *gin.Engine) {
	engine.POST("/auth/get-token", a.edge.RateLimit, a.plain, a.serve(a.getToken))
	// In this order, so that unknown clients take up no room.
	calls := engine.Group("/akepa", a.authenticate, a.limitConcurrency(maxCalls), a.plain)
	calls.POST("/identification", a.serve(a.identify)) // starts a case, or finds it
	calls.POST("/status", a.serve(a.status))           // the state of an application's case
	calls.POST("/list", a.serve(a.list))               // a customer's applications, cases or not
	calls.POST("/document/generate", a.serve(a.generate))
	calls.POST("/document/upload/:documentId", a.serve(a.upload))
	calls.POST("/update", a.serve(a.update)) // links documents to an entity of a case
}

// Owns reports whether an address is the API's, known or not.
func (a *API) Owns(path string) bool {
	return path == "/akepa" || path == "/auth" ||
		strings.HasPrefix(path, "/akepa/") || strings.HasPrefix(path, "/auth/")
}

// limitConcurrency lets so many calls in at once, and tells more to retry later.
func (a *API) limitConcurrency(n int) gin.HandlerFunc {
	under := make(chan struct{}, n)
	return func(c *gin.Context) {
		select {
		case under <- struct{}{}:
			defer func() { <-under }()
			c.Next()
		default:
			a.WriteError(c, edge.ErrBusy)
		}
	}
}

// plain refuses a body that is encoded for its way: what it would become has no
// bound, and ConnectFi's pages say nothing of encodings.
func (a *API) plain(c *gin.Context) {
	switch strings.ToLower(strings.TrimSpace(strings.Join(c.Request.Header.Values("Content-Encoding"), ","))) {
	case "", "identity":
		c.Next()
	default:
		a.WriteError(c, errEncoded)
	}
}

// endpoint does one call: the envelope's data, or an error that refusalOf knows.
type endpoint func(*gin.Context) (any, error)

func (a *API) serve(call endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		data, err := call(c)
		if err != nil {
			a.WriteError(c, err)
			return
		}
		write(c, http.StatusOK, connectfi.Envelope[any]{
			Code: connectfi.CodeOK, Data: data, RequestID: connectfi.NewRequestID(time.Now())})
	}
}

// write answers as ConnectFi does, without escapes for HTML.
func write(c *gin.Context, status int, body any) {
	c.Abort()
	c.Header("Content-Type", "application/json; charset=utf-8")
	c.Status(status)
	encoder := json.NewEncoder(c.Writer)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) // nothing can be said to a client that has disconnected
}

// withTimeout bounds what another service may take for us. A caller that hangs up does
// not take its call along: it may be half done, and will be asked for again.
func (a *API) withTimeout(c *gin.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(c.Request.Context()), a.config.Timeout)
}

// decode reads a body by ConnectFi's documented schema.
func decode[T interface{ Validate() []connectfi.Problem }](a *API, c *gin.Context) (T, error) {
	return decodeUpTo[T](a, c, maxBodyBytes)
}

func decodeUpTo[T interface{ Validate() []connectfi.Problem }](a *API, c *gin.Context, most int64) (T, error) {
	var none T
	body, err := a.edge.Body(c, most)
	if err != nil && !errors.Is(err, edge.ErrMalformed) { // what broke off is no JSON, either
		return none, err
	}
	defer a.edge.AcquireParser()()
	request, problems := connectfi.Decode[T](body)
	if len(problems) > 0 {
		return none, invalid(slices.Clone(problems[:min(len(problems), maxProblems)]))
	}
	return request, nil
}
