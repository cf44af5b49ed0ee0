package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"durablekyc.example/connectfi"
	"durablekyc.example/sandbox/simulator"
)

// load starts all cases, spread over the time, half of them by the API and half
// by the starter, while the faults happen, and returns when these are over.
// Whoever is not answered asks again, and may still do so then: wait for them.
func (w *world) load(ctx context.Context, torment func(context.Context), out *os.File) (wait func() error) {
	var (
		faults sync.WaitGroup
		starts errgroup.Group
	)
	under, over := context.WithTimeout(ctx, w.Over)
	faults.Go(func() { defer over(); torment(under) })
	defer faults.Wait()
	every := time.NewTicker(max(w.Over*9/10/time.Duration(w.Cases), time.Millisecond))
	defer every.Stop()
	for i, s := range w.all() {
		select {
		case <-every.C:
		case <-ctx.Done():
			return starts.Wait
		}
		if i%max(w.Cases/10, 1) == 0 {
			fmt.Fprintf(out, "%d of %d cases were started\n", i, w.Cases)
		}
		starts.Go(func() error {
			w.begin(ctx, s, i)
			return nil
		})
	}
	return starts.Wait
}

// begin asks until it is answered. Every tenth asks twice at once.
func (w *world) begin(ctx context.Context, s *caseRecord, i int) {
	ask := w.byStarter
	if i%2 == 0 {
		ask = w.byAPI
	}
	var asked sync.WaitGroup
	for range 1 + (i%10)/9 {
		asked.Go(func() {
			pause := 500 * time.Millisecond
			for ; ctx.Err() == nil && !w.asking(ctx, ask, s) && !w.takenAway(s); pause = min(2*pause, 8*time.Second) {
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				}
			}
		})
	}
	asked.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	s.accepted = true
}

// takenAway reports whether an operator has ended the case: who asks for it is told
// so, also from its record, and asks no more.
func (w *world) takenAway(s *caseRecord) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(s.pressed, func(p press) bool {
		return p.button == pressTerminate || p.button == pressCancel
	})
}

// askAgain has the callers of deleted cases ask for them again.
func (w *world) askAgain(ctx context.Context, callers *sync.WaitGroup) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.cases {
		if s.forgotten {
			s.absent, s.forgotten = false, false
			callers.Go(func() { w.begin(ctx, s, 0) })
		}
	}
}

// asking keeps the crowd of those who ask again from being the worst fault of all.
func (w *world) asking(ctx context.Context, ask func(context.Context, *caseRecord) bool, s *caseRecord) bool {
	w.counter <- struct{}{}
	defer func() { <-w.counter }()
	return ask(ctx, s)
}

func (w *world) byStarter(ctx context.Context, s *caseRecord) bool {
	code, _, _ := w.Starter(ctx, "start", "--customer", s.customer, "--reference", s.reference)
	return code == 0
}

func (w *world) byAPI(ctx context.Context, s *caseRecord) bool {
	token, err := w.Secret("api_tokens")
	if err != nil {
		return false
	}
	body := fmt.Sprintf(`{"customerId":%q,"reference":%q}`, s.customer, s.reference)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Public+"/akepa/identification",
		strings.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(connectfi.TokenHeader, token)
	response, err := w.HTTP.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// background is everybody else: applicants, reviewers, and whoever forges.
func (w *world) background(ctx context.Context) *sync.WaitGroup {
	var all sync.WaitGroup
	var applicants errgroup.Group
	applicants.SetLimit(12)
	all.Go(func() {
		defer func() { _ = applicants.Wait() }()
		for ctx.Err() == nil {
			var applications []simulator.ApplicationEntry
			if w.Control(ctx, http.MethodGet, "/sandbox/applications", nil, &applications) == nil {
				for _, a := range applications {
					w.actOn(ctx, a, &applicants)
				}
			}
			w.askAgain(ctx, &all)
			select {
			case <-time.After(500 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return &all
}

// actOn does what a person does about an application.
func (w *world) actOn(ctx context.Context, a simulator.ApplicationEntry, applicants *errgroup.Group) {
	w.mu.Lock()
	s := w.cases[a.Reference]
	w.mu.Unlock()
	if s == nil {
		return
	}
	if w.dice.float() < 0.01 {
		w.forge(ctx, a)
	}
	decide := func(path string, body map[string]string) {
		if w.Control(ctx, http.MethodPost, "/sandbox/applications/"+a.ApplicationID+path, body, nil) == nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			s.decided = time.Now()
		}
	}
	switch {
	case a.Status == connectfi.StatusCompleted:
	case a.Status == connectfi.StatusPendingStepUp:
		w.mu.Lock()
		defer w.mu.Unlock()
		if !s.sending && applicants.TryGo(func() error { w.send(ctx, s); return nil }) {
			s.sending = true
		}
	case s.scenario == "unknown_status" || s.scenario == "data_request":
		decide("/status", map[string]string{"status": "completed", "outcome": s.outcome})
	case a.Status == connectfi.StatusWaitingReview && (s.scenario == "review" || s.scenario == "step_up_review"):
		decide("/review", map[string]string{"outcome": s.outcome})
	}
}

// send is an applicant who sends what is missing, and tries again later if that
// did not work: what a case has taken it wants no more.
func (w *world) send(ctx context.Context, s *caseRecord) {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		s.sending = false
	}()
	v := w.show(ctx, s.reference)
	if v == nil {
		return
	}
	for _, e := range v.Entities {
		if len(e.Missing) > 0 && !e.Sending {
			w.Starter(ctx, "upload", s.reference, "--entity", e.ID, "--front", w.image[0], "--back", w.image[1])
		}
	}
}

// forge calls back what ConnectFi never said: with a good token an old hint or
// one of another application, with a bad one whatever it likes. A case reads.
func (w *world) forge(ctx context.Context, a simulator.ApplicationEntry) {
	address := a.WebhookURL
	if w.dice.pick(2) == 0 {
		address += "x"
	}
	body := fmt.Sprintf(`{"code":"0","requestId":"forged","data":{"reference":%q,"applicationId":"iapp_forged",`+
		`"status":"completed","outcome":"Approved"}}`, a.Reference)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return
	}
	request.Header.Set("Content-Type", "application/json")
	if response, err := w.HTTP.Do(request); err == nil {
		response.Body.Close()
	}
}
