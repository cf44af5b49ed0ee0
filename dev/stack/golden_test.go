package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"durablekyc.example/cases"
	"durablekyc.example/cases/replay"
	"durablekyc.example/examples/nexus/onboarding"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
)

// golden writes the histories that every later build must be able to replay:
// go test ./dev/stack -run EveryPath -golden v0.2, once for each release. What a
// release wrote is never written anew.
var golden = flag.String("golden", "", "write the histories of this release into workflows/testdata/histories")

var histories = filepath.Join(root, "workflows", "testdata", "histories")

// Every path that a case and its notifier can take, on the real server: each
// history replays on the build that wrote it.
func TestEveryPathReplays(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(histories, "keyset.json"))
	require.NoError(t, err)
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	own := beside(t, options{work: t.TempDir(), keyset: strings.TrimSpace(string(text)), notify: receiver.URL,
		longHistory: 40})
	keyset, err := encryption.ParseKeyset(named(own.vars)["KYC_KEYSET"])
	require.NoError(t, err)
	code, out, stderr := starter(t, "setup", "--nexus")
	require.Zero(t, code, "%s%s", out, stderr)
	callers := callerTeam(t)
	t.Run("paths", func(t *testing.T) {
		path := func(name string, walk func(t *testing.T, reference string)) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				walk(t, letters(name))
			})
		}
		for _, kind := range []string{"individual", "business"} {
			for _, s := range scenarios {
				path(kind+"_"+s.name, func(t *testing.T, reference string) {
					s.drive(t, reference, customers(t, kind, s.name,
						1)[0])
				})
			}
		}
		told := func(t *testing.T, reference, scenario string, policy kyc.Policy) kyc.View {
			v, err := one.cases.Start(t.Context(), cases.StartOptions{Reference: reference, CustomerID: customers(t,
				"individual", scenario, 1)[0],
				WebhookURL: receiver.URL, Notify: true, Policy: policy})
			require.NoError(t, err)
			return v
		}
		path("notified", func(t *testing.T, reference string) {
			stepUp(t, told(t, reference, "step_up_review", patient()))
			decide(t, until(t, reference, inStage(kyc.InReview)), "approved")
			until(t, reference, final)
		})
		path("reminded_and_expired", func(t *testing.T, reference string) {
			told(t, reference, "step_up", hurried())
			until(t, reference, final)
		})
		path("withdrawn", func(t *testing.T, reference string) {
			told(t, reference, "step_up", patient())
			_, err := one.cases.Withdraw(t.Context(), reference, kyc.ActorSystem)
			require.NoError(t, err)
		})
		path("links_revoked", func(t *testing.T, reference string) {
			v := begin(t, reference, customers(t, "individual", "step_up", 1)[0], patient())
			code, _, stderr := starter(t, "revoke-links", reference)
			require.Zero(t, code, stderr)
			stepUp(t, v)
			until(t, reference, final)
		})
		path("carried_over", func(t *testing.T, reference string) {
			v := begin(t, reference, customers(t, "individual", "review", 1)[0], patient())
			for range 12 {
				code, _, stderr := starter(t, "refresh", reference)
				require.Zero(t, code, stderr)
			}
			decide(t, v, "denied")
			until(t, reference, final)
		})
		path("checked", func(t *testing.T, reference string) {
			customer := onboarding.Customer{ID: customers(t, "individual", "review", 1)[0], Reference: reference}
			run := onboard(t, callers, customer)
			decide(t, until(t, reference, inStage(kyc.InReview)), "approved")
			require.NoError(t, run.Get(t.Context(), nil))
		})
		path("check_cancelled", func(t *testing.T, reference string) {
			customer := onboarding.Customer{ID: customers(t, "individual", "review", 1)[0], Reference: reference}
			run := onboard(t, callers, customer)
			until(t, reference, inStage(kyc.InReview))
			require.NoError(t, callers.CancelWorkflow(t.Context(), run.GetID(), ""))
			require.NoError(t, run.Get(t.Context(), nil))
		})
		path("refused", func(t *testing.T, reference string) {
			_, err := one.cases.Start(t.Context(), cases.StartOptions{Reference: reference, CustomerID: "unknownCustomerId",
				Policy: patient()})
			require.NoError(t, err)
		})
	})

	replayer := replay.Replayer(keyset.WorkerConverters())
	all := own.histories(t)
	require.Greater(t, len(all), 25)
	require.Contains(t, all, "kyc-carriedover.2", "a case was carried over into another run")
	if *golden != "" { // a path that has fewer runs now leaves no file of an earlier one
		require.NoError(t, os.RemoveAll(filepath.Join(histories, *golden)))
	}
	for name, h := range all {
		require.NoError(t, replayer.Replay(h), name)
		if *golden != "" {
			write(t, filepath.Join(histories, *golden, name+".json"), h)
		}
	}
}

// histories is what every workflow of the system has lived through, by its id
// and the number of its run.
func (s *system) histories(t *testing.T) map[string]*historypb.History {
	t.Helper()
	all := map[string]*historypb.History{}
	open, err := s.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	require.NoError(t, err)
	require.Empty(t, open.GetNextPageToken())
	slices.Reverse(open.Executions) // the latest comes first
	runs := map[string]int{}
	for _, e := range open.GetExecutions() {
		id := e.GetExecution().GetWorkflowId()
		runs[id]++
		h, err := s.cases.History(t.Context(), workflow.Execution{ID: id, RunID: e.GetExecution().GetRunId()})
		require.NoError(t, err)
		all[fmt.Sprintf("%s.%d", id, runs[id])] = h
	}
	return all
}

// machine is a process (4711@host@) or its own task queue (host:uuid).
var machine = regexp.MustCompile(`"(?:[0-9]+@[^"]*|[^"@:]+:[0-9a-f]{8}-[0-9a-f-]{27})"`)

// write keeps a history without the name of the machine that wrote it.
func write(t *testing.T, path string, h *historypb.History) {
	t.Helper()
	text, err := protojson.Marshal(h)
	require.NoError(t, err)
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, text))
	named := machine.ReplaceAll(compact.Bytes(), []byte(`"a machine"`))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, append(named, '\n'), 0o644))
}
