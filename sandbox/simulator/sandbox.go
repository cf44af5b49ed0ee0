// Package simulator is a ConnectFi to develop against: one http.Handler with a
// memory, scripted customers and a dial of faults. It speaks connectfi's wire
// types, refuses what the documented schemas refuse, and knows nothing else of
// this project. Where ConnectFi's pages are silent it has to choose; those
// choices are marked (A) and show nothing about the real ConnectFi.
//
// It never de-duplicates: every identification makes a new application, so a
// caller's doubled call shows in the ledger.
package simulator

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/httpserver"
)

// Config says how the stand-in behaves. The zero value is usable.
type Config struct {
	Login, Password string // what get-token wants; both empty: any login of the documented form

	AggregatorID  string           // in every application; default CLIENTID, as printed (S)
	Clock         func() time.Time // stamps ids, tokens and creation dates; default time.Now
	Delay         time.Duration    // until a step that ConnectFi takes by itself; default 2 s
	TokenLifetime time.Duration    // default 1 h (A: the real one is not known)

	// CallbackClient sends the callbacks. Default: 10 s for each, no redirects.
	CallbackClient *http.Client
	Logger         *slog.Logger // default: silence. Only ids are logged, never a URL or a body
	Seed           uint64       // makes the faults' dice repeatable; 0: a new throw each time
}

// Sandbox is the stand-in. It serves without Serve too, for instance in an
// httptest.Server; then Close ends what it started.
type Sandbox struct {
	config Config
	mux    *http.ServeMux
	tokens tokens
	dial   faultInjector
	later  *schedule
	mail   *callbackSender

	mu           sync.Mutex // guards everything below and all it points to
	customers    map[string]*customer
	references   map[string]bool // the customerReference of every /customer/init
	applications map[string]*application
	inOrder      []*application
	documents    map[string]*document
	ledger       ledger
}

// New is ready to serve and has started nothing. The error says what is wrong
// with the Config.
func New(config Config) (*Sandbox, error) {
	switch {
	case (config.Login == "") != (config.Password == ""):
		return nil, errors.New("the sandbox needs both a login and a password, or neither")
	case config.Delay < 0 || config.TokenLifetime < 0:
		return nil, errors.New("durations must not be negative")
	}
	if config.Login != "" {
		asked := connectfi.TokenRequest{User: connectfi.Login{Login: config.Login, Password: config.Password}}
		if len(asked.Validate()) > 0 {
			return nil, errors.New("invalid login or password: ConnectFi allows a login of 1 to 36 of 0-9a-zA-Z_ and a " +
				"password of 1 to 50 characters")
		}
	}
	config.fillIn()
	s := &Sandbox{
		config:       config,
		tokens:       tokens{valid: map[string]time.Time{}},
		dial:         newDial(config.Seed),
		later:        newSchedule(),
		customers:    pageCustomers(),
		references:   map[string]bool{},
		applications: map[string]*application{},
		documents:    map[string]*document{},
		ledger:       ledger{byReference: map[string]*LedgerEntry{}},
	}
	s.mail = newMailer(s.later.ctx, config.CallbackClient, config.Logger)
	s.mux = s.routes()
	return s, nil
}

func (c *Config) fillIn() {
	if c.AggregatorID == "" {
		c.AggregatorID = "CLIENTID"
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Delay == 0 {
		c.Delay = 2 * time.Second
	}
	if c.TokenLifetime == 0 {
		c.TokenLifetime = time.Hour
	}
	if c.CallbackClient == nil {
		c.CallbackClient = newCallbackClient()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// ServeHTTP answers ConnectFi's endpoints, /sandbox/… and /healthz.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// maxConnections is how many connections the sandbox has at once: several workers keep 64 idle ones each, and others
// want to be served beside them.
const maxConnections = 1024

// Serve answers on ln until ctx ends, then cancels callbacks that are still
// under way and returns when all it started has ended; nil after a clean stop.
// A Sandbox serves once.
func (s *Sandbox) Serve(ctx context.Context, ln net.Listener) error {
	defer s.Close()
	defer context.AfterFunc(ctx, s.later.cancel)()
	return httpserver.Timeouts{}.ServeLimited(ctx, ln, maxConnections, nil, s, s.config.Logger)
}

// Close cancels every step and callback still to come and returns when none
// is under way. Serve does it by itself. What is asked afterwards is answered
// still, but nothing happens by itself any more.
func (s *Sandbox) Close() {
	s.later.close()
	s.mail.wait()
	s.config.CallbackClient.CloseIdleConnections()
}
