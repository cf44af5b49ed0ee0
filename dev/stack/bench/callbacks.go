package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/workflows"
)

// nobody works on this queue: signals are accepted and nothing comes of them.
const nobody = "nobody"

// rounds is how many rounds of callbacks each way takes, one to warm up not counted.
const rounds = 12

// The ways a callback can come in. Bare is the floor's receiver: what is left of
// a webhook that believes whoever calls, encrypts nothing and writes no log.
const (
	webhook = "webhook"
	bare    = "bare"
	raw     = "raw"
)

// ways are in the order in which they are told of.
var ways = []string{webhook, bare, raw}

// callbacks compares callbacks through the webhook with raw signals of the same
// content, by as many clients, to workflows that nobody carries.
func (b *bench) callbacks(ctx context.Context, r *result) error {
	caller, err := newCaller(b.System, b.Clients)
	if err != nil {
		return err
	}
	defer caller.http.CloseIdleConnections()
	const application = "iapp_75NxeSA7PJYideusaSmiA6"
	send := map[string]func(context.Context, string, int) error{
		webhook: func(ctx context.Context, reference string, i int) error {
			return caller.call(ctx, reference, application, i)
		},
		bare: func(ctx context.Context, reference string, i int) error {
			return caller.post(ctx, "http://"+b.receiver+"/callbacks/"+reference, reference, application, i)
		},
		raw: func(ctx context.Context, reference string, i int) error {
			return b.clear.SignalWorkflow(ctx, workflows.ID(reference), "", workflows.SignalCallback,
				workflows.Callback{RequestID: fmt.Sprintf("bench%d", i), ApplicationID: application})
		},
	}
	for turn := range rounds + 1 {
		laps := map[string]signals{}
		for i := range ways { // each comes first, second and last as often
			way := ways[(turn+i)%len(ways)]
			if laps[way], err = b.signal(ctx, fmt.Sprintf("%s%d", way, turn), send[way]); err != nil {
				return fmt.Errorf("%s: %w", way, err)
			}
		}
		if turn == 0 {
			continue
		}
		r.addSignals(laps)
		told := r.Callbacks[turn-1]
		fmt.Printf("callbacks %2d: webhook %6.0f, bare %6.0f, raw %6.0f a second, of raw %.3f and %.3f\n",
			turn, told[webhook], told[bare], told[raw], told[webhook]/told[raw], told[bare]/told[raw])
	}
	return nil
}

// caller calls back as ConnectFi does.
type caller struct {
	public string
	keys   linktoken.Keys
	http   *http.Client
}

var errBusy = errors.New("the webhook has no room")

func newCaller(s *fleet.System, clients int) (caller, error) {
	text, err := s.Secret("link_keys")
	if err != nil {
		return caller{}, err
	}
	keys, err := linktoken.ParseKeys(text)
	return caller{s.Public, keys, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients},
		Timeout: 10 * time.Second}}, err
}

// call tells the webhook of a decision. errBusy is a 503.
func (c caller) call(ctx context.Context, reference, application string, i int) error {
	return c.post(ctx, c.public+"/connectfi/callbacks/"+reference+"/"+c.keys.Mint(linktoken.Callback, reference),
		reference, application, i)
}

func (c caller) post(ctx context.Context, address, reference, application string, i int) error {
	body := fmt.Sprintf(`{"code":"0","message":"success","requestId":"bench%d","data":{"reference":%q,"applicationId":%q,`+
		`"status":"completed","outcome":"Approved"}}`, i, reference, application)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	switch {
	case response.StatusCode == http.StatusServiceUnavailable:
		return errBusy
	case response.StatusCode >= 300:
		return fmt.Errorf("the webhook answers %d", response.StatusCode)
	}
	return nil
}

// signals is one round of one way.
type signals struct {
	took time.Duration
	each []time.Duration
	cpu  map[string]float64 // seconds, by process
}

func (s signals) rate() float64 { return float64(len(s.each)) / s.took.Seconds() }

func (b *bench) signal(ctx context.Context, name string, send func(context.Context, string, int) error) (s signals,
	err error) {
	for i := range b.Clients {
		if _, err := b.clear.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflows.ID(fmt.Sprintf("%sc%d", name, i)),
			TaskQueue: nobody}, nobody); err != nil {
			return s, err
		}
	}
	s.each = make([]time.Duration, b.Signals/b.Clients*b.Clients)
	before, err := usage(b.Fleet)
	if err != nil {
		return s, err
	}
	var all errgroup.Group
	began := time.Now()
	for client := range b.Clients {
		all.Go(func() error {
			for i := client; i < len(s.each); i += b.Clients {
				sent := time.Now()
				if err := send(ctx, fmt.Sprintf("%sc%d", name, client), i); err != nil {
					return err
				}
				s.each[i] = time.Since(sent)
			}
			return nil
		})
	}
	err = all.Wait()
	s.took = time.Since(began)
	after, used := usage(b.Fleet)
	err, s.cpu = errors.Join(err, used), spent(before, after)
	for i := range b.Clients { // nobody would ever end them
		if gone := b.clear.TerminateWorkflow(ctx, workflows.ID(fmt.Sprintf("%sc%d", name, i)), "", "measured"); gone != nil &&
			err == nil {
			err = gone
		}
	}
	return s, err
}
