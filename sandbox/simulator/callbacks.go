package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"durablekyc.example/connectfi"
)

// senders bounds how many callbacks are under way at once.
const senders = 32

// callback is one callback to send.
type callback struct {
	url  string
	body []byte
	sent func() // called when it goes out, whatever becomes of it
	from string // the reference, for the log
}

// callBack sends the application's callback (C): one POST with the envelope of
// an answer, never repeated, no matter what is answered. The dial of faults
// may drop, double, delay or falsify it. The caller holds s.mu.
func (s *Sandbox) callBack(a *application) {
	if a.webhookURL == "" || s.dial.roll(func(f Faults) float64 { return f.DropCallbacks }) {
		return
	}
	about := a.body(s.config.AggregatorID)
	if s.dial.roll(func(f Faults) float64 { return f.StaleCallbacks }) {
		about = *a.before
	}
	if s.dial.roll(func(f Faults) float64 { return f.ForeignCallbacks }) {
		about = s.another(a).body(s.config.AggregatorID)
	}
	body, err := json.Marshal(connectfi.Envelope[connectfi.Application]{
		Code: connectfi.CodeOK, Data: about, RequestID: connectfi.NewRequestID(s.config.Clock())})
	if err != nil {
		s.config.Logger.Error("cannot encode the callback", "reference", a.reference, "error", err)
		return
	}
	post := func() { s.mail.post(callback{a.webhookURL, body, func() { s.count(a) }, a.reference}) }
	copies := 1
	if s.dial.roll(func(f Faults) float64 { return f.DuplicateCallbacks }) {
		copies = 2
	}
	delay := s.dial.read().DelayCallbacks
	for range copies {
		if delay > 0 {
			s.later.after(time.Duration(delay), post)
		} else {
			post()
		}
	}
}

// another is an application other than a, if there is any.
func (s *Sandbox) another(a *application) *application {
	at := s.dial.pick(len(s.inOrder))
	if s.inOrder[at] == a {
		at = (at + 1) % len(s.inOrder)
	}
	return s.inOrder[at]
}

func (s *Sandbox) count(a *application) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger.of(a.reference).Callbacks++
}

// callbackSender sends letters in the order they were posted, a few at a time. Its
// goroutines exist only while there is something to send.
type callbackSender struct {
	ctx    context.Context
	client *http.Client
	log    *slog.Logger

	mu      sync.Mutex
	queue   []callback
	working int
	workers sync.WaitGroup
}

func newMailer(ctx context.Context, client *http.Client, log *slog.Logger) *callbackSender {
	return &callbackSender{ctx: ctx, client: client, log: log}
}

// newCallbackClient follows no redirect: a callback is one single POST (C).
func newCallbackClient() *http.Client {
	return &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: senders, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (m *callbackSender) post(l callback) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return
	}
	m.queue = append(m.queue, l)
	if m.working < senders {
		m.working++
		m.workers.Go(m.work)
	}
}

func (m *callbackSender) work() {
	for {
		m.mu.Lock()
		if len(m.queue) == 0 || m.ctx.Err() != nil {
			m.working--
			m.mu.Unlock()
			return
		}
		l := m.queue[0]
		m.queue[0] = callback{}
		m.queue = m.queue[1:]
		m.mu.Unlock()
		m.send(l)
	}
}

func (m *callbackSender) send(l callback) {
	request, err := http.NewRequestWithContext(m.ctx, http.MethodPost, l.url, bytes.NewReader(l.body))
	if err != nil || request.URL.Host == "" {
		m.log.Warn("webhookUrl is not a URL; no callback sent", "reference", l.from)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	l.sent()
	response, err := m.client.Do(request)
	if err != nil {
		m.log.Warn("callback not delivered", "reference", l.from, "error", withoutURL(err))
		return
	}
	defer response.Body.Close()
	m.log.Info("callback", "reference", l.from, "answer", response.StatusCode)
}

// withoutURL keeps the URL out of the log: it contains the receiver's secret.
func withoutURL(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		return outer.Err
	}
	return err
}

// wait returns when no letter is under way. It is called after the context's
// end, when nothing new is taken.
func (m *callbackSender) wait() {
	m.mu.Lock() // lets a post that came just before the end begin its worker
	m.queue = nil
	m.mu.Unlock()
	m.workers.Wait()
}
