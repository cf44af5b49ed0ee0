package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

// caller is a receiver of one case's events, which takes them or does not.
type caller struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []string
}

func newCaller(t *testing.T, status int) *caller {
	c := &caller{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var said connectfi.Envelope[connectfi.Application]
		if json.NewDecoder(r.Body).Decode(&said) == nil {
			c.mu.Lock()
			c.statuses = append(c.statuses, string(said.Data.Status))
			c.mu.Unlock()
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *caller) heard() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.statuses, " ")
}

// posted is what a separate webhook answers to a POST of JSON from one address of
// this machine: 127.0.0.1 or another one that begins with 127.
func posted(t *testing.T, from, url, token string, body any) (int, string) {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
		Timeout: 20 * time.Second}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(text))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(connectfi.TokenHeader, token)
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	var said bytes.Buffer
	_, err = said.ReadFrom(response.Body)
	require.NoError(t, err)
	return response.StatusCode, said.String()
}

// A webhookUrl with a typo, on worker, webhook and starter as processes of their
// own: what can never work is refused, another one for the same case is told that
// it is not taken, and the starter changes it, before and after the decision.
func TestAWebhookURLIsMended(t *testing.T) {
	bin := t.TempDir()
	build(t, bin, "worker", "webhook", "starter")
	require.NoError(t, one.stopWorker())
	t.Cleanup(func() { require.NoError(t, one.startWorker()) })
	startProcess(t, filepath.Join(bin, "worker"))
	public := freeAddress(t)
	const token = "a-token-of-the-one-who-typed-it"
	edge := startProcessWith(t, filepath.Join(bin, "webhook"), map[string]string{"KYC_LISTEN": public,
		"KYC_API_TOKENS": token})
	wrong, right := newCaller(t, http.StatusInternalServerError), newCaller(t, http.StatusOK)
	customer := customers(t, "individual", "review", 1)[0]
	identify := func(address string) (int, string) {
		return posted(t, "127.0.0.1", "http://"+public+"/akepa/identification", token,
			connectfi.IdentificationRequest{CustomerID: customer, Reference: "mended1", WebhookURL: address})
	}
	resend := func(args ...string) string {
		command := exec.CommandContext(t.Context(), filepath.Join(bin, "starter"), append([]string{"resend", "mended1"},
			args...)...)
		command.Env, command.Dir = edge.command.Env, t.TempDir()
		said, err := command.CombinedOutput()
		require.NoError(t, err, "%s", said)
		return string(said)
	}

	status, said := identify("example.com/hook")
	require.Equal(t, http.StatusBadRequest, status, said)
	require.Contains(t, said, `"keyword":"format"`)
	status, said = identify(wrong.URL)
	require.Equal(t, http.StatusOK, status, said)
	status, said = identify(right.URL)
	require.Equal(t, http.StatusBadRequest, status, said)
	require.Contains(t, said, "already has another webhookUrl")
	require.Eventually(t, func() bool { return wrong.heard() != "" }, 20*time.Second, 50*time.Millisecond)

	require.Contains(t, resend("--webhook-url", right.URL), "and later notifications to the caller of")
	require.Eventually(t, func() bool { return right.heard() == "waiting_review" }, 20*time.Second, 50*time.Millisecond)
	status, said = identify(wrong.URL)
	require.Equal(t, http.StatusBadRequest, status, said)
	status, said = identify(right.URL)
	require.Equal(t, http.StatusOK, status, said)

	decide(t, until(t, "mended1", inStage(kyc.InReview)), "approved")
	require.Eventually(t, func() bool { return right.heard() == "waiting_review completed" }, 30*time.Second,
		50*time.Millisecond)
	until(t, "mended1", final)
	status, said = identify(wrong.URL)
	require.Equal(t, http.StatusBadRequest, status, "also of a closed case: %s", said)
	last := newCaller(t, http.StatusOK)
	require.Eventually(t, func() bool { // the notifier ends once it has entered the delivery
		_, events, _ := starter(t, "events", "mended1")
		return strings.Count(events, "delivered") == 2
	}, 20*time.Second, 100*time.Millisecond)
	require.Contains(t, resend("2", "--webhook-url", last.URL), "mended1 is closed")
	require.Eventually(t, func() bool { return last.heard() == "completed" }, 20*time.Second, 50*time.Millisecond)
}

// Whoever tries passwords at a webhook process is slowed down, and the rightful
// login is not, from another address or from the same one under another name.
func TestWrongPasswordsLockNobodyElseOut(t *testing.T) {
	bin, public, owners, seconds := t.TempDir(), freeAddress(t), rand.Text(), rand.Text()
	build(t, bin, "webhook")
	startProcessWith(t, filepath.Join(bin, "webhook"), map[string]string{"KYC_LISTEN": public,
		"KYC_API_LOGINS": "owner:" + owners + ",second:" + seconds})
	login := func(from, name, password string) int {
		status, _ := posted(t, from, "http://"+public+"/auth/get-token", "",
			map[string]any{"user": map[string]string{"login": name, "password": password}})
		return status
	}
	refused := map[int]int{}
	for range 100 { // sixty at once are let through, then one a second
		refused[login("127.0.0.2", "owner", "a-guess-of-an-attacker")]++
		require.Equal(t, http.StatusOK, login("127.0.0.1", "owner", owners))
	}
	require.Positive(t, refused[http.StatusTooManyRequests], "%v", refused)
	require.Equal(t, 100, refused[http.StatusUnauthorized]+refused[http.StatusTooManyRequests], "%v", refused)
	require.Equal(t, http.StatusOK, login("127.0.0.2", "second", seconds))
}
