// Package frontendtest serves a test's own part of Temporal's frontend over gRPC, for tests of programs that dial
// Temporal and need no server.
package frontendtest

import (
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// service is the name under which Temporal's frontend reports its health.
const service = "temporal.api.workflowservice.v1.WorkflowService"

// Server is a frontend that serves.
type Server struct {
	Address string         // host:port, on 127.0.0.1
	Health  *health.Server // reports SERVING until a test changes it

	server *grpc.Server
}

// Serve serves a frontend on a free port until the test ends. One that implements the operator service as well serves
// that, too.
func Serve(t testing.TB, frontend workflowservice.WorkflowServiceServer, options ...grpc.ServerOption) Server {
	t.Helper()
	return ServeOn(t, Listen(t), frontend, options...)
}

// ServeOn is Serve for a listener of the test's own.
func ServeOn(t testing.TB, ln net.Listener, frontend workflowservice.WorkflowServiceServer,
	options ...grpc.ServerOption) Server {
	t.Helper()
	s := Server{Address: ln.Addr().String(), Health: health.NewServer(), server: grpc.NewServer(options...)}
	s.SetServing(true)
	healthpb.RegisterHealthServer(s.server, s.Health)
	workflowservice.RegisterWorkflowServiceServer(s.server, frontend)
	if operator, ok := frontend.(operatorservice.OperatorServiceServer); ok {
		operatorservice.RegisterOperatorServiceServer(s.server, operator)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(ln) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-ended; !errors.Is(err, grpc.ErrServerStopped) { // stopped before it began to serve
			require.NoError(t, err)
		}
	})
	return s
}

// SetServing sets the health that the frontend reports.
func (s Server) SetServing(serving bool) {
	status := healthpb.HealthCheckResponse_SERVING
	if !serving {
		status = healthpb.HealthCheckResponse_NOT_SERVING
	}
	s.Health.SetServingStatus(service, status)
}

// Stop ends the frontend and its connections. The end of the test does so at the latest.
func (s Server) Stop() { s.server.Stop() }

// Listen takes a free port of 127.0.0.1. The end of the test closes it.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}
