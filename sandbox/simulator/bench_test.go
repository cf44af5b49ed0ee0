package simulator_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/sandbox/simulator"
)

const hook = "https://webhook.example/callbacks"

// bench is a stand-in on no network at all, so that it runs in synctest's time.
type bench struct {
	testing.TB
	sandbox *simulator.Sandbox
	client  *connectfi.Client
	token   string

	mu        sync.Mutex
	callbacks []callback
}

type callback struct{ url, body string }

// RoundTrip receives what the stand-in sends.
func (b *bench) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.callbacks = append(b.callbacks, callback{r.URL.String(), string(body)})
	// An answer that a sender who repeats would repeat on.
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody, Request: r}, err
}

// direct hands a request to the stand-in without a network.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// run gives a test the stand-in in a bubble with a clock of its own.
func run(t *testing.T, config simulator.Config, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{TB: t}
		config.CallbackClient = &http.Client{Transport: b}
		sandbox, err := simulator.New(config)
		require.NoError(t, err)
		defer sandbox.Close()
		b.sandbox = sandbox
		login, password := "team", "secret"
		if config.Login != "" {
			login, password = config.Login, config.Password
		}
		b.client, err = connectfi.New(connectfi.Config{BaseURL: "http://sandbox", Login: login, Password: password,
			HTTP: &http.Client{Transport: direct{sandbox}}})
		require.NoError(t, err)
		b.token = b.getToken(login, password)
		test(t, b)
	})
}

func (b *bench) getToken(login, password string) string {
	status, body := b.call(http.MethodPost, "/auth/get-token", connectfi.TokenRequest{User: connectfi.Login{Login: login,
		Password: password}})
	require.Equal(b, http.StatusOK, status, body)
	return into[connectfi.Envelope[connectfi.Token]](b, body).Data.Token
}

// call speaks plain HTTP; a string is sent as it is, anything else as JSON.
func (b *bench) call(method, path string, body any) (int, string) {
	b.Helper()
	text, ok := body.(string)
	if !ok {
		encoded, err := json.Marshal(body)
		require.NoError(b, err)
		text = string(encoded)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(text))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(connectfi.TokenHeader, b.token)
	return b.do(r)
}

func (b *bench) do(r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	b.sandbox.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// good wants a 200 and reads it.
func good[T any](b *bench, method, path string, body any) T {
	b.Helper()
	status, text := b.call(method, path, body)
	require.Equal(b, http.StatusOK, status, text)
	return into[T](b, text)
}

func into[T any](tb testing.TB, text string) (value T) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal([]byte(text), &value), text)
	return value
}

func application(b *bench, path string, body any) connectfi.Application {
	b.Helper()
	envelope := good[connectfi.Envelope[connectfi.Application]](b, http.MethodPost, path, body)
	require.Equal(b, "0", envelope.Code)
	return envelope.Data
}

func (b *bench) identify(customer, reference string) connectfi.Application {
	b.Helper()
	return application(b, "/akepa/identification", map[string]any{
		"customerId": customer, "reference": reference, "webhookUrl": hook + "/" + reference})
}

func (b *bench) read(a connectfi.Application) connectfi.Application {
	b.Helper()
	return application(b, "/akepa/status", map[string]any{"customerId": a.CustomerID, "applicationId": a.ApplicationID})
}

// document announces an image and, if it has bytes, uploads them.
func (b *bench) document(kind, image string) string {
	b.Helper()
	id := good[connectfi.Envelope[connectfi.Document]](b, http.MethodPost, "/akepa/document/generate", map[string]any{
		"workflow": "PERSONAL", "name": kind, "extension": "png", "type": kind}).Data.ID
	require.Regexp(b, `^doc_[0-9a-zA-Z]{20,22}$`, id)
	if image != "" {
		status, body := b.upload(id, "file", image)
		require.Equal(b, http.StatusOK, status, body)
	}
	return id
}

func (b *bench) upload(id, field, image string) (int, string) {
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	part, err := writer.CreateFormFile(field, "image.png")
	require.NoError(b, err)
	_, err = io.WriteString(part, image)
	require.NoError(b, err)
	require.NoError(b, writer.Close())
	r := httptest.NewRequest(http.MethodPost, "/akepa/document/upload/"+id, &form)
	r.Header.Set("Content-Type", writer.FormDataContentType())
	r.Header.Set(connectfi.TokenHeader, b.token)
	return b.do(r)
}

func links(documents ...string) []connectfi.DocumentLink {
	var made []connectfi.DocumentLink
	for i, id := range documents {
		made = append(made, connectfi.DocumentLink{DocumentID: id, Side: []string{"front", "back"}[i%2]})
	}
	return made
}

func (b *bench) link(a connectfi.Application, entity string,
	documents ...connectfi.DocumentLink) connectfi.Application {
	b.Helper()
	return application(b, "/akepa/update", connectfi.UpdateRequest{ApplicationID: a.ApplicationID,
		CustomerID: a.CustomerID, EntityID: entity, Documents: documents})
}

// license links both sides at once.
func (b *bench) license(a connectfi.Application, entity string) connectfi.Application {
	b.Helper()
	return b.link(a, entity, links(b.document("license", "front"), b.document("license", "back"))...)
}

func (b *bench) review(a connectfi.Application, outcome string) {
	b.Helper()
	good[simulator.ApplicationEntry](b, http.MethodPost, "/sandbox/applications/"+a.ApplicationID+"/review",
		map[string]string{"outcome": outcome})
}

func (b *bench) move(a connectfi.Application, status, outcome string) {
	b.Helper()
	good[simulator.ApplicationEntry](b, http.MethodPost, "/sandbox/applications/"+a.ApplicationID+"/status",
		map[string]string{"status": status, "outcome": outcome})
}

func (b *bench) customers(kind string, scenario simulator.Scenario, representatives int) []string {
	b.Helper()
	return good[struct{ CustomerIDs []string }](b, http.MethodPost, "/sandbox/customers",
		map[string]any{"type": kind, "scenario": scenario, "representatives": representatives}).CustomerIDs
}

func (b *bench) faults(dial string) {
	b.Helper()
	good[simulator.Faults](b, http.MethodPut, "/sandbox/faults", dial)
}

// ledger settles first, so that no callback is still on its way.
func (b *bench) ledger(reference string) simulator.LedgerEntry {
	b.Helper()
	synctest.Wait()
	entries := good[[]simulator.LedgerEntry](b, http.MethodGet, "/sandbox/ledger?reference="+reference, "")
	require.Len(b, entries, 1)
	return entries[0]
}

// arrived are the applications that callbacks told of, in order.
func (b *bench) arrived() []connectfi.Application {
	b.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	var told []connectfi.Application
	for _, c := range b.callbacks {
		a, _, err := connectfi.ParseCallback([]byte(c.body))
		require.NoError(b, err)
		told = append(told, a)
	}
	return told
}

// pass lets the bubble's time go by.
func pass(d time.Duration) { <-time.After(d) }

// printed is one of the bodies of ConnectFi's pages.
func printed(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile("../../connectfi/testdata/" + name + ".json")
	require.NoError(tb, err)
	return strings.TrimSpace(string(text))
}
