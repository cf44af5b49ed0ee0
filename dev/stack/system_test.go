package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/internal/config"
	"durablekyc.example/kyc"
	"durablekyc.example/starter/cli"
)

// go run ./dev --once: the page's two customers are walked to a decision.
func TestOnceWalksTheDemoAndEnds(t *testing.T) {
	t.Chdir(t.TempDir())
	code, err := run(t.Context(), flags{Once: true, Postgres: placed(t)})
	require.NoError(t, err)
	require.Zero(t, code)
	require.NoFileExists(t, cli.DevFile)
}

// go run ./dev: it stays up, tells the other commands where, and goes cleanly.
func TestStaysUpUntilItIsStopped(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		_, err := run(ctx, flags{NoWalk: true, Postgres: placed(t)})
		ended <- err
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(cli.DevFile); return err == nil }, 60*time.Second,
		50*time.Millisecond)
	info, err := os.Stat(cli.DevFile)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode(), "it holds secrets")
	stop()
	require.NoError(t, <-ended)
	require.NoFileExists(t, cli.DevFile)
}

// A decided case of the demo is on record some seconds later, and its evidence verifies.
func TestTheDemoIsOnRecord(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		_, err := run(ctx, flags{Postgres: placed(t)})
		ended <- err
	}()
	var said bytes.Buffer
	command := func(args ...string) int {
		said.Reset()
		return cli.Run(t.Context(), args, nil, &said, &said, config.Map(nil))
	}
	require.Eventually(t, func() bool { return command("evidence", "extRefBApp100") == 0 }, 2*time.Minute,
		500*time.Millisecond, "%s", &said)
	key := regexp.MustCompile(`--key (\S+) extRefBApp100\.kyc`).FindStringSubmatch(said.String())
	require.Len(t, key, 2, "%s", &said)
	require.Zero(t, command("verify", "--key", key[1], "extRefBApp100.kyc"), "%s", &said)
	stop()
	require.NoError(t, <-ended)
}

func TestATakenPortIsSaidInOneSentence(t *testing.T) {
	_, err := startSystem(t.Context(), options{work: t.TempDir(), ports: ports{webhook: portOf(t, one.webhook)}})
	require.ErrorContains(t, err, "--webhook-port")
}

// --data keeps cases, secrets and images across runs.
func TestDataIsKeptAcrossRuns(t *testing.T) {
	kept := options{data: t.TempDir(), postgres: placed(t), recordEvery: time.Second}
	order := cases.StartOptions{Reference: "kept1", CustomerID: "cstap_kept", Policy: kyc.DefaultPolicy()}
	before, err := startSystem(t.Context(), kept)
	require.NoError(t, err)
	v, err := before.cases.Start(t.Context(), order)
	require.NoError(t, err)
	require.Equal(t, kyc.AwaitingDocuments, v.Stage)
	secrets := named(before.vars)["KYC_LINK_KEYS"]
	require.NoError(t, before.stop())

	after, err := startSystem(t.Context(), kept)
	require.NoError(t, err)
	defer func() { require.NoError(t, after.stop()) }()
	require.Equal(t, secrets, named(after.vars)["KYC_LINK_KEYS"], "a callback URL given out stays good")
	require.Equal(t, before.recordsKey, after.recordsKey, "a log has one key")
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	order.Reference = "kept2"
	_, err = after.cases.Start(soon, order)
	require.NoError(t, err, "the hosts of the run before have half of the task queues")
	again, err := after.cases.Show(soon, "kept1")
	require.NoError(t, err)
	require.Equal(t, v, again)
	for _, name := range []string{"link_keys", "connectfi_password"} {
		info, err := os.Stat(filepath.Join(kept.data, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
	}
}

func TestEdgeAndUIAnswer(t *testing.T) {
	for url, status := range map[string]int{
		one.ui.URL + "/": 200, one.ui.URL + "/api/v1/namespaces": 200, one.admin + "/readyz": 200, one.admin +
			"/metrics": 200,
		one.webhook + "/": 404,
	} {
		response, err := http.Get(url)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, status, response.StatusCode, url)
	}
	response, err := http.Post(one.webhook+"/connectfi/callbacks/extRefApp100/forged", "application/json",
		strings.NewReader("{}"))
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, 404, response.StatusCode)
}
