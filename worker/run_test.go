package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/frontendtest"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/workflows"
)

// temporal is as much of a Temporal as a worker without cases sees. It remembers
// which queues were polled.
type temporal struct {
	workflowservice.UnimplementedWorkflowServiceServer
	signals error         // what a signal is answered with; nil is that there is no such case
	empty   bool          // the namespace lacks the search attributes
	asked   chan struct{} // if there is one, it is told of a count that is not answered

	mu     sync.Mutex
	polled []string
}

func (f *temporal) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (
	*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (f *temporal) DescribeNamespace(_ context.Context, r *workflowservice.DescribeNamespaceRequest) (
	*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{NamespaceInfo: &namespacepb.NamespaceInfo{
		Name: r.Namespace}}, nil
}

func (f *temporal) DescribeWorkflowExecution(context.Context, *workflowservice.DescribeWorkflowExecutionRequest) (
	*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return nil, status.Error(codes.NotFound, "no such workflow")
}

func (f *temporal) SignalWorkflowExecution(context.Context, *workflowservice.SignalWorkflowExecutionRequest) (
	*workflowservice.SignalWorkflowExecutionResponse, error) {
	if f.signals != nil {
		return nil, f.signals
	}
	return nil, status.Error(codes.NotFound, "no such workflow")
}

func (f *temporal) CountWorkflowExecutions(ctx context.Context, _ *workflowservice.CountWorkflowExecutionsRequest) (
	*workflowservice.CountWorkflowExecutionsResponse, error) {
	if f.asked != nil {
		f.asked <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if f.empty {
		return nil, serviceerror.ToStatus(serviceerror.NewInvalidArgument("KycStage is unknown")).Err()
	}
	return &workflowservice.CountWorkflowExecutionsResponse{Count: 3}, nil
}

func (f *temporal) poll(ctx context.Context, queue string) {
	f.mu.Lock()
	f.polled = append(f.polled, queue)
	f.mu.Unlock()
	<-ctx.Done()
}

func (f *temporal) PollWorkflowTaskQueue(ctx context.Context, r *workflowservice.PollWorkflowTaskQueueRequest) (
	*workflowservice.PollWorkflowTaskQueueResponse, error) {
	f.poll(ctx, r.GetTaskQueue().GetName())
	return &workflowservice.PollWorkflowTaskQueueResponse{}, nil
}

func (f *temporal) PollActivityTaskQueue(ctx context.Context, r *workflowservice.PollActivityTaskQueueRequest) (
	*workflowservice.PollActivityTaskQueueResponse, error) {
	f.poll(ctx, r.GetTaskQueue().GetName())
	return &workflowservice.PollActivityTaskQueueResponse{}, nil
}

// polls reports whether somebody has polled a queue.
func (f *temporal) polls(queue string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.polled, queue)
}

// started serves this Temporal, and gives the process the variables of a worker in front of it.
func started(t *testing.T, f *temporal) (admin string) {
	t.Helper()
	address := frontendtest.Serve(t, f).Address

	keyset, err := encryption.NewKeyset()
	require.NoError(t, err)
	admin = free(t)
	for name, value := range map[string]string{
		"TEMPORAL_CONFIG_FILE": os.DevNull, "TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": "cases",
		"CONNECTFI_BASE_URL": "http://127.0.0.1:1", "CONNECTFI_LOGIN": "l", "CONNECTFI_PASSWORD": linktoken.NewKey(),
		"KYC_PUBLIC_URL": "http://127.0.0.1:8080", "KYC_LINK_KEYS": linktoken.NewKey(), "KYC_KEYSET": keyset,
		"KYC_DOCUMENTS": "file://" + filepath.ToSlash(t.TempDir()), "KYC_NOTIFY_SECRET": delivery.NewSecret(),
		"KYC_ADMIN_LISTEN": admin,
	} {
		t.Setenv(name, value)
	}
	return admin
}

// free is an address of this machine that nothing listens at. Its port is below
// those that connections go out from, so none takes it meanwhile.
func free(t *testing.T) string {
	t.Helper()
	for range 100 {
		if ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000))); err == nil {
			defer ln.Close()
			return ln.Addr().String()
		}
	}
	require.Fail(t, "no port is free")
	return ""
}

// start runs the program as main does, until it ends.
func start(t *testing.T, args ...string) error {
	t.Helper()
	select {
	case err := <-begin(t, args...):
		return err
	case <-time.After(time.Minute):
		require.Fail(t, "it is up, and should have ended")
		return nil
	}
}

// begin runs the program as main does, and reports how it ended.
func begin(t *testing.T, args ...string) <-chan error {
	t.Helper()
	var s settings
	parser, err := kong.New(&s, kong.Name("worker"), kong.Vars{"version": "v"}, config.Flags(os.LookupEnv))
	require.NoError(t, err)
	ended := make(chan error, 1)
	if _, err := parser.Parse(httpserver.NormalizeFlags(args)); err != nil {
		ended <- err
		return ended
	}
	go func() { ended <- run(s) }()
	return ended
}

// terminate tells the program to stop, and waits until it has ended without an error.
func terminate(t *testing.T, ended <-chan error) {
	t.Helper()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		require.Fail(t, "it does not stop")
	}
}

// up starts the program, waits until it is ready, and answers with its stop.
func up(t *testing.T) (stop func()) {
	t.Helper()
	ended := begin(t)
	for begun := time.Now(); start(t, "--check") != nil; time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			require.Fail(t, "it ended before it was up", "%v", err)
		default:
			require.Less(t, time.Since(begun), time.Minute)
		}
	}
	stop = sync.OnceFunc(func() { terminate(t, ended) })
	t.Cleanup(stop)
	return stop
}

// A worker that is told to stop while Temporal does not answer ends without an error.
func TestAWorkerIsStoppedWhileItConnects(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	asked := make(chan struct{})
	for name, await := range map[string]func(){
		"dialing": func() { _, err = silent.Accept() },
		"asking":  func() { <-asked },
	} {
		t.Run(name, func(t *testing.T) {
			started(t, &temporal{asked: asked})
			if name == "dialing" {
				t.Setenv("TEMPORAL_ADDRESS", silent.Addr().String())
			}
			ended := begin(t)
			await()
			require.NoError(t, err)
			terminate(t, ended)
		})
	}
}

// A worker that is up says so where it is asked, polls both queues and counts
// the open cases; told to stop, it ends without an error.
func TestAWorkerComesUpAndIsStopped(t *testing.T) {
	f := &temporal{}
	admin := started(t, f)
	require.ErrorContains(t, start(t, "--check"), "does not answer", "it is not up yet")
	stop := up(t)
	for _, queue := range []string{workflows.TaskQueue, workflows.ReadsQueue} {
		require.Eventually(t, func() bool { return f.polls(queue) }, time.Minute, 20*time.Millisecond, queue)
	}
	require.Eventually(t, func() bool {
		answer, err := http.Get("http://" + admin + "/metrics")
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return strings.Contains(string(body), `kyc_cases{stage="in_review"} 3`)
	}, time.Minute, 20*time.Millisecond)

	require.ErrorContains(t, start(t), "KYC_ADMIN_LISTEN", "another one beside it has another address")
	stop()
	require.ErrorContains(t, start(t, "--check"), "does not answer")
}

// What a worker may not do, or does not find, is told before it takes any case.
func TestAWorkerIsRefusedByTemporal(t *testing.T) {
	for name, test := range map[string]struct {
		temporal *temporal
		says     string
	}{
		"it may not signal": {&temporal{signals: status.Error(codes.PermissionDenied, "no")},
			"Temporal does not permit this program to signal cases in its namespace: check TEMPORAL_API_KEY"},
		"no search attributes": {&temporal{empty: true}, "the namespace lacks a search attribute of cases " +
			"(KycStage is unknown): run starter setup"},
	} {
		t.Run(name, func(t *testing.T) {
			admin := started(t, test.temporal)
			require.ErrorContains(t, start(t), test.says)
			require.False(t, test.temporal.polls(workflows.TaskQueue))
			_, err := net.DialTimeout("tcp", admin, time.Second)
			require.Error(t, err, "nothing is left behind")
		})
	}
}

// A mistake in what needs other variables is told in one sentence.
func TestAWorkerRefusesItsVariables(t *testing.T) {
	for name, test := range map[string]struct{ variable, value, says string }{
		"a rate below nothing":    {"KYC_READS_PER_SECOND", "-1", "the rate of status reads must not be negative"},
		"fewer cases than none":   {"KYC_CACHED_CASES", "-1", "KYC_CACHED_CASES must be more than 0"},
		"no receiver":             {"KYC_NOTIFY_URL", "receiver", "KYC_NOTIFY_URL must be an http or https URL"},
		"a build without a name":  {"KYC_DEPLOYMENT", "kyc", "worker versioning needs a build id"},
		"an address of elsewhere": {"KYC_ADMIN_LISTEN", "192.0.2.1:1", "KYC_ADMIN_LISTEN"},
	} {
		t.Run(name, func(t *testing.T) {
			started(t, &temporal{})
			t.Setenv(test.variable, test.value)
			require.ErrorContains(t, start(t), test.says)
		})
	}
}
