package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/frontendtest"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/starter/cli"
)

const goldens = "../../workflows/testdata/histories"

// archive is a frontend whose cases have lived through what releases wrote
// down. It hands out everything in pages, and takes nothing but reads.
type archive struct {
	workflowservice.UnimplementedWorkflowServiceServer
	address, keyset string

	mu        sync.Mutex
	all       []*workflowpb.WorkflowExecutionInfo
	histories map[string]*historypb.History // by workflow id and run id; nil has been forgotten
	listed    []string                      // the queries of lists
	under     int                           // reads under way
	most      int                           // of them at a time
	denied    bool
}

func archived(t *testing.T) *archive {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(goldens, "keyset.json"))
	require.NoError(t, err)
	a := &archive{keyset: strings.TrimSpace(string(text)), histories: map[string]*historypb.History{}}
	paths, err := filepath.Glob(filepath.Join(goldens, "*", "*.json"))
	require.NoError(t, err)
	for _, path := range paths {
		id, run, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".json"), ".")
		a.histories[id+"/"+run] = golden(t, path)
		a.all = append(a.all, &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: id,
			RunId: run}})
	}
	require.Greater(t, len(a.all), 25)
	a.address = frontendtest.Serve(t, a).Address
	return a
}

// kinds counts the histories as a report does.
func (a *archive) kinds() string {
	notifiers, checks := 0, 0
	for _, e := range a.all {
		switch id := e.GetExecution().GetWorkflowId(); {
		case strings.HasPrefix(id, "kyc-notify-"):
			notifiers++
		case strings.HasPrefix(id, "kyc-check-"):
			checks++
		}
	}
	return fmt.Sprintf("%d of cases, %d of notifiers, %d of Nexus checks", len(a.all)-notifiers-checks, notifiers, checks)
}

func golden(t *testing.T, path string) *historypb.History {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	h := &historypb.History{}
	require.NoError(t, protojson.Unmarshal(text, h))
	return h
}

func (a *archive) GetSystemInfo(context.Context,
	*workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

// page is where a page begins, how many things come on it, and the next one's token.
func page(token []byte, size, all int) (from, to int, next []byte) {
	from, _ = strconv.Atoi(string(token))
	if to = min(from+size, all); to < all {
		next = []byte(strconv.Itoa(to))
	}
	return from, to, next
}

func (a *archive) ListWorkflowExecutions(_ context.Context,
	r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listed = append(a.listed, r.GetQuery())
	from, to, next := page(r.GetNextPageToken(), 7, len(a.all))
	return &workflowservice.ListWorkflowExecutionsResponse{Executions: a.all[from:to], NextPageToken: next}, nil
}

func (a *archive) GetWorkflowExecutionHistory(_ context.Context,
	r *workflowservice.GetWorkflowExecutionHistoryRequest) (*workflowservice.GetWorkflowExecutionHistoryResponse, error) {
	a.mu.Lock()
	a.under++
	a.most = max(a.most, a.under)
	a.mu.Unlock()
	defer func() { a.mu.Lock(); a.under--; a.mu.Unlock() }()
	if a.denied {
		return nil, status.Error(codes.PermissionDenied, "no")
	}
	run := r.GetExecution().GetRunId()
	if run == "" {
		run = "1"
	}
	h := a.histories[r.GetExecution().GetWorkflowId()+"/"+run]
	if h == nil {
		return nil, status.Error(codes.NotFound, "no such workflow")
	}
	from, to, next := page(r.GetNextPageToken(), 5, len(h.Events))
	return &workflowservice.GetWorkflowExecutionHistoryResponse{History: &historypb.History{Events: h.Events[from:to]},
		NextPageToken: next}, nil
}

func (a *archive) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(t.Context(), args, strings.NewReader(""), &out, &errs, func(name string) (string, bool) {
		value, ok := map[string]string{"TEMPORAL_ADDRESS": a.address, "TEMPORAL_CONFIG_FILE": os.DevNull,
			"KYC_KEYSET": a.keyset}[name]
		return value, ok
	})
	return code, out.String(), errs.String()
}

// wreck renames the activity that the last such event of a case scheduled, and
// returns which event that is.
func (a *archive) wreck(t *testing.T, key string) (event int64) {
	t.Helper()
	h := proto.Clone(a.histories[key]).(*historypb.History)
	for _, e := range slices.Backward(h.Events) {
		if scheduled := e.GetActivityTaskScheduledEventAttributes(); scheduled != nil {
			scheduled.ActivityType.Name = "Other"
			a.histories[key] = h
			return e.GetEventId()
		}
	}
	require.Fail(t, "nothing was scheduled", key)
	return 0
}

func TestOpenCasesReplay(t *testing.T) {
	a := archived(t)
	code, out, errs := a.run(t, "replay", "--open")
	require.Zero(t, code, "%s%s", out, errs)
	require.Equal(t, fmt.Sprintf("%[1]d of %[1]d histories replay on build %[2]s (%[3]s)\n", len(a.all),
		telemetry.Version, a.kinds()), out)
	require.Empty(t, errs)
	require.Greater(t, len(a.listed), 4, "page after page")
	require.Equal(t, "WorkflowType IN ('KYC', 'KYCNotify', 'KYCCheck') AND CloseTime IS NULL", a.listed[0])
	require.LessOrEqual(t, a.most, 9)
}

func TestWhatWouldBreakIsNamed(t *testing.T) {
	a := archived(t)
	withdrawn, notified := a.wreck(t, "kyc-withdrawn/1"), a.wreck(t, "kyc-notify-notified/1")
	code, out, errs := a.run(t, "replay", "--open")
	require.Equal(t, 1, code)
	lines := strings.Split(out, "\n")
	require.Len(t, lines, 6, out)
	flat := func(i int) string { return strings.Join(strings.Fields(lines[i]), " ") }
	require.Equal(t, "ID EVENT TYPE REASON", flat(0))
	says := "[TMPRL1100] nondeterministic workflow: history event is ActivityTaskScheduled Other, replay command is " +
		"ScheduleActivityTask "
	require.Equal(t, fmt.Sprintf("kyc-notify-notified %d ActivityTaskScheduled ", notified)+says+"Notify", flat(1))
	require.Equal(t, fmt.Sprintf("kyc-withdrawn %d ActivityTaskScheduled ", withdrawn)+says+"Identify", flat(2))
	require.Equal(t, fmt.Sprintf("%d of %d histories replay on build %s (%s)", len(a.all)-2, len(a.all),
		telemetry.Version, a.kinds()), lines[4])
	require.Equal(t, fmt.Sprintf("starter: 2 of %d histories fail to replay on build ", len(a.all))+telemetry.Version+
		": do not deploy it; guard the change with workflow.GetVersion, "+
		"or pin those cases to the old build (docs/operations.md)\ntry: temporal workflow show "+
		"--workflow-id kyc-notify-notified\n", errs)

	code, out, errs = a.run(t, "replay", "--open", "--json")
	require.Equal(t, 1, code)
	var report struct {
		Histories, Cases, Checks, Replayed int
		Breaks, Unopened                   []struct {
			ID, RunID, EventType, Reason string
			EventID                      int64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Equal(t, []int{len(a.all), len(a.all) - 2, 2, 0}, []int{report.Histories, report.Replayed,
		len(report.Breaks), len(report.Unopened)})
	require.Contains(t, a.kinds(), fmt.Sprintf("%d of cases", report.Cases))
	require.Contains(t, a.kinds(), fmt.Sprintf("%d of Nexus checks", report.Checks))
	require.Equal(t, "kyc-withdrawn", report.Breaks[1].ID)
	require.EqualValues(t, 6, report.Breaks[1].EventID)
	require.Contains(t, errs, fmt.Sprintf(`"error":"2 of %d histories fail to replay`, len(a.all)))
}

// A key that is missing here is no fault of the build's.
func TestWhatDoesNotOpenIsNotIncompatible(t *testing.T) {
	a := archived(t)
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	a.keyset = text
	code, out, errs := a.run(t, "replay", "--open")
	require.Equal(t, 1, code)
	require.Regexp(t, `(?m)^kyc-withdrawn +1 +WorkflowExecutionStarted +.* encrypted with key \d+, which is not in `+
		`this keyset$`, out)
	require.Contains(t, out, fmt.Sprintf("\n0 of %d histories replay on build ", len(a.all)))
	require.Equal(t, fmt.Sprintf("starter: %[1]d of %[1]d histories cannot be decrypted with this KYC_KEYSET and were "+
		"not checked\n"+
		"try: KYC_KEYSET_FILE=the-file-that-the-worker-reads starter replay …\n", len(a.all)), errs)
	require.NotContains(t, errs+out, "stuck")
}

func TestACaseThatIsGoneMeanwhileIsNoError(t *testing.T) {
	a := archived(t)
	a.histories["kyc-withdrawn/1"] = nil
	code, out, errs := a.run(t, "replay", "--open")
	require.Zero(t, code, errs)
	require.Contains(t, out, fmt.Sprintf("%[1]d of %[1]d histories replay", len(a.all)-1))

	a.all = nil
	code, out, _ = a.run(t, "replay", "--open")
	require.Zero(t, code)
	require.Contains(t, out, "0 of 0 histories replay")
}

func TestWhatCannotBeReadPassesNoBuild(t *testing.T) {
	a := archived(t)
	a.denied = true
	code, out, errs := a.run(t, "replay", "--open")
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, errs, "Temporal rejects these credentials")
}

func TestOneCaseAndItsNotifierReplay(t *testing.T) {
	a := archived(t)
	for reference, says := range map[string]string{"notified": "2 of 2 histories replay on build " + telemetry.Version +
		" (1 of cases, 1 of notifiers)\n",
		"individualdeny": "1 of 1 histories replay on build " + telemetry.Version + " (1 of cases, 0 of notifiers)\n"} {
		code, out, errs := a.run(t, "replay", reference)
		require.Zero(t, code, errs)
		require.Equal(t, says, out)
	}
	code, _, errs := a.run(t, "replay", "nobody")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "starter: no case has the reference nobody")
}

// A history is the same in every way it can be written down: with the names of
// Temporal's API or of Temporal's tools, on a line or on many.
func TestAFileReplays(t *testing.T) {
	a := archived(t)
	a.address = "127.0.0.1:1" // nobody is asked
	file := filepath.Join(t.TempDir(), "history.json")
	write := func(text []byte) { require.NoError(t, os.WriteFile(file, text, 0o600)) }
	stored, err := os.ReadFile(filepath.Join(goldens, "v0.1", "kyc-withdrawn.1.json"))
	require.NoError(t, err)
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, stored, "", "  "))
	for name, text := range map[string][]byte{"on a line": stored, "on many": indented.Bytes(),
		"as older tools name events": bytes.ReplaceAll(stored, []byte("EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"),
			[]byte("WorkflowExecutionStarted"))} {
		write(text)
		code, out, errs := a.run(t, "replay", "--file", file)
		require.Zero(t, code, "%s: %s%s", name, out, errs)
		require.Contains(t, out, "1 of 1 histories replay")
	}
	write(bytes.ReplaceAll(stored, []byte(`"Identify"`), []byte(`"Other"`)))
	code, out, errs := a.run(t, "replay", "--file", file)
	require.Equal(t, 1, code)
	require.Regexp(t, `(?m)^kyc-withdrawn +6 +ActivityTaskScheduled +`, out)
	require.Contains(t, errs, "try: temporal workflow show --workflow-id kyc-withdrawn\n")

	// as a codec endpoint decodes it
	write(bytes.ReplaceAll(stored, []byte(`"YmluYXJ5L2VuY3J5cHRlZA=="`), []byte(`"anNvbi9wbGFpbg=="`)))
	code, out, errs = a.run(t, "replay", "--file", file)
	require.Equal(t, 1, code)
	require.Contains(t, out, "not encrypted")
	require.Contains(t, errs, "a history that was downloaded encrypted")

	for text, says := range map[string]string{"{": "is not a workflow history (JSON)",
		"{}":                           "missing WorkflowExecutionStarted event",
		`{"events":[{"eventId":"1"}]}`: "missing WorkflowExecutionStarted event"} {
		write([]byte(text))
		code, _, errs = a.run(t, "replay", "--file", file)
		require.Equal(t, 1, code)
		require.Contains(t, errs, says)
		require.Contains(t, errs, "try: temporal workflow show --workflow-id kyc-REFERENCE --output json > "+file)
	}
	code, _, errs = a.run(t, "replay", "--file", file+"x")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "cannot read the history")
}

// Wherever a case stands when it is read, also before any worker has seen it.
func TestHalfALifeReplays(t *testing.T) {
	a := archived(t)
	whole := a.histories["kyc-notified/1"]
	for n, event := range whole.Events {
		if slices.Contains([]enumspb.EventType{enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
			enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED}, event.GetEventType()) {
			a.histories["kyc-notified/1"] = &historypb.History{Events: whole.Events[:n+1]}
			code, out, errs := a.run(t, "replay", "notified")
			require.Zero(t, code, "up to event %d: %s%s", n+1, out, errs)
		}
	}
}
