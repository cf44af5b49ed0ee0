package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"durablekyc.example/activities"
	"durablekyc.example/workflows"
)

// try is one attempt, as the notifier made it or as a receiver heard it.
type try struct {
	at   time.Duration // in the notifier's time, which is skipped, and stands still during an attempt
	id   string
	n    int    // by Temporal's count; a receiver has none
	word string // how it ended
}

// street is a notifier and its receivers, with nothing between them replaced.
type street struct {
	*post
	tried     map[activities.Receiver][]try
	heard     map[activities.Receiver][]try
	dialled   map[activities.Receiver]bool
	elsewhere string // where redirects point
	astray    int    // requests that came there
}

func newStreet(t *testing.T) *street {
	var suite testsuite.WorkflowTestSuite
	s := &street{post: &post{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t},
		tried: map[activities.Receiver][]try{},
		heard: map[activities.Receiver][]try{}, dialled: map[activities.Receiver]bool{}}
	workflows.Register(s)
	s.SetStartTime(begin)
	s.SetTestTimeout(20 * time.Second)
	s.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&witness{street: s}}})
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.astray++
	}))
	t.Cleanup(elsewhere.Close)
	s.elsewhere = elsewhere.URL
	return s
}

// open lets a receiver listen, now or once it is up, and answers with its URL.
func (s *street) open(who activities.Receiver, r receiver, secret string) string {
	verifier, err := standardwebhooks.NewWebhook(secret)
	require.NoError(s.t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		got, n := try{at: s.Now().Sub(begin), id: request.Header.Get("webhook-id")}, 1
		s.mu.Lock()
		for _, earlier := range s.heard[who] {
			if earlier.id == got.id {
				n++
			}
		}
		if got.word = r.says(n, got.at); verifier.Verify(body, request.Header) != nil {
			got.word = "forged"
		}
		s.heard[who] = append(s.heard[who], got)
		s.mu.Unlock()
		switch status, err := strconv.Atoi(got.word); {
		case err == nil:
			w.Header().Set("Location", s.elsewhere)
			w.Header().Set("Retry-After", r.retryAfter)
			w.WriteHeader(status)
		case got.word == activities.AnswerNone:
			<-request.Context().Done() // until the sender hangs up
		default:
			panic(http.ErrAbortHandler)
		}
	}))
	server.Config.ConnState = func(net.Conn, http.ConnState) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dialled[who] = true
	}
	s.t.Cleanup(server.Close)
	if r.down == 0 {
		server.Start()
		return server.URL
	}
	require.NoError(s.t, server.Listener.Close())
	address, listen := s.quietPort()
	s.RegisterDelayedCallback(func() { server.Listener = listen(); server.Start() }, r.down)
	return "http://" + address
}

// quietPort is bound, so that nobody else comes by it, and refuses connections
// until somebody listens.
func (s *street) quietPort() (address string, listen func() net.Listener) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	require.NoError(s.t, err)
	file := os.NewFile(uintptr(fd), "quiet")
	s.t.Cleanup(func() { file.Close() })
	require.NoError(s.t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	bound, err := syscall.Getsockname(fd)
	require.NoError(s.t, err)
	return fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port), func() net.Listener {
		require.NoError(s.t, syscall.Listen(fd, 16))
		listener, err := net.FileListener(file)
		require.NoError(s.t, err)
		return listener
	}
}

// witness stands behind Temporal and in front of the activity, and sees every
// attempt, also those that reach nobody.
type witness struct {
	interceptor.WorkerInterceptorBase
	interceptor.ActivityInboundInterceptorBase
	street *street
}

func (w *witness) InterceptActivity(_ context.Context,
	next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &witness{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next},
		street: w.street}
}

func (w *witness) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	request := in.Args[0].(activities.NotifyRequest)
	made := try{at: w.street.Now().Sub(begin), id: request.Notice.ID, n: int(activity.GetInfo(ctx).Attempt)}
	result, err := w.Next.ExecuteActivity(ctx, in)
	if failed, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		made.word = failed.Type()
	} else if taken, is := result.(activities.NotifyResult); is {
		made.word = taken.Answer
	}
	w.street.mu.Lock()
	defer w.street.mu.Unlock()
	w.street.tried[request.Receiver] = append(w.street.tried[request.Receiver], made)
	return result, err
}
