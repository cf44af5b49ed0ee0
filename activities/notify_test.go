package activities_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"durablekyc.example/activities"
	"durablekyc.example/connectfi"
	"durablekyc.example/internal/delivery"
	"durablekyc.example/kyc"
)

// outside is one receiver that does as it is told.
type outside struct {
	*testsuite.TestActivityEnvironment
	t      *testing.T
	do     *activities.Activities
	url    string
	secret string
	answer func(w http.ResponseWriter)
	calls  atomic.Int32
	header http.Header
	body   []byte
}

func newOutside(t *testing.T, private bool) *outside {
	o := &outside{t: t, secret: delivery.NewSecret(), answer: func(http.ResponseWriter) {}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.calls.Add(1)
		o.header = r.Header.Clone()
		o.body, _ = io.ReadAll(r.Body)
		o.answer(w)
	}))
	t.Cleanup(server.Close)
	o.url = server.URL
	secrets, err := delivery.ParseSecrets(o.secret)
	require.NoError(t, err)
	sender, err := delivery.New(delivery.Config{Secrets: secrets, AllowPrivate: private, Timeout: 500 * time.Millisecond})
	require.NoError(t, err)
	o.do = activities.New(activities.Config{Hooks: sender, NotifyURL: server.URL + "/everybody",
		ApplicantURL: func(reference string, links int, until time.Time) string {
			return fmt.Sprintf("https://kyc.example.com/verify/link/%s-%d-%d", reference, links, until.Unix())
		}})
	var suite testsuite.WorkflowTestSuite
	o.TestActivityEnvironment = suite.NewTestActivityEnvironment()
	o.RegisterActivity(o.do)
	return o
}

// attempt sends one notice once.
func (o *outside) attempt(r activities.NotifyRequest) (result activities.NotifyResult, err error) {
	o.t.Helper()
	value, err := o.ExecuteActivity(o.do.Notify, r)
	if err == nil {
		require.NoError(o.t, value.Get(&result))
	}
	return result, err
}

func (o *outside) verify() {
	o.t.Helper()
	verifier, err := standardwebhooks.NewWebhook(o.secret)
	require.NoError(o.t, err)
	require.NoError(o.t, verifier.Verify(o.body, o.header))
}

const customer = "cstap_5WMvWpL6XzfkmntDJeeHm2"

func notice(what kyc.NoticeType, stage kyc.Stage, status kyc.Status, outcome,
	entity kyc.Outcome) activities.NotifyRequest {
	return activities.NotifyRequest{Reference: "extRefAk124", CustomerID: customer, Receiver: activities.ReceiverGlobal,
		Sequence: 1772355600000,
		Notice: kyc.Notice{ID: "evt_49c668d1e1d0e3481d8a6eadabdba52b", Type: what, At: time.Date(2026, 3, 1, 9, 0, 0, 0,
			time.UTC), Stage: stage,
			Links: 2, Until: time.Now().Add(time.Hour).Truncate(time.Second),
			Reading: kyc.Snapshot{ApplicationID: "iapp_6HdIlzPVvBdPRMOLVb7BGW", AggregatorID: "CLIENTID", Status: status,
				Outcome:  outcome,
				Entities: []kyc.EntitySnapshot{{ID: customer, IsCustomer: true, Status: status, Outcome: entity}}}}}
}

func approved() activities.NotifyRequest {
	return notice(kyc.NoticeApproved, kyc.Approved, "completed", "Approved", "approved")
}

func TestTheEventForEverybodyIsThinAndSigned(t *testing.T) {
	o := newOutside(t, true)
	result, err := o.attempt(approved())
	require.NoError(t, err)
	require.Equal(t, activities.NotifyResult{Attempts: 1, Answer: "200"}, result)
	require.Equal(t, "evt_49c668d1e1d0e3481d8a6eadabdba52b", o.header.Get("webhook-id"))
	require.Equal(t, `{"type":"case.approved","timestamp":"2026-03-01T09:00:00Z","data":{"reference":"extRefAk124",`+
		`"applicationId":"iapp_6HdIlzPVvBdPRMOLVb7BGW","stage":"approved","customerType":"individual",`+
		`"sequence":1772355600000}}`, string(o.body))
	o.verify()

	for _, what := range []kyc.NoticeType{kyc.NoticeDocuments, kyc.NoticeReminder} {
		r := notice(what, kyc.AwaitingDocuments, "pending_step_up", "", "")
		_, err = o.attempt(r)
		require.NoError(t, err)
		require.Contains(t, string(o.body), fmt.Sprintf(`"link":"https://kyc.example.com/verify/link/extRefAk124-2-%d"`,
			r.Notice.Until.Unix()))
		r.Notice.Until = time.Now().Add(-time.Second)
		_, err = o.attempt(r)
		require.NoError(t, err)
		require.NotContains(t, string(o.body), "link", "a link that has ended is no use")
	}
}

// The call is ConnectFi's own and one field that orders it among the others.
func TestTheCallersEnvelopeIsConnectFis(t *testing.T) {
	o := newOutside(t, true)
	r := approved()
	r.Receiver, r.WebhookURL = activities.ReceiverCaller, o.url+"/own"
	_, err := o.attempt(r)
	require.NoError(t, err)
	o.verify()
	application, requestID, err := connectfi.ParseCallback(o.body)
	require.NoError(t, err)
	require.Regexp(t, "^[0-9a-f]{32}$", requestID)

	printed, err := os.ReadFile("../connectfi/testdata/callback.json")
	require.NoError(t, err)
	want, _, err := connectfi.ParseCallback(printed)
	require.NoError(t, err)
	require.Equal(t, want, application)
	var fields, printedFields map[string]any
	require.NoError(t, json.Unmarshal(o.body, &fields))
	require.NoError(t, json.Unmarshal(printed, &printedFields))
	fields["requestId"], printedFields["requestId"] = "", ""
	printedFields["sequence"] = 1772355600000.
	require.Equal(t, printedFields, fields)

	_, err = o.attempt(r)
	require.NoError(t, err)
	_, again, err := connectfi.ParseCallback(o.body)
	require.NoError(t, err)
	require.Equal(t, requestID, again, "a repetition is one")
	r.Notice.ID = "evt_e3481d8a6eadabdba52b49c668d1e1d0"
	_, err = o.attempt(r)
	require.NoError(t, err)
	_, other, err := connectfi.ParseCallback(o.body)
	require.NoError(t, err)
	require.NotEqual(t, requestID, other)

	o.answer = func(http.ResponseWriter) {}
	_, err = o.attempt(func() activities.NotifyRequest {
		r := notice(kyc.NoticeReview, kyc.InReview, "waiting_review", "", "")
		r.Receiver, r.WebhookURL = activities.ReceiverCaller, o.url
		return r
	}())
	require.NoError(t, err)
	require.Contains(t, string(o.body), `"outcome":null`, "as the page prints it")
}

func TestWhatAnAnswerMeans(t *testing.T) {
	status := func(code int, retryAfter string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Location", "/elsewhere")
			if retryAfter != "" {
				w.Header().Set("Retry-After", retryAfter)
			}
			w.WriteHeader(code)
		}
	}
	httpDate := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for name, test := range map[string]struct {
		answer  func(http.ResponseWriter)
		taken   bool
		kind    string
		lasting bool
		least   time.Duration
		most    time.Duration
	}{
		"taken":                {answer: status(204, ""), taken: true, kind: "204"},
		"taken, the last code": {answer: status(299, ""), taken: true, kind: "299"},
		"the next is not":      {answer: status(300, ""), kind: "300", least: 4 * time.Second, most: 6 * time.Second},
		"broken":               {answer: status(500, ""), kind: "500", least: 4 * time.Second, most: 6 * time.Second},
		"not found":            {answer: status(404, ""), kind: "404", least: 4 * time.Second, most: 6 * time.Second},
		"a redirect":           {answer: status(302, ""), kind: "302", least: 4 * time.Second, most: 6 * time.Second},
		"not changed":          {answer: status(304, ""), kind: "304", least: 4 * time.Second, most: 6 * time.Second},
		"gone":                 {answer: status(410, ""), kind: "410", lasting: true},
		"too many":             {answer: status(429, "120"), kind: "429", least: 2 * time.Minute, most: 2 * time.Minute},
		"too many, by a date": {answer: status(429, httpDate(time.Hour)), kind: "429", least: 59 * time.Minute,
			most: time.Hour},
		"away, asks for a year": {answer: status(503, "31536000"), kind: "503", least: 24 * time.Hour,
			most: 24 * time.Hour},
		"away, asks for nothing": {answer: status(503, "0"), kind: "503", least: 4 * time.Second, most: 6 * time.Second},
		"others may not ask":     {answer: status(500, "7200"), kind: "500", least: 4 * time.Second, most: 6 * time.Second},
		"hangs": {answer: func(http.ResponseWriter) { hang(t) }, kind: activities.AnswerNone,
			least: 4 * time.Second, most: 6 * time.Second},
		"breaks off": {answer: func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
			kind: activities.ResultUnreachable, least: 4 * time.Second, most: 6 * time.Second},
		"an answer of 1 MB is ok": {answer: func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 1<<20)) }, taken: true,
			kind: "200"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutside(t, true)
			o.answer = test.answer
			result, err := o.attempt(approved())
			require.EqualValues(t, 1, o.calls.Load(), "one attempt, and no redirect is followed")
			if test.taken {
				require.NoError(t, err)
				require.Equal(t, test.kind, result.Answer)
				return
			}
			e := applicationError(t, err)
			require.Equal(t, test.kind, e.Type())
			require.Equal(t, test.lasting, e.NonRetryable())
			require.GreaterOrEqual(t, e.NextRetryDelay(), test.least)
			require.LessOrEqual(t, e.NextRetryDelay(), test.most)
			require.NotContains(t, e.Error(), "127.0.0.1")
			var details activities.NotifyResult
			require.NoError(t, e.Details(&details))
			require.Equal(t, activities.NotifyResult{Attempts: 1, Answer: test.kind}, details)
		})
	}
}

// hang outlasts the sender's patience.
func hang(t *testing.T) {
	select {
	case <-t.Context().Done():
	case <-time.After(2 * time.Second):
	}
}

func TestNoReceiverNoAddress(t *testing.T) {
	o := newOutside(t, false)
	for name, test := range map[string]struct {
		receiver activities.Receiver
		url      string
		kind     string
		lasting  bool
	}{
		"a private address, everybody's": {activities.ReceiverGlobal, "", activities.AnswerForbidden, false},
		"a private address, a caller's":  {activities.ReceiverCaller, o.url, activities.AnswerForbidden, false},
		"no address":                     {activities.ReceiverCaller, "", activities.ResultNoReceiver, false},
		"another scheme":                 {activities.ReceiverCaller, "file:///etc/passwd", activities.AnswerURL, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := approved()
			r.Receiver, r.WebhookURL = test.receiver, test.url
			_, err := o.attempt(r)
			e := applicationError(t, err)
			require.Equal(t, test.kind, e.Type())
			require.Equal(t, test.lasting, e.NonRetryable(), "who runs the worker can mend it within three days")
			require.Zero(t, o.calls.Load())
		})
	}
}
