package temporalclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync/atomic"

	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// AttemptError is a call that ran out of time while its attempts failed. The SDK
// repeats an attempt that Temporal refused or that never reached it, and ends
// with the context's error: the last failure, which is the cause, would be lost.
type AttemptError struct {
	Err  error // how the call ended
	Last error // what its last attempt ended with, as a service error
}

func (e *AttemptError) Error() string {
	return fmt.Sprintf("%v: the last attempt ended with %s", e.Err, Reason(e.Last))
}
func (e *AttemptError) Unwrap() []error { return []error{e.Err, e.Last} }

// Status keeps the code of the call, as the SDK judges by it.
func (e *AttemptError) Status() *status.Status { return serviceerror.ToStatus(e.Err) }

// lastFailure is where the attempts of one call leave their failure.
type lastFailure struct{ err atomic.Pointer[status.Status] }

type failureKey struct{}

// dialOptions remember the last failure of a call's attempts. gRPC puts the
// interceptor of WithUnaryInterceptor around those of the SDK, and appends that
// of WithChainUnaryInterceptor inside them, where it sees each attempt.
func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithUnaryInterceptor(aroundCall), grpc.WithChainUnaryInterceptor(aroundAttempt)}
}

func aroundCall(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker, o ...grpc.CallOption) error {
	last := &lastFailure{}
	err := invoke(context.WithValue(ctx, failureKey{}, last), method, request, answer, conn, o...)
	failed := last.err.Load()
	if err == nil || failed == nil {
		return err
	}
	switch code := serviceerror.ToStatus(err).Code(); {
	case code != codes.DeadlineExceeded && code != codes.Canceled, failed.Code() == code:
		return err // it is the last failure itself
	}
	return &AttemptError{Err: err, Last: serviceerror.FromStatus(failed)}
}

func aroundAttempt(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker, o ...grpc.CallOption) error {
	err := invoke(ctx, method, request, answer, conn, o...)
	last, ok := ctx.Value(failureKey{}).(*lastFailure)
	switch failed := status.Convert(err); {
	case !ok:
	case err == nil:
		last.err.Store(nil)
	case ctx.Err() == nil, last.err.Load() == nil: // one that the end of the call cut off says nothing
		last.err.Store(failed)
	}
	return err
}

// reasons are causes that Go's network and TLS code writes into gRPC's text, as
// it writes them, the more exact ones first.
var reasons = []*regexp.Regexp{
	regexp.MustCompile(`connection refused|no such host|no route to host|network is unreachable|connection reset by peer`),
	regexp.MustCompile(`certificate has expired or is not yet valid|certificate signed by unknown authority|certificate ` +
		`is valid for [^"]+, not [^ ,"]+`),
	regexp.MustCompile(`tls: (?:[a-z0-9]+ ?)+`),
	regexp.MustCompile(`i/o timeout|broken pipe|EOF`),
}

// Reason is the cause of a transport error in few words, or the error on one
// line: it names addresses and no payload.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // without the addresses that package net puts around it
	}
	text := err.Error()
	for _, reason := range reasons {
		if found := reason.FindString(text); found != "" {
			return strings.TrimSpace(found)
		}
	}
	text, _, _ = strings.Cut(text, "\n")
	return text
}
