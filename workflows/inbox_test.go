package workflows_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"pgregory.net/rapid"

	"durablekyc.example/activities"
	"durablekyc.example/connectfi"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/seal"
	"durablekyc.example/kyc"
	"durablekyc.example/sandbox/standin"
	"durablekyc.example/workflows"
)

// lab is one case in skipped time with the real activities, in front of a
// ConnectFi that does what the draw says: it breaks down before or after it has
// done its work, and calls back as often as it likes.
type lab struct {
	*testsuite.TestWorkflowEnvironment
	t        *rapid.T
	sandbox  *standin.Sandbox
	store    *docstore.Store
	customer string

	mu     sync.Mutex
	faults []string // of the next calls, one each; then none
	posts  int      // identifications that reached ConnectFi
}

// nowhere is where ConnectFi's own callbacks go: the draw makes ours.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("nobody") }

// serverTime gives activities the environment's time, as the server does.
type serverTime struct {
	interceptor.WorkerInterceptorBase
	interceptor.ActivityInboundInterceptorBase
	interceptor.ActivityOutboundInterceptorBase
	now func() time.Time
}

func (s *serverTime) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &serverTime{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, now: s.now}
}

func (s *serverTime) Init(next interceptor.ActivityOutboundInterceptor) error {
	return s.ActivityInboundInterceptorBase.Init(&serverTime{ActivityOutboundInterceptorBase: interceptor.ActivityOutboundInterceptorBase{Next: next}, now: s.now})
}

func (s *serverTime) GetInfo(ctx context.Context) activity.Info {
	info := s.ActivityOutboundInterceptorBase.GetInfo(ctx)
	info.StartedTime = s.now()
	return info
}

// RoundTrip is the way to ConnectFi.
func (l *lab) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	fault := ""
	if len(l.faults) > 0 && !strings.HasSuffix(r.URL.Path, "/get-token") {
		fault, l.faults = l.faults[0], l.faults[1:]
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
	if strings.HasSuffix(r.URL.Path, "/identification") {
		l.mu.Lock()
		l.posts++
		l.mu.Unlock()
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

func newLab(t *rapid.T, keyset seal.Keyset, scenario string) *lab {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	l := &lab{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t}
	var err error
	l.sandbox, err = standin.New(standin.Config{Seed: 1, Delay: time.Hour, CallbackClient: &http.Client{Transport: nowhere{}}})
	require.NoError(t, err)
	l.store, err = docstore.Open(context.Background(), "mem://", keyset)
	require.NoError(t, err)
	client, err := connectfi.New(connectfi.Config{BaseURL: "http://connectfi.test", Login: "l", Password: "p", HTTP: &http.Client{Transport: l}})
	require.NoError(t, err)
	var made struct {
		CustomerIDs []string `json:"customerIds"`
	}
	l.script(http.MethodPost, "/sandbox/customers", map[string]any{"type": "individual", "scenario": scenario}, &made)
	l.customer = made.CustomerIDs[0]
	workflows.Register(l)
	l.RegisterActivity(activities.New(activities.Config{ConnectFi: client, Documents: l.store,
		CallbackURL: func(string) string { return "http://kyc.test" }}))
	l.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	l.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&serverTime{now: l.Now}}})
	l.SetStartTime(begin) // whatever the clock of this machine says
	l.SetTestTimeout(5 * time.Second)
	return l
}

// submission puts both sides of a licence into the store.
func (l *lab) submission(id string) kyc.Submission {
	s := kyc.Submission{ID: id, Entity: l.customer, Type: "license"}
	for _, side := range []kyc.Side{kyc.Front, kyc.Back} {
		key, err := l.store.Put(context.Background(), "A1", strings.NewReader("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"+id+string(side)), "image/png")
		require.NoError(l.t, err)
		s.Images = append(s.Images, kyc.Image{Key: key, Side: side, Extension: "png"})
	}
	return s
}

// application is where ConnectFi stands.
func (l *lab) application() (one standin.ApplicationEntry) {
	var all []standin.ApplicationEntry
	l.script(http.MethodGet, "/sandbox/applications", nil, &all)
	if len(all) > 0 {
		one = all[0]
	}
	return one
}

// TestTheInboxWhateverComes: whatever comes into a case in whichever order, while
// ConnectFi breaks down as it likes for a while: the case ends, everybody who
// asked is answered, there is one application, every document was attached once,
// and what the case says is what ConnectFi said.
func TestTheInboxWhateverComes(t *testing.T) {
	text, err := seal.NewKeyset()
	require.NoError(t, err)
	keyset, err := seal.ParseKeyset(text)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		l := newLab(t, keyset, rapid.SampledFrom([]string{"approve", "deny", "step_up", "step_up_review", "review", "data_request", "unknown_status", "back_and_forth"}).Draw(t, "scenario"))
		defer func() { l.sandbox.Close(); require.NoError(t, l.store.Close()) }()
		l.faults = rapid.SliceOfN(rapid.SampledFrom([]string{"", "", "before", "after", "busy"}), 0, 12).Draw(t, "faults")
		var (
			answers   []*answer
			asked     []time.Time
			accepted  = map[string]bool{}
			withdrawn bool
			after     time.Duration
		)
		update := func(name, id string, args ...any) *answer {
			a := &answer{}
			answers, asked = append(answers, a), append(asked, l.Now())
			l.UpdateWorkflow(name, id, a, args...)
			return a
		}
		do := map[string]func(i int){
			"callback":  func(i int) { l.SignalWorkflow(workflows.SignalCallback, workflows.Callback{RequestID: fmt.Sprint(i)}) },
			"duplicate": func(int) { l.SignalWorkflow(workflows.SignalCallback, workflows.Callback{RequestID: "same"}) },
			"foreign":   func(int) { l.SignalWorkflow(workflows.SignalCallback, workflows.Callback{ApplicationID: "iapp_other"}) },
			"start": func(i int) {
				update(workflows.UpdateStart, fmt.Sprint("start", i), workflows.StartRequest{CustomerID: l.customer})
			},
			"refresh": func(i int) { update(workflows.UpdateRefresh, fmt.Sprint("refresh", i)) },
			"revoke":  func(i int) { update(workflows.UpdateRevoke, fmt.Sprint("revoke", i)) },
			"submit": func(i int) {
				s := l.submission(fmt.Sprint("s", i))
				a := update(workflows.UpdateSubmit, s.ID, s)
				update(workflows.UpdateSubmit, s.ID+"again", s) // the same from a second tab
				accepted[s.ID] = !a.rejected
			},
			"withdraw": func(int) { withdrawn = true; update(workflows.UpdateWithdraw, "withdraw") },
			"approve":  func(int) { l.move("completed", "approved") },
			"deny":     func(int) { l.move("completed", "denied") },
			"review":   func(int) { l.move("waiting_review", "") },
			"want":     func(int) { l.move("pending_step_up", "") },
		}
		names := []string{"callback", "callback", "duplicate", "foreign", "start", "refresh", "refresh", "revoke", "submit", "submit", "submit",
			"approve", "deny", "review", "want", "withdraw"}
		for i, name := range rapid.SliceOfN(rapid.SampledFrom(names), 0, 12).Draw(t, "what comes") {
			after += time.Duration(rapid.SampledFrom([]int{0, 0, 1, 20, 600, 40_000}).Draw(t, "seconds later")) * time.Second
			l.RegisterDelayedCallback(func() {
				if !l.IsWorkflowCompleted() { // a closed case takes nothing
					do[name](i)
				}
			}, after)
		}
		policy := kyc.DefaultPolicy()
		policy.Case, policy.Documents, policy.ReadFirst = kyc.Duration(10*day), kyc.Duration(6*day), policy.ReadMax
		l.ExecuteWorkflow(workflows.Type, workflows.Input{Reference: "A1", CustomerID: l.customer, Policy: policy})
		require.True(t, l.IsWorkflowCompleted(), "it is stuck")
		require.NoError(t, l.GetWorkflowError())
		var v kyc.View
		require.NoError(t, l.GetWorkflowResult(&v))

		for i, a := range answers {
			// What comes in the moment of the end is the server's to refuse.
			require.True(t, a.done || a.rejected || !asked[i].Before(v.EndedAt), "nobody answered %d", i)
		}
		require.LessOrEqual(t, l.posts, 1, "one reference, one application")
		theirs := l.application()
		require.Contains(t, []string{"", theirs.ApplicationID}, v.ApplicationID)
		switch v.Stage {
		case kyc.Approved, kyc.Denied:
			require.Equal(t, connectfi.StatusCompleted, theirs.Status)
			require.True(t, strings.EqualFold(string(v.Outcome), string(theirs.Outcome)), "we say %s and ConnectFi %s", v.Outcome, theirs.Outcome)
		case kyc.Expired:
			require.NotEqual(t, connectfi.StatusCompleted, theirs.Status, "the last look would have seen it")
		default:
			require.Equal(t, kyc.Withdrawn, v.Stage)
			require.True(t, withdrawn)
		}
		submissions := 0
		for _, taken := range accepted {
			if taken {
				submissions++
			}
		}
		var ledger []standin.LedgerEntry
		l.script(http.MethodGet, "/sandbox/ledger", nil, &ledger)
		for _, entry := range ledger {
			require.LessOrEqual(t, entry.Applications, 1)
			require.Equal(t, entry.Documents, entry.Attachments, "each document once")
			require.LessOrEqual(t, entry.Documents, 2*submissions)
		}
	})
}

// move puts the application somewhere else at ConnectFi, unless it was decided.
func (l *lab) move(status connectfi.Status, outcome connectfi.Outcome) {
	if a := l.application(); a.ApplicationID != "" && a.Status != connectfi.StatusCompleted {
		l.script(http.MethodPost, "/sandbox/applications/"+a.ApplicationID+"/status", map[string]any{"status": status, "outcome": outcome}, nil)
	}
}
