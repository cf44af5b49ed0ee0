package server_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/server"
	"durablekyc.example/workflows"
)

const (
	secret    = "a-secret-of-more-than-32-characters-0"
	reference = "extRefAk124"

	// printed is the callback of ConnectFi's own page (C).
	printed = `{"code":"0","data":{"applicationId":"iapp_6HdIlzPVvBdPRMOLVb7BGW","aggregatorId":"CLIENTID",` +
		`"customerId":"cstap_5WMvWpL6XzfkmntDJeeHm2","reference":"extRefAk124","status":"completed","outcome":"Approved",` +
		`"entityApplications":[{"entityId":"cstap_5WMvWpL6XzfkmntDJeeHm2","isCustomer":true,"status":"completed",` +
		`"outcome":"approved"}]},"requestId":"2e4d99a0cc3311eebb061f991c0df212"}`
)

// TestMain keeps Gin from printing its table of routes for every Server.
func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	m.Run()
}

// fakes is edge.Cases made of up to three fakes. A call to one that is nil panics.
type fakes struct {
	hintTaker // a desk
	displayer // a room or an office
	starter   // an office
}

// The parts of edge.Cases that one fake implements.
type (
	hintTaker interface {
		Callback(ctx context.Context, reference string, hint workflows.Callback) error
	}
	displayer interface {
		Show(ctx context.Context, reference string) (kyc.View, error)
		Revision(ctx context.Context, reference string) (string, error)
		SubmitAsync(ctx context.Context, reference string, s kyc.Submission) error
		Expedite(ctx context.Context, reference string) error
	}
	starter interface {
		Start(ctx context.Context, o cases.StartOptions) (kyc.View, error)
		Submit(ctx context.Context, reference string, s kyc.Submission) (kyc.View, error)
		Refresh(ctx context.Context, reference string, by kyc.Actor) (kyc.View, error)
	}
)

// display has a configuration show the cases of another fake.
func display(c *server.Config, cases displayer) {
	all := c.Cases.(fakes)
	all.displayer = cases
	c.Cases = all
}

// desk keeps cases in memory: every reference it knows, with what signalling
// it comes to, and the hints that it took.
type desk struct {
	mu    sync.Mutex
	cases map[string]error
	hints []workflows.Callback
	wait  func(context.Context) error // before anything else; may be nil
}

func (d *desk) Callback(ctx context.Context, reference string, hint workflows.Callback) error {
	if d.wait != nil {
		if err := d.wait(ctx); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	err, known := d.cases[reference]
	if !known {
		return cases.ErrNotFound
	}
	if err == nil {
		d.hints = append(d.hints, hint)
	}
	return err
}

func (d *desk) taken() []workflows.Callback {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hints
}

// testServer is a Server under test and everything that can be seen of it.
type testServer struct {
	*server.Server
	t    testing.TB
	keys linktoken.Keys
	log  *journal
}

type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func newServer(t testing.TB, hints hintTaker, change ...func(*server.Config)) testServer {
	t.Helper()
	keys, err := linktoken.ParseKeys(secret)
	require.NoError(t, err)
	metrics, err := telemetry.New("webhook")
	require.NoError(t, err)
	log := &journal{}
	config := server.Config{Cases: fakes{hintTaker: hints, displayer: &room{}}, Documents: images(t),
		PublicURL: "https://kyc.example", Keys: keys, Ready: func(context.Context) error { return nil },
		Logger: telemetry.Logger(log, "json"), Telemetry: metrics}
	for _, c := range change {
		c(&config)
	}
	s, err := server.New(config)
	require.NoError(t, err)
	return testServer{s, t, keys, log}
}

// path is the callback URL's path for a reference.
func (e testServer) path(reference string) string {
	return "/connectfi/callbacks/" + reference + "/" + e.keys.Mint(linktoken.Callback, reference)
}

func (e testServer) send(method, path string, body io.Reader) *httptest.ResponseRecorder {
	return ask(e.t, e.Public(), httptest.NewRequest(method, path, body))
}

func (e testServer) post(path, body string) *httptest.ResponseRecorder {
	return e.send(http.MethodPost, path, strings.NewReader(body))
}

// metrics is what the operator's listener says was counted.
func (e testServer) metrics(t testing.TB) string {
	t.Helper()
	answer := httptest.NewRecorder()
	e.Admin().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return answer.Body.String()
}

// counted reports the metric line of a result.
func (e testServer) counted(t testing.TB, result string) bool {
	t.Helper()
	return strings.Contains(e.metrics(t), `kyc_callbacks_total{result="`+result+`"} 1`+"\n")
}

func TestNewNamesEverythingMissing(t *testing.T) {
	_, err := server.New(server.Config{})
	for _, says := range []string{"needs cases", "document store", "public URL", "keys", "readiness",
		"a logger", "telemetry"} {
		require.ErrorContains(t, err, says)
	}
}

func TestOneRegistryOneServer(t *testing.T) {
	keys, err := linktoken.ParseKeys(secret)
	require.NoError(t, err)
	metrics, err := telemetry.New("webhook")
	require.NoError(t, err)
	config := server.Config{Cases: fakes{}, Documents: images(t), PublicURL: "https://kyc.example", Keys: keys,
		Ready: func(context.Context) error { return nil }, Logger: slog.New(slog.DiscardHandler), Telemetry: metrics}
	_, err = server.New(config)
	require.NoError(t, err)
	_, err = server.New(config)
	require.ErrorContains(t, err, "metrics", "an error, not a panic")
}
