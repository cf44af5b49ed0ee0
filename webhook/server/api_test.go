package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
	"durablekyc.example/sandbox/simulator"
	"durablekyc.example/webhook/gateway"
	"durablekyc.example/webhook/server"
	"durablekyc.example/workflows"
)

// office carries cases as a worker does, in memory: the real kyc.Case is stepped,
// and what it needs is asked of the stand-in through the real client.
type office struct {
	mu        sync.Mutex
	connectfi *connectfi.Client
	cases     map[string]*kyc.Case
	told      map[string]kyc.View  // what became of an update, by its id
	orders    []cases.StartOptions // that began a case
	asked     int                  // starts, finding ones included
	refreshed int
	// deduplicates answers a start as Temporal answers an update that it has
	// answered before, whatever has changed since.
	deduplicates bool
	broken       error    // what every call ends in; nil is none
	late         error    // what a call ends in after it was taken; nil is none
	hurried      []string // the cases that were expedited
}

func (o *office) Expedite(_ context.Context, reference string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hurried = append(o.hurried, reference)
	return nil
}

func (o *office) Start(ctx context.Context, order cases.StartOptions) (kyc.View, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.asked++; o.broken != nil {
		return kyc.View{}, o.broken
	}
	k := o.cases[order.Reference]
	switch {
	case k == nil:
		fresh := kyc.New(order.Reference, order.CustomerID, order.Policy, time.Now())
		k = &fresh
		o.cases[order.Reference], o.orders = k, append(o.orders, order)
	case k.CustomerID != order.CustomerID:
		return kyc.View{}, &cases.RefusedError{Type: workflows.RefusedOtherCustomer, Reason: "another customer"}
	case !o.deduplicates && order.WebhookURL != "" && o.webhook(order.Reference) != order.WebhookURL:
		return kyc.View{}, &cases.RefusedError{Type: workflows.RefusedOtherWebhook, Reason: "another webhook"}
	}
	if o.late != nil {
		return kyc.View{}, o.late
	}
	if first, done := o.told[order.Reference]; done && !k.Stage.Final() {
		return first, nil // one update for all who ask: the first status, however long ago
	}
	o.told[order.Reference] = o.work(ctx, k, func() bool { return k.Stage != kyc.Identifying })
	return o.told[order.Reference], nil
}

// webhook is the address that a case was started with.
func (o *office) webhook(reference string) string {
	for _, order := range o.orders {
		if order.Reference == reference {
			return order.WebhookURL
		}
	}
	return ""
}

func (o *office) Submit(ctx context.Context, reference string, s kyc.Submission) (kyc.View, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, err := o.open(reference)
	if err != nil {
		return kyc.View{}, err
	}
	if k.Stage.Final() { // a closed workflow takes no update
		return kyc.View{}, &cases.RefusedError{Type: workflows.RefusedEnded, Reason: "ended"}
	}
	if v, done := o.told[reference+s.ID]; done {
		return v, nil
	}
	err = k.CheckSubmission(s)
	_, isInvalid := errors.AsType[*kyc.SubmissionError](err)
	switch {
	case isInvalid:
		return kyc.View{}, &cases.RefusedError{Type: workflows.RefusedInvalid, Reason: err.Error()}
	case err != nil:
		return kyc.View{}, &cases.RefusedError{Type: workflows.RefusedNotWanted, Reason: err.Error()}
	}
	k.Apply(kyc.Submitted{At: time.Now(), Submission: s})
	if o.late != nil {
		return kyc.View{}, o.late
	}
	o.told[reference+s.ID] = o.work(ctx, k, func() bool { return k.SubmissionDone(s.ID) })
	return o.told[reference+s.ID], nil
}

func (o *office) Refresh(ctx context.Context, reference string, by kyc.Actor) (kyc.View, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, err := o.open(reference)
	if err != nil {
		return kyc.View{}, err
	}
	o.refreshed++
	k.Apply(kyc.ChangeHinted{At: time.Now(), By: kyc.HintRefresh, Actor: by})
	mine := k.HintsReceived
	return o.work(ctx, k, func() bool { return k.Answered >= mine }), nil
}

func (o *office) Show(_ context.Context, reference string) (kyc.View, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, err := o.open(reference)
	if err != nil {
		return kyc.View{}, err
	}
	return o.view(k), nil
}

// view is a case with the sum of its webhookUrl, as workflows makes it.
func (o *office) view(k *kyc.Case) kyc.View {
	v := k.View()
	if address := o.webhook(k.Reference); address != "" {
		sum := sha256.Sum256([]byte(address))
		v.Webhook = hex.EncodeToString(sum[:8])
	}
	return v
}

func (o *office) Revision(_ context.Context, reference string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, err := o.open(reference)
	if err != nil {
		return "", err
	}
	return strconv.Itoa(k.Version), nil
}

func (o *office) SubmitAsync(context.Context, string, kyc.Submission) error {
	return errors.ErrUnsupported
}

func (o *office) open(reference string) (*kyc.Case, error) {
	switch k := o.cases[reference]; {
	case o.broken != nil:
		return nil, o.broken
	case k == nil:
		return nil, cases.ErrNotFound
	default:
		return k, nil
	}
}

// apply lets something happen to a case.
func (o *office) apply(reference string, e kyc.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cases[reference].Apply(e)
}

func (o *office) forget(reference string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.cases, reference)
}

// work does what the case needs until it needs to wait, and tells it as it was
// once something held.
func (o *office) work(ctx context.Context, k *kyc.Case, holds func() bool) (v kyc.View) {
	told := false
	for {
		if !told && (holds() || k.Stage.Final()) {
			v, told = o.view(k), true
		}
		need := k.Next(time.Now())
		var (
			a    connectfi.Application
			err  error
			step = kyc.StepStatus
			id   string
		)
		switch need.Action {
		case kyc.ActionIdentify:
			step = kyc.StepIdentification
			a, err = o.connectfi.Identify(ctx, connectfi.IdentificationRequest{CustomerID: k.CustomerID, Reference: k.Reference})
		case kyc.ActionSubmit:
			step, id = kyc.StepDocuments, need.Submission.ID
			update := connectfi.UpdateRequest{ApplicationID: k.ApplicationID, CustomerID: k.CustomerID,
				EntityID: need.Submission.Entity}
			for _, image := range need.Submission.Images {
				update.Documents = append(update.Documents, connectfi.DocumentLink{DocumentID: image.Document,
					Side: string(image.Side)})
			}
			a, err = o.connectfi.Update(ctx, update)
		case kyc.ActionReadStatus:
			a, err = o.connectfi.Status(ctx, connectfi.StatusRequest{CustomerID: k.CustomerID, ApplicationID: k.ApplicationID})
		default:
			return v
		}
		refused, isRefused := errors.AsType[*connectfi.Error](err)
		if isRefused {
			k.Apply(kyc.RequestRejected{At: time.Now(), Step: step, Code: refused.Code, Covers: need.UpToHint, Submission: id})
			continue
		}
		r := kyc.Snapshot{ApplicationID: a.ApplicationID, AggregatorID: a.AggregatorID, Status: kyc.Status(a.Status),
			Outcome: kyc.Outcome(a.Outcome)}
		for _, e := range a.EntityApplications {
			r.Entities = append(r.Entities, kyc.EntitySnapshot{ID: e.EntityID, IsCustomer: e.IsCustomer,
				Status: kyc.Status(e.Status), Outcome: kyc.Outcome(e.Outcome)})
		}
		k.Apply(kyc.StatusReceived{At: time.Now(), Reading: r, Covers: need.UpToHint, Submission: id})
	}
}

const (
	apiToken    = "a-token-that-does-not-end"
	apiLogin    = "backend"
	apiPassword = "a:password" // a colon of its own
)

// backend is a program that calls our webhook as it would call ConnectFi.
type backend struct {
	testServer
	t       testing.TB
	office  *office
	theirs  *connectfi.Client // ConnectFi itself, that is the stand-in
	sandbox *httptest.Server
}

func newBackend(t testing.TB, change ...func(*server.Config)) *backend {
	t.Helper()
	sandbox, err := simulator.New(simulator.Config{Seed: 1, Delay: time.Hour})
	require.NoError(t, err)
	ts := httptest.NewServer(sandbox)
	t.Cleanup(func() {
		ts.Close()
		sandbox.Close()
	})
	client, err := connectfi.New(connectfi.Config{BaseURL: ts.URL, Login: "l", Password: "p", Timeout: 3 * time.Second})
	require.NoError(t, err)
	credentials, err := gateway.ParseCredentials("another-token-that-does-not-end,"+apiToken, "other:secret\n"+apiLogin+
		":"+apiPassword)
	require.NoError(t, err)
	o := &office{connectfi: client, cases: map[string]*kyc.Case{}, told: map[string]kyc.View{}}
	e := newServer(t, &desk{}, append([]func(*server.Config){func(c *server.Config) {
		c.Cases = fakes{hintTaker: &desk{}, displayer: o, starter: o}
		c.API = gateway.Config{Credentials: credentials, ConnectFi: client, Policy: kyc.DefaultPolicy(), Notify: true}
	}}, change...)...)
	return &backend{testServer: e, t: t, office: o, theirs: client, sandbox: ts}
}

// call posts JSON with the token and gives the status and the body back.
func (b *backend) call(path, body string) (int, string) {
	answer := b.with(http.MethodPost, path, strings.NewReader(body), map[string]string{connectfi.TokenHeader: apiToken})
	return answer.Code, answer.Body.String()
}

func (b *backend) with(method, path string, body io.Reader, headers map[string]string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, body)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	return ask(b.t, b.Public(), request)
}

// script tells the stand-in something by its own endpoints.
func (b *backend) script(method, path string, body, answer any) {
	b.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(b.t, err)
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.sandbox.URL+path, bytes.NewReader(text))
	require.NoError(b.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(b.t, err)
	defer response.Body.Close()
	require.Less(b.t, response.StatusCode, 300)
	if answer != nil {
		require.NoError(b.t, json.NewDecoder(response.Body).Decode(answer))
	}
}

func (b *backend) customer(scenario string) string {
	var made struct {
		CustomerIDs []string `json:"customerIds"`
	}
	b.script(http.MethodPost, "/sandbox/customers", map[string]any{"type": "individual", "scenario": scenario, "count": 1},
		&made)
	return made.CustomerIDs[0]
}

type counts struct {
	Reference                            string
	Applications, Documents, Attachments int
}

func (b *backend) ledger(reference string) counts {
	var all []counts
	b.script(http.MethodGet, "/sandbox/ledger", nil, &all)
	for _, one := range all {
		if one.Reference == reference {
			return one
		}
	}
	return counts{}
}

// identified starts a case through the API.
func (b *backend) identified(reference, customer string) connectfi.Application {
	b.t.Helper()
	status, text := b.call("/akepa/identification", `{"customerId":"`+customer+`","reference":"`+reference+`"}`)
	require.Equal(b.t, http.StatusOK, status, text)
	return into[connectfi.Envelope[connectfi.Application]](b.t, text).Data
}

func into[T any](t testing.TB, text string) (value T) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&value), text)
	return value
}

// said is an answer in ConnectFi's error envelope.
type said struct {
	RequestID, Code, Message string
	Context                  json.RawMessage
}

// refused wants an answer to be a refusal in ConnectFi's envelope.
func refused(t testing.TB, wantStatus int, wantCode string, status int, text string) said {
	t.Helper()
	require.Equal(t, wantStatus, status, text)
	s := into[said](t, text)
	require.Equal(t, wantCode, s.Code)
	require.Regexp(t, `^[0-9a-f]{12}1[0-9a-f]{19}$`, s.RequestID, "a version-1 UUID without dashes")
	return s
}
