// Package cluster is how every program finds its Temporal: by the variables
// and profiles that Temporal's own tools use.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"

	"durablekyc.example/internal/seal"
)

// Patience is how long Dial waits for Temporal, and Ready at the most.
const Patience = 5 * time.Second

// Options say which Temporal, and whom to tell about it.
type Options struct {
	Address   string // host:port; when set it goes before TEMPORAL_ADDRESS and the profile
	Namespace string // when set it goes before TEMPORAL_NAMESPACE and the profile

	// Lookup reads one variable (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
	// TEMPORAL_API_KEY, TEMPORAL_TLS…, TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE);
	// Environ, which may be nil, lists all of them as NAME=value, for
	// TEMPORAL_GRPC_META_… alone.
	Lookup  func(name string) (string, bool)
	Environ func() []string

	Sealed  seal.Converters // of all that is stored; the zero Converters store it in clear
	Logger  *slog.Logger
	Metrics client.MetricsHandler // may be nil

	Interceptors []interceptor.ClientInterceptor // around every call, and in the workers made with this client
}

// UnreachableError is a Temporal that does not answer.
type UnreachableError struct {
	Address string
	Err     error
}

// Error says where Temporal was looked for and what to do; the cause is for Unwrap.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("Temporal does not answer at %s: start everything with `go run ./dev`, or set TEMPORAL_ADDRESS", e.Address)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Dial connects to Temporal and has it answer once: an *UnreachableError if it
// does not, and one sentence for a configuration or a credential that is
// wrong. The caller closes the client.
func Dial(ctx context.Context, o Options) (client.Client, error) {
	options, err := o.client()
	if err != nil {
		return nil, err
	}
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, explain(ctx, options.HostPort, err)
	}
	return c, nil
}

// Join makes a second client on the connection of one that was dialed, with
// other converters, say. Both are closed by the caller.
func Join(ctx context.Context, dialed client.Client, o Options) (client.Client, error) {
	options, err := o.client()
	if err != nil {
		return nil, err
	}
	return client.NewClientFromExistingWithContext(ctx, dialed, options)
}

// Target says which Temporal these Options name, without asking it anything.
func (o Options) Target() (address, namespace string, err error) {
	options, err := o.client()
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	return options.HostPort, options.Namespace, err
}

func (o Options) client() (client.Options, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: variables{o}})
	if err != nil {
		return options, fmt.Errorf("the Temporal configuration cannot be used: %w", err)
	}
	if o.Address != "" {
		options.HostPort = o.Address
	}
	if o.Namespace != "" {
		options.Namespace = o.Namespace
	}
	if options.HostPort == "" {
		options.HostPort = client.DefaultHostPort
	}
	options.MetricsHandler, options.Interceptors = o.Metrics, o.Interceptors
	options.Logger = log.NewStructuredLogger(o.Logger)
	options.ConnectionOptions.GetSystemInfoTimeout = Patience
	// What there is to shorten was shortened before it was sealed.
	options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	options.DataConverter, options.FailureConverter = o.Sealed.Data, o.Sealed.Failures
	return options, nil
}

func explain(ctx context.Context, address string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	switch serviceerror.ToStatus(err).Code().String() {
	case "Unauthenticated", "PermissionDenied":
		return fmt.Errorf("Temporal at %s refuses these credentials: check TEMPORAL_API_KEY, TEMPORAL_NAMESPACE and the TLS variables", address)
	}
	// gRPC hands a failed handshake on as text alone.
	if strings.Contains(err.Error(), "authentication handshake failed") {
		return fmt.Errorf("Temporal at %s and this program cannot agree on TLS: check TEMPORAL_TLS and its certificates", address)
	}
	return &UnreachableError{Address: address, Err: err}
}

// Ready reports whether Temporal answers now, by its health check: nothing is
// read and nothing is billed.
func Ready(ctx context.Context, c client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	if _, err := c.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return fmt.Errorf("Temporal does not answer (%s)", serviceerror.ToStatus(err).Code())
	}
	return nil
}

// variables gives envconfig what it was handed, never the process' own.
type variables struct{ options Options }

func (v variables) LookupEnv(name string) (string, bool) {
	if v.options.Lookup == nil {
		return "", false
	}
	return v.options.Lookup(name)
}

func (v variables) Environ() []string {
	if v.options.Environ == nil {
		return nil
	}
	return v.options.Environ()
}
