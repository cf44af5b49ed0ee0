package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/temporalclient"
)

// guarded is a Temporal that lets nobody see or change a namespace.
type guarded struct {
	workflowservice.UnimplementedWorkflowServiceServer
	workers int // who poll the task queue of cases
}

func (g *guarded) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest,
) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (g *guarded) DescribeTaskQueue(context.Context, *workflowservice.DescribeTaskQueueRequest,
) (*workflowservice.DescribeTaskQueueResponse, error) {
	return &workflowservice.DescribeTaskQueueResponse{Pollers: make([]*taskqueuepb.PollerInfo, g.workers)}, nil
}

func (g *guarded) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest,
) (*workflowservice.DescribeNamespaceResponse, error) {
	return nil, status.Error(codes.PermissionDenied, "Request unauthorized.")
}

func (g *guarded) CountWorkflowExecutions(context.Context, *workflowservice.CountWorkflowExecutionsRequest,
) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return nil, status.Error(codes.PermissionDenied, "Request unauthorized.")
}

func (g *guarded) serve(t *testing.T) (address string) {
	t.Helper()
	listener := listening(t)
	server := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(server, g)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-ended; !errors.Is(err, grpc.ErrServerStopped) {
			require.NoError(t, err)
		}
	})
	return listener.Addr().String()
}

func listening(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return listener
}

// ran runs the program in a directory of its own.
func ran(t *testing.T, f flags) (out string, err error) {
	t.Helper()
	t.Chdir(t.TempDir())
	var stdout strings.Builder
	code, err := run(t.Context(), f, process{stdout: &stdout, stderr: &stdout,
		lookup: config.Map(map[string]string{"TEMPORAL_CONFIG_FILE": os.DevNull, "TEMPORAL_NAMESPACE": "theirs"})})
	require.Equal(t, 1, code)
	require.NoFileExists(t, filepath.Join(".dev", "env"))
	return stdout.String(), err
}

// What cannot work is said in one sentence before anything starts.
func TestWhatCannotWorkIsSaidInOneSentence(t *testing.T) {
	closed := listening(t)
	require.NoError(t, closed.Close())
	nobody := closed.Addr().String()
	out, err := ran(t, flags{Temporal: nobody, Once: true})
	require.EqualError(t, err, "no Temporal answers at "+nobody+" (connection refused): start one with `temporal server "+
		"start-dev`, or leave --temporal out for one that is compiled in")
	require.Empty(t, out)

	denying := (&guarded{}).serve(t)
	out, err = ran(t, flags{Temporal: denying, Once: true})
	require.EqualError(t, err, "the namespace theirs of the Temporal at "+denying+" could not be prepared: the lines "+
		"above say who can")
	require.Contains(t, out, "NOT DONE       namespace theirs: these credentials have no permission to describe it\n")

	_, err = ran(t, flags{Temporal: (&guarded{workers: 1}).serve(t), Once: true})
	require.EqualError(t, err, "a worker takes the cases of the namespace theirs already: choose another with "+
		"TEMPORAL_NAMESPACE=kyctrial")

	taken := listening(t)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	_, err = ran(t, flags{Temporal: nobody, SandboxPort: number})
	require.ErrorContains(t, err, "or give --sandbox-port 0 for any free one")

	_, err = ran(t, flags{Temporal: "http://127.0.0.1:7233"})
	require.ErrorContains(t, err, "starts with a scheme: remove it")
}

// A Temporal UI's address is known where `temporal server start-dev` has it.
func TestTheUIOfADevelopmentServerIsKnown(t *testing.T) {
	for address, want := range map[string]string{"127.0.0.1:7233": "http://localhost:8233",
		"localhost:9000": "http://localhost:10000", "[::1]:7233": "http://localhost:8233",
		"temporal.example:7233": "", "10.0.0.1:7233": ""} {
		require.Equal(t, want, flags{}.ui(temporalclient.Options{Address: address}), address)
	}
	given := flags{UI: "http://ui.example"}.ui(temporalclient.Options{Address: "127.0.0.1:1"})
	require.Equal(t, "http://ui.example", given)
}
