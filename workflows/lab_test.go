package workflows_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/activities"
	"durablekyc.example/connectfi"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/sandbox/simulator"
	"durablekyc.example/workflows"
)

// lab is one case in skipped time with the real activities, in front of a
// ConnectFi that does what the draw says: it breaks down before or after it has
// done its work, and calls back as often as it likes.
type lab struct {
	*testsuite.TestWorkflowEnvironment
	t        require.TestingT
	do       *activities.Activities
	sandbox  *simulator.Sandbox
	store    *docstore.Store
	customer string

	commands int // of a run's history: activities, but not their attempts, and timers
	timers   int // of these

	mu     sync.Mutex
	faults map[bool][]string // of the next calls about documents and of all others, one each; then none
	lost   int               // answers to links that are lost besides
	posts  int               // identifications that reached ConnectFi
	looks  []time.Time
}

// nowhere is where ConnectFi's own callbacks go: the draw makes ours.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nobody")
}

// server does what Temporal's does and its test environment does not: it tells
// activities its own time, and repeats them more than ten times.
type server struct {
	interceptor.WorkerInterceptorBase
	now              func() time.Time
	commands, timers *int
}

type (
	inbound struct {
		interceptor.ActivityInboundInterceptorBase
		now func() time.Time
	}
	outbound struct {
		interceptor.ActivityOutboundInterceptorBase
		now func() time.Time
	}
	flowIn struct {
		interceptor.WorkflowInboundInterceptorBase
		commands, timers *int
	}
	flowOut struct {
		interceptor.WorkflowOutboundInterceptorBase
		commands, timers *int
	}
)

func (s *server) InterceptActivity(_ context.Context,
	next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &inbound{now: s.now}
	i.Next = next
	return i
}

func (i *inbound) Init(next interceptor.ActivityOutboundInterceptor) error {
	o := &outbound{now: i.now}
	o.Next = next
	return i.ActivityInboundInterceptorBase.Init(o)
}

func (o *outbound) GetInfo(ctx context.Context) activity.Info {
	info := o.ActivityOutboundInterceptorBase.GetInfo(ctx)
	info.StartedTime = o.now()
	return info
}

func (s *server) InterceptWorkflow(_ workflow.Context,
	next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	f := &flowIn{commands: s.commands, timers: s.timers}
	f.Next = next
	return f
}

func (f *flowIn) Init(next interceptor.WorkflowOutboundInterceptor) error {
	o := &flowOut{commands: f.commands, timers: f.timers}
	o.Next = next
	return f.WorkflowInboundInterceptorBase.Init(o)
}

func (o *flowOut) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	if *o.commands++; *o.commands > 1000 {
		panic("it asks and asks, and gets nowhere")
	}
	policy := *workflow.GetActivityOptions(ctx).RetryPolicy
	policy.MaximumAttempts = 1 << 20
	return o.WorkflowOutboundInterceptorBase.ExecuteActivity(workflow.WithRetryPolicy(ctx, policy), name, args...)
}

func (o *flowOut) NewTimerWithOptions(ctx workflow.Context, d time.Duration,
	options workflow.TimerOptions) workflow.Future {
	*o.commands++
	*o.timers++
	return o.WorkflowOutboundInterceptorBase.NewTimerWithOptions(ctx, d, options)
}

// RoundTrip is the way to ConnectFi.
func (l *lab) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	fault := ""
	documents := strings.Contains(r.URL.Path, "/document/") || strings.HasSuffix(r.URL.Path, "/update")
	if left := l.faults[documents]; len(left) > 0 && !strings.HasSuffix(r.URL.Path, "/get-token") {
		fault, l.faults[documents] = left[0], left[1:]
	}
	l.mu.Unlock()
	switch fault {
	case "before":
		return nil, errors.New("the line is dead")
	case "busy":
		return &http.Response{StatusCode: 400, Header: http.Header{}, Request: r, Body: http.NoBody}, nil
	}
	answer := httptest.NewRecorder()
	l.sandbox.ServeHTTP(answer, r)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/identification"):
		l.posts++
	case strings.HasSuffix(r.URL.Path, "/status"):
		l.looks = append(l.looks, l.Now())
	case strings.HasSuffix(r.URL.Path, "/update") && l.lost > 0:
		l.lost, fault = l.lost-1, "after"
	}
	if fault == "after" {
		return nil, errors.New("the answer was lost")
	}
	return answer.Result(), nil
}

// script tells the stand-in something by its own endpoints, past all faults.
func (l *lab) script(method, path string, body, answer any) int {
	text, err := json.Marshal(body)
	require.NoError(l.t, err)
	got := httptest.NewRecorder()
	l.sandbox.ServeHTTP(got, httptest.NewRequest(method, path, bytes.NewReader(text)))
	if answer != nil {
		require.NoError(l.t, json.Unmarshal(got.Body.Bytes(), answer), got.Body)
	}
	return got.Code
}

func newLab(t require.TestingT, keyset encryption.Keyset, scenario string) *lab {
	l := &lab{t: t}
	var err error
	l.sandbox, err = simulator.New(simulator.Config{Seed: 1, Delay: time.Hour,
		CallbackClient: &http.Client{Transport: nowhere{}}})
	require.NoError(t, err)
	l.store, err = docstore.Open(context.Background(), "mem://", keyset)
	require.NoError(t, err)
	client, err := connectfi.New(connectfi.Config{BaseURL: "http://connectfi.test", Login: "l", Password: "p",
		HTTP: &http.Client{Transport: l}})
	require.NoError(t, err)
	l.do = activities.New(activities.Config{ConnectFi: client, Documents: l.store,
		CallbackURL: func(string) string { return "http://kyc.test" }})
	var made struct {
		CustomerIDs []string `json:"customerIds"`
	}
	l.script(http.MethodPost, "/sandbox/customers", map[string]any{"type": "individual", "scenario": scenario}, &made)
	l.customer = made.CustomerIDs[0]
	l.begin(begin) // whatever the clock of this machine says
	return l
}

// begin makes ready for a run, the first or a later one, at a time.
func (l *lab) begin(at time.Time) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	l.TestWorkflowEnvironment = suite.NewTestWorkflowEnvironment()
	workflows.Register(l)
	l.RegisterActivity(l.do)
	l.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	l.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&server{now: l.Now,
		commands: &l.commands, timers: &l.timers}}})
	l.commands, l.timers = 0, 0
	l.SetStartTime(at)
	l.SetTestTimeout(5 * time.Second)
}

func (l *lab) close() {
	l.sandbox.Close()
	require.NoError(l.t, l.store.Close())
}

// submission puts both sides of a license into the store.
func (l *lab) submission(id string) kyc.Submission {
	s := kyc.Submission{ID: id, Entity: l.customer, Type: "license", Consent: kyc.ConsentElsewhere()}
	for _, side := range []kyc.Side{kyc.Front, kyc.Back} {
		key, err := l.store.Put(context.Background(), "A1", strings.NewReader("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"+
			id+string(side)), "image/png")
		require.NoError(l.t, err)
		s.Images = append(s.Images, kyc.Image{Key: key, Side: side, Extension: "png"})
	}
	return s
}

// application is where ConnectFi stands.
func (l *lab) application() (one simulator.ApplicationEntry) {
	var all []simulator.ApplicationEntry
	l.script(http.MethodGet, "/sandbox/applications", nil, &all)
	if len(all) > 0 {
		one = all[0]
	}
	return one
}

// move puts the application somewhere else at ConnectFi, unless it was decided.
func (l *lab) move(status connectfi.Status, outcome connectfi.Outcome) {
	if a := l.application(); a.ApplicationID != "" && a.Status != connectfi.StatusCompleted {
		l.script(http.MethodPost, "/sandbox/applications/"+a.ApplicationID+"/status", map[string]any{"status": status,
			"outcome": outcome}, nil)
	}
}
