package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/certtest"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// TestWhatIsRenewedOnDiskIsTaken runs worker and webhook as processes behind a
// Temporal that wants client certificates, and renews the certificates, their
// authority, the webhook's own pair and the API's token by one switch of a
// symbolic link, as Kubernetes does. The old client certificate ends; nothing
// is restarted, and cases go on.
func TestWhatIsRenewedOnDiskIsTaken(t *testing.T) {
	bin, link := t.TempDir(), filepath.Join(t.TempDir(), "data")
	build(t, bin, "worker", "webhook")
	first, second := certtest.Authority(t, rand.Text()), certtest.Authority(t, rand.Text())
	secure := newSecureFront(t, one.temporal.Address, first)
	const lasts = 25 * time.Second
	mountWith(t, link, first, lasts, "the-first-token-of-the-api")
	ended := time.Now().Add(lasts)

	require.NoError(t, one.stopWorker())
	t.Cleanup(func() { require.NoError(t, one.startWorker()) })
	public := freeAddress(t)
	file := func(name string) string { return filepath.Join(link, name) }
	temporal := map[string]string{"TEMPORAL_ADDRESS": secure.address, "TEMPORAL_TLS_CLIENT_CERT_PATH": file("tls.crt"),
		"TEMPORAL_TLS_CLIENT_KEY_PATH": file("tls.key"), "TEMPORAL_TLS_SERVER_CA_CERT_PATH": file("ca.crt")}
	startProcessWith(t, filepath.Join(bin, "worker"), temporal)
	edge := map[string]string{"KYC_LISTEN": public, "KYC_TLS_CERT_FILE": file("tls.crt"),
		"KYC_TLS_KEY_FILE": file("tls.key"),
		"KYC_API_TOKENS":   "", "KYC_API_TOKENS_FILE": file("token")}
	for name, value := range temporal {
		edge[name] = value
	}
	webhook := startProcessWith(t, filepath.Join(bin, "webhook"), edge)
	customer := customers(t, "individual", "review", 1)[0]
	list := func(by certtest.Pair, token string) int { return listWith(t, by, "https://"+public, token, customer) }
	require.Equal(t, http.StatusOK, list(first, "the-first-token-of-the-api"))
	require.Equal(t, http.StatusUnauthorized, list(first, "the-second-token-of-the-api"))

	secure.trust(first, second)
	secure.present(t, second)
	mountWith(t, link, second, time.Hour, "the-second-token-of-the-api")
	require.Eventually(t, func() bool { return list(second, "the-second-token-of-the-api") == http.StatusOK },
		10*time.Second, 100*time.Millisecond)
	require.Eventually(t, func() bool { return list(second, "the-first-token-of-the-api") == http.StatusUnauthorized },
		10*time.Second, 100*time.Millisecond)
	require.Eventually(t, func() bool { return time.Now().After(ended) }, lasts, 100*time.Millisecond,
		"the old certificate ends")
	secure.trust(second)
	secure.breakAll()

	v := begin(t, "renewedondisk", customer, patient())
	require.Equal(t, kyc.InReview, v.Stage)
	decide(t, v, "approved")
	require.Equal(t, kyc.Approved, until(t, v.Reference, final).Stage)
	ready, err := http.Get("http://" + webhook.admin + "/readyz")
	require.NoError(t, err)
	defer ready.Body.Close()
	require.Equal(t, http.StatusOK, ready.StatusCode)
	require.Positive(t, secure.seen(second), "somebody came with the new certificate")
}

// listWith calls the API over TLS, trusting one authority alone.
func listWith(t *testing.T, by certtest.Pair, base, token, customer string) int {
	t.Helper()
	return callWith(t, by, base+"/akepa/list", token, `{"customerId":"`+customer+`"}`)
}

// callWith posts to the API over TLS and returns the status, 0 where there is no answer.
func callWith(t *testing.T, by certtest.Pair, url, token, body string) int {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(by.Certificate)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool},
		DisableKeepAlives: true}, Timeout: 10 * time.Second}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("x-connectfi-token", token)
	response, err := client.Do(request)
	if err != nil {
		return 0 // the handshake: another certificate is presented
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// TestABrokenConfigurationDoesNotStart: a namespace that is not there, or that
// lacks what cases need, ends worker and webhook with one sentence, so that a
// rollout keeps what works.
func TestABrokenConfigurationDoesNotStart(t *testing.T) {
	bin := t.TempDir()
	build(t, bin, "worker", "webhook")
	bare := unheardOf("bare")
	code, _, stderr := starterWith(t, only(bare), "setup")
	require.Zero(t, code, stderr)
	without(t, bare, workflows.AttributeDeadline.GetName(), 0)
	for name, test := range map[string]struct{ namespace, says string }{
		"no such namespace": {"nope",
			`Temporal has no namespace "nope": run starter setup, or set TEMPORAL_NAMESPACE`},
		"a search attribute is missing": {bare, "the namespace lacks a search attribute of cases"},
	} {
		for _, program := range []string{"worker", "webhook"} {
			t.Run(program+": "+name, func(t *testing.T) {
				command := exec.CommandContext(t.Context(), filepath.Join(bin, program))
				command.Env = append(os.Environ(), "TEMPORAL_CONFIG_FILE="+os.DevNull, "KYC_ADMIN_LISTEN="+freeAddress(t),
					"KYC_LISTEN="+freeAddress(t))
				for _, v := range one.vars {
					command.Env = append(command.Env, v[0]+"="+v[1])
				}
				command.Env = append(command.Env, "TEMPORAL_NAMESPACE="+test.namespace)
				out, err := command.CombinedOutput()
				require.Error(t, err)
				require.Contains(t, string(out), test.says)
			})
		}
	}
}

// mountWith puts a renewed pair of an authority and a token where services read them.
func mountWith(t *testing.T, link string, by certtest.Pair, lasts time.Duration, token string) {
	t.Helper()
	certtest.Mount(t, link, by.Issue(t, rand.Text(), lasts), by, map[string]string{"token": token + "\n"})
}
