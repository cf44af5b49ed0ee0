package simulator_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/sandbox/simulator"
)

// pipes is a listener without a network, for synctest's time.
type pipes struct {
	accepted chan net.Conn
	closed   context.Context
	close    context.CancelFunc
}

func newPipes() *pipes {
	closed, end := context.WithCancel(context.Background())
	return &pipes{make(chan net.Conn), closed, end}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed.Done():
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	mine, theirs := net.Pipe()
	p.accepted <- theirs
	return mine, nil
}

// stubborn is a receiver that never answers, and takes a moment to be cut off.
type stubborn struct{ ended atomic.Bool }

func (s *stubborn) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	pass(time.Second)
	s.ended.Store(true)
	return nil, r.Context().Err()
}

// Serve and Close leave nothing behind: no call that dawdles, no callback
// under way, no step still to come.
func TestEverythingEnds(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, stop func(), served <-chan error, s *simulator.Sandbox){
		"by Serve's context": func(t *testing.T, stop func(), served <-chan error, _ *simulator.Sandbox) {
			stop()
			require.NoError(t, <-served)
		},
		"by Close": func(_ *testing.T, stop func(), served <-chan error, s *simulator.Sandbox) {
			s.Close()
			stop()
			<-served
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var receiver stubborn
				sandbox, err := simulator.New(simulator.Config{Delay: time.Hour,
					CallbackClient: &http.Client{Transport: &receiver}})
				require.NoError(t, err)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				listener, served := newPipes(), make(chan error, 1)
				go func() { served <- sandbox.Serve(ctx, listener) }()

				b := &bench{TB: t, sandbox: sandbox}
				b.token = b.getToken("team", "secret")
				still := b.identify(b.customers("individual", simulator.Running, 1)[0], "R1")
				b.move(b.identify(simulator.PageIndividual, "R2"), "completed", "approved")
				require.Equal(t, 1, b.ledger("R2").Callbacks)
				b.faults(`{"slow":"1h"}`)
				transport := &http.Transport{DialContext: listener.dial, DisableKeepAlives: true}
				dawdling := make(chan struct{})
				go func() {
					defer close(dawdling)
					r, _ := http.NewRequest(http.MethodPost, "http://sandbox/akepa/list", strings.NewReader(`{}`))
					if answer, err := transport.RoundTrip(r); err == nil {
						_ = answer.Body.Close()
					}
				}()
				synctest.Wait()
				begun := time.Now()
				end(t, stop, served, sandbox)
				require.True(t, receiver.ended.Load(), "the callback under way was waited for")
				require.Less(t, time.Since(begun), 3*time.Second)
				<-dawdling
				b.faults(`{}`)
				pass(30 * time.Minute)
				pass(31 * time.Minute)
				for _, entry := range good[[]simulator.ApplicationEntry](b, http.MethodGet, "/sandbox/applications?reference=R1",
					"") {
					require.Equal(t, connectfi.StatusRunning, entry.Status, "nothing happens by itself any more")
					require.Equal(t, still.ApplicationID, entry.ApplicationID)
				}
			})
		})
	}
}
