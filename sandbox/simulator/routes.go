package simulator

import (
	_ "embed"
	"io"
	"net/http"

	"durablekyc.example/connectfi"
)

//go:embed help.txt
var help string

// routes is the table of contents. The first part is ConnectFi's, with its
// token and under the dial of faults; the second is the sandbox's own and does
// not fail on purpose.
func (s *Sandbox) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/get-token", s.open(s.getToken))
	mux.HandleFunc("POST /customer/init", s.guarded(s.initCustomer))
	mux.HandleFunc("POST /akepa/identification", s.guarded(s.identify))
	mux.HandleFunc("POST /akepa/status", s.guarded(s.status))
	mux.HandleFunc("POST /akepa/list", s.guarded(s.list))
	mux.HandleFunc("POST /akepa/document/generate", s.guarded(s.generate))
	mux.HandleFunc("POST /akepa/document/upload/{id}", s.guarded(s.upload))
	mux.HandleFunc("POST /akepa/update", s.guarded(s.update))

	mux.HandleFunc("POST /sandbox/customers", s.control(s.makeCustomers))
	mux.HandleFunc("GET /sandbox/applications", s.control(s.showApplications))
	mux.HandleFunc("POST /sandbox/applications/{id}/review", s.control(s.review))
	mux.HandleFunc("POST /sandbox/applications/{id}/status", s.control(s.move))
	mux.HandleFunc("GET /sandbox/ledger", s.control(s.showLedger))
	mux.HandleFunc("GET /sandbox/faults", s.control(s.showFaults))
	mux.HandleFunc("PUT /sandbox/faults", s.control(s.setFaults))
	mux.HandleFunc("GET /sandbox/{$}", text(help))
	mux.HandleFunc("GET /healthz", text("alive\n"))
	return mux
}

// endpoint does one call and answers with the envelope's data, or with an
// error that is a *refusal.
type endpoint func(*http.Request) (any, error)

// open is an endpoint that needs no token: get-token. Only some faults touch it.
func (s *Sandbox) open(call endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.injectBefore(w, r) {
			return
		}
		data, err := call(r)
		s.answer(w, data, err)
	}
}

// guarded is an endpoint behind the token and the whole dial.
func (s *Sandbox) guarded(call endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.injectBefore(w, r) {
			return
		}
		data, err := s.admit(r, call)
		if s.dial.roll(func(f Faults) float64 { return f.ErrorAfter }) {
			s.loseAnswer(w)
			return
		}
		s.answer(w, data, err)
	}
}

func (s *Sandbox) admit(r *http.Request, call endpoint) (any, error) {
	token := r.Header.Get(connectfi.TokenHeader)
	if s.dial.roll(func(f Faults) float64 { return f.ExpireTokens }) {
		s.tokens.revoke(token)
	}
	if !s.tokens.isValid(token, s.config.Clock()) {
		return nil, unauthorized()
	}
	if s.dial.roll(func(f Faults) float64 { return f.ExtAkepa }) {
		return nil, &refusal{http.StatusBadRequest, connectfi.CodeExtAkepa, nil, "External service error."}
	}
	return call(r)
}

func text(page string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, page)
	}
}
