package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/dev/services"
	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/internal/config"
	"durablekyc.example/kyc"
	"durablekyc.example/starter/cli"
	"durablekyc.example/workflows"
)

// one is the system that every test but those about starting shares.
var one *system

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	flag.Parse()
	if err := flag.Set("test.parallel", "64"); err != nil { // cases wait, they do not compute
		panic(err)
	}
	os.Exit(func() int {
		work, err := os.MkdirTemp("", "durablekyc-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(work)
		compiled.dir = filepath.Join(work, "bin")
		defer func() {
			if err := stopPostgres(); err != nil {
				fmt.Println(err)
			}
		}()
		if *onPostgres != "" {
			if where, err = postgresURL(); err != nil {
				panic(err)
			}
		}
		url, drop := place()
		defer drop()
		if one, err = startSystem(context.Background(), options{postgres: url, work: work, withUI: true,
			seed: 7}); err != nil {
			panic(err)
		}
		code := m.Run()
		if err := one.stop(); err != nil {
			fmt.Println(err)
			return 1
		}
		return code
	}())
}

// beside lets the helpers below speak to a system of this test's own. Tests in
// parallel run after those that are not: they never see it.
func beside(t *testing.T, o options) *system {
	t.Helper()
	if o.postgres == "" {
		o.postgres = placed(t)
	}
	own, err := startSystem(t.Context(), o)
	require.NoError(t, err)
	shared := one
	one = own
	t.Cleanup(func() {
		one = shared
		require.NoError(t, own.stop())
	})
	return own
}

// hurried is a policy for tests: waits of days become waits of moments.
func hurried() kyc.Policy {
	d := func(t time.Duration) kyc.Duration { return kyc.Duration(t) }
	return kyc.Policy{Documents: d(20 * time.Second), Reminders: []kyc.Duration{d(10 * time.Second)},
		Case:      d(25 * time.Second),
		ReadFirst: d(300 * time.Millisecond), ReadMax: d(2 * time.Second), ReadDocuments: d(24 * time.Hour),
		Settle: d(300 * time.Millisecond)}
}

func sandbox(t *testing.T, method, path string, body, answer any) {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, json.NewEncoder(&text).Encode(body))
	request, err := http.NewRequestWithContext(t.Context(), method, one.sandbox+path, &text)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Less(t, response.StatusCode, 300, "%s %s: %s", method, path, got)
	if answer != nil {
		require.NoError(t, json.Unmarshal(got, answer))
	}
}

func faults(t *testing.T, dial map[string]any) {
	sandbox(t, http.MethodPut, "/sandbox/faults", dial, nil)
	t.Cleanup(func() { faultless(one.sandbox) })
}

// faultless is the dial turned back, for when no test can fail any more.
func faultless(sandbox string) {
	r, err := http.NewRequest(http.MethodPut, sandbox+"/sandbox/faults", strings.NewReader("{}"))
	if err == nil {
		if response, err := http.DefaultClient.Do(r); err == nil {
			response.Body.Close()
		}
	}
}

func customers(t *testing.T, kind, scenario string, count int) []string {
	var made struct {
		CustomerIDs []string `json:"customerIds"`
	}
	sandbox(t, http.MethodPost, "/sandbox/customers", map[string]any{"type": kind, "scenario": scenario, "count": count},
		&made)
	require.Len(t, made.CustomerIDs, count)
	return made.CustomerIDs
}

// entry is one line of the sandbox's ledger, the judge of "exactly once".
type entry struct {
	Reference                                       string
	Applications, Documents, Attachments, Callbacks int
}

func ledger(t *testing.T, reference string) entry {
	var all []entry
	sandbox(t, http.MethodGet, "/sandbox/ledger", nil, &all)
	for _, e := range all {
		if e.Reference == reference {
			return e
		}
	}
	return entry{Reference: reference}
}

func until(t *testing.T, reference string, what func(kyc.View) bool) kyc.View {
	t.Helper()
	return untilWithin(t, 2*time.Minute, reference, what)
}

func untilWithin(t *testing.T, timeout time.Duration, reference string, what func(kyc.View) bool) (view kyc.View) {
	t.Helper()
	if !assert.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var err error
		view, err = one.cases.Show(ctx, reference)
		return err == nil && what(view)
	}, timeout, 100*time.Millisecond) {
		require.FailNow(t, "it does not come", "%+v\npending: %v\n%s", view, underWay(t, reference),
			events(t, workflows.ID(reference)))
	}
	return view
}

// events lists the history of a workflow's latest run, for a test that fails.
func events(t *testing.T, id string) string {
	h, err := one.cases.History(t.Context(), workflow.Execution{ID: id})
	if err != nil {
		return err.Error()
	}
	var all strings.Builder
	for _, e := range h.GetEvents() {
		fmt.Fprintf(&all, "%s %d %s\n", e.GetEventTime().AsTime().Format("05.000"), e.GetEventId(), e.GetEventType())
	}
	return all.String()
}

// underWay is what the case waits for, for a test that fails.
func underWay(t *testing.T, reference string) any {
	d, err := one.client.DescribeWorkflowExecution(t.Context(), workflows.ID(reference), "")
	if err != nil {
		return err
	}
	return d.GetPendingActivities()
}

func starter(t *testing.T, args ...string) (code int, stdout, stderr string) {
	return starterWithin(t.Context(), args...)
}

func starterWithin(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(ctx, args, strings.NewReader(""), &out, &errs, config.Map(named(one.vars)))
	return code, out.String(), errs.String()
}

func whats(v kyc.View) (all []string) {
	for _, e := range v.Timeline {
		all = append(all, e.What)
	}
	return all
}

// stepUp sends a license for every entity that wants one, through the starter.
func stepUp(t *testing.T, v kyc.View) {
	t.Helper()
	dir := t.TempDir()
	wanted := 0
	for _, e := range v.Entities {
		if !e.Status.WantsDocuments() {
			continue
		}
		wanted++
		front, back := writeLicense(t, dir, e.ID) // the same again, should ConnectFi ask again
		code, _, stderr := starter(t, "upload", v.Reference, "--entity", e.ID, "--front", front, "--back", back)
		if strings.Contains(stderr, "ConnectFi has not answered") {
			continue // the case has the images and goes on trying
		}
		require.Zero(t, code, stderr)
	}
	require.NotZero(t, wanted, "nobody is asked for documents: %+v", v)
}

// writeLicense draws a license that is nobody's: another one for every seed.
func writeLicense(t *testing.T, dir, seed string) (front, back string) {
	t.Helper()
	sides, err := fleet.License(dir, seed)
	require.NoError(t, err)
	return sides[0], sides[1]
}

func named(vars services.Variables) map[string]string { return vars.Map() }

// letters keeps what a reference may hold.
func letters(s string) string { return strings.NewReplacer("_", "", " ", "").Replace(s) }

// freeAddress is an address that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func portOf(t *testing.T, base string) int {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	return port
}
