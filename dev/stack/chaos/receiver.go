package main

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// receiver hears of all cases. Now and then it does not want to.
type receiver struct {
	URL    string
	server *http.Server
	check  func([]byte, http.Header) error
	dice   *rng
	mu     sync.Mutex
	events map[string]map[string]string // by reference and id: the type
	forged []string
}

func newReceiver(d *rng) (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{URL: "http://" + listener.Addr().String(), dice: d, events: map[string]map[string]string{}}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Second}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

// trust says whose signature is believed; nothing comes before there is a case.
func (r *receiver) trust(secret string) error {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.check = verifier.Verify
	return nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(io.LimitReader(request.Body, 1<<20))
	var event struct {
		Type string
		Data struct{ Reference string }
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil || json.Unmarshal(body, &event) != nil || r.check(body, request.Header) != nil:
		r.forged = append(r.forged, string(body))
		w.WriteHeader(http.StatusBadRequest)
		return
	case r.dice.float() < 0.03:
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	id := request.Header.Get("webhook-id")
	if r.events[event.Data.Reference] == nil {
		r.events[event.Data.Reference] = map[string]string{}
	}
	if before, known := r.events[event.Data.Reference][id]; known && before != event.Type {
		r.forged = append(r.forged, "one id for two events: "+id)
	}
	r.events[event.Data.Reference][id] = event.Type
	if r.dice.float() < 0.02 {
		w.WriteHeader(http.StatusBadGateway) // it was taken, and the answer is lost
	}
}

func (r *receiver) heard(reference string) map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.events[reference])
}
