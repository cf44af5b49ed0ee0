package temporalclient_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"durablekyc.example/internal/frontendtest"
	"durablekyc.example/internal/temporalclient"
)

// stubborn answers every signal with one error, which the SDK repeats.
type stubborn struct {
	workflowservice.UnimplementedWorkflowServiceServer
	err      error
	hangs    bool
	attempts int
}

func (s *stubborn) GetSystemInfo(context.Context,
	*workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (s *stubborn) SignalWorkflowExecution(ctx context.Context,
	_ *workflowservice.SignalWorkflowExecutionRequest) (*workflowservice.SignalWorkflowExecutionResponse, error) {
	s.attempts++
	if s.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, s.err
}

func signalled(t *testing.T, s *stubborn) error {
	t.Helper()
	server := frontendtest.Serve(t, s)
	c, err := temporalclient.Dial(t.Context(), options(map[string]string{"TEMPORAL_ADDRESS": server.Address}))
	require.NoError(t, err)
	defer c.Close()
	if s.err == nil && !s.hangs {
		server.Stop() // from here on nobody answers
	}
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	return c.SignalWorkflow(ctx, "kyc-A1", "", "callback", nil)
}

// The SDK repeats what Temporal refuses until the context ends, and then says so
// alone: the refusal is kept.
func TestTheLastFailureOfACallIsKept(t *testing.T) {
	full := serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "namespace rate limit exceeded")
	s := &stubborn{err: serviceerror.ToStatus(full).Err()}
	err := signalled(t, s)
	require.Greater(t, s.attempts, 1)
	var (
		attempt   *temporalclient.AttemptError
		exhausted *serviceerror.ResourceExhausted
	)
	require.ErrorAs(t, err, &attempt)
	require.ErrorAs(t, err, &exhausted)
	require.Equal(t, enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, exhausted.Cause)
	require.ErrorContains(t, err, "namespace rate limit exceeded")
	require.Equal(t, codes.DeadlineExceeded, serviceerror.ToStatus(err).Code(), "the SDK judges by the code")

	var away *serviceerror.Unavailable
	err = signalled(t, &stubborn{})
	require.ErrorAs(t, err, &away)
	require.ErrorContains(t, err, "connection refused")

	require.NotErrorAs(t, signalled(t, &stubborn{hangs: true}), &attempt, "nothing was refused: it only took too long")
	err = signalled(t, &stubborn{err: status.Error(codes.NotFound, "no such workflow")})
	require.NotErrorAs(t, err, &attempt, "an answer is an answer")
	require.ErrorAs(t, err, new(*serviceerror.NotFound))
}

func TestReason(t *testing.T) {
	for text, want := range map[string]string{
		`connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`: "connection refused",
		`connection error: desc = "transport: Error while dialing: dial tcp: lookup temporal.invalid on 10.0.0.1:53: no ` +
			`such host"`: "no such host",
		`connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: ` +
			`certificate has expired or is not yet valid: current time 2026-11-29T17:00:00Z is after 2026-11-28T17:00:00Z"`: "certificate has expired or is not yet valid",
		`connection error: desc = "error reading server preface: remote error: tls: certificate required"`: "tls: certificate required",
		"what nobody foresaw\nin two lines": "what nobody foresaw",
	} {
		require.Equal(t, want, temporalclient.Reason(errors.New(text)))
	}
	address := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 7233}
	require.Equal(t, "of another kind", temporalclient.Reason(fmt.Errorf("a call: %w", &net.OpError{Op: "dial", Net: "tcp",
		Addr: address, Err: errors.New("of another kind")})),
		"no address may be in it")
}
