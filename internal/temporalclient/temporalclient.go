// Package temporalclient connects every program to its Temporal: by the variables
// and profiles that Temporal's own tools use.
package temporalclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"

	"durablekyc.example/internal/encryption"
)

// DialTimeout is how long Dial waits for Temporal, and Ready at the most.
const DialTimeout = 5 * time.Second

// Options say which Temporal to dial, and where logs and metrics go.
type Options struct {
	Address   string // host:port; when set it goes before TEMPORAL_ADDRESS and the profile
	Namespace string // when set it goes before TEMPORAL_NAMESPACE and the profile

	// Lookup reads one variable (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
	// TEMPORAL_API_KEY, TEMPORAL_TLS…, TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE);
	// Environ, which may be nil, lists all of them as NAME=value, for
	// TEMPORAL_GRPC_META_… alone.
	Lookup  func(name string) (string, bool)
	Environ func() []string

	Converters encryption.Converters // of all that is stored; the zero Converters store it in clear
	Logger     *slog.Logger
	Metrics    client.MetricsHandler // may be nil

	Interceptors []interceptor.ClientInterceptor // around every call, and in the workers made with this client

	// Certificate, which may be nil, is called by Dial with the name of each
	// certificate that is read from a file, and a function that returns when the
	// newest one ends.
	Certificate func(name string, ends func() time.Time)
}

// UnreachableError is a Temporal that does not answer.
type UnreachableError struct {
	Address string
	Err     error
}

// Error says where Temporal was looked for, why it was not found, and what to do.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("Temporal does not answer at %s (%s): start everything with `go run ./dev`, or set "+
		"TEMPORAL_ADDRESS", e.Address, e.Reason())
}

// Reason is the cause in few words, such as "connection refused".
func (e *UnreachableError) Reason() string {
	if e.Err == nil {
		return "no answer"
	}
	return Reason(e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Dial connects to Temporal and has it answer once: an *UnreachableError if it
// does not, and one sentence for a configuration or a credential that is
// wrong. The caller closes the client.
func Dial(ctx context.Context, o Options) (client.Client, error) {
	profile, err := o.profile()
	if err != nil {
		return nil, err
	}
	options, err := o.clientOf(profile)
	if err != nil {
		return nil, err
	}
	ends, err := renewTLS(options.ConnectionOptions.TLS, profile.TLS, options.HostPort, o.Logger)
	if err != nil {
		return nil, err
	}
	if o.Certificate != nil {
		for name, end := range ends {
			o.Certificate(name, end)
		}
	}
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, explain(ctx, options, err)
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

// Retention is how long a namespace keeps what is closed.
func Retention(ctx context.Context, c client.Client, namespace string) (time.Duration, error) {
	d, err := c.WorkflowService().DescribeNamespace(ctx,
		&workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	return d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(), err
}

func (o Options) client() (client.Options, error) {
	profile, err := o.profile()
	if err != nil {
		return client.Options{}, err
	}
	return o.clientOf(profile)
}

// clientOf are the options that a profile and these Options make together.
func (o Options) clientOf(profile envconfig.ClientConfigProfile) (client.Options, error) {
	options, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{})
	if err != nil {
		return options, fmt.Errorf("invalid Temporal configuration: %w", err)
	}
	options.MetricsHandler, options.Interceptors = o.Metrics, o.Interceptors
	options.Logger = log.NewStructuredLogger(o.Logger)
	options.ConnectionOptions.GetSystemInfoTimeout = DialTimeout
	options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions, dialOptions()...)
	// What there is to shorten was shortened before it was sealed.
	options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	options.DataConverter, options.FailureConverter = o.Converters.Data, o.Converters.Failures
	return options, nil
}

// explain turns what the SDK says of a connection that was not made into one
// sentence with its cause.
func explain(ctx context.Context, options client.Options, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	address := options.HostPort
	switch serviceerror.ToStatus(err).Code().String() {
	case "Unauthenticated", "PermissionDenied":
		return fmt.Errorf("Temporal at %s rejects these credentials: check TEMPORAL_API_KEY, TEMPORAL_NAMESPACE and the "+
			"TLS variables", address)
	}
	switch cause := probe(ctx, options); {
	case errors.Is(cause, errTLS):
		return fmt.Errorf("cannot connect to Temporal at %s: %w: check TEMPORAL_TLS… and its certificates",
			address, cause)
	case cause != nil:
		return &UnreachableError{Address: address, Err: cause}
	}
	return &UnreachableError{Address: address, Err: err}
}

// unusedID is a workflow id that is never used: reading it asks for the namespace
// and for the right to read in it.
const unusedID = "readiness"

// Ready reports whether Temporal answers now, has the client's namespace and
// lets the client read in it. Nothing is billed.
func Ready(ctx context.Context, c client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	if _, err := c.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return fmt.Errorf("Temporal does not answer (%s: %s)", serviceerror.ToStatus(err).Code(), Reason(err))
	}
	_, err := c.DescribeWorkflowExecution(ctx, unusedID, "")
	_, isNotFound := errors.AsType[*serviceerror.NotFound](err)
	namespace, isNamespace := errors.AsType[*serviceerror.NamespaceNotFound](err)
	switch {
	case err == nil, isNotFound:
		return nil
	case isNamespace:
		return fmt.Errorf("Temporal has no namespace %q", namespace.Namespace)
	}
	return fmt.Errorf("Temporal denies read access (%s)", serviceerror.ToStatus(err).Code())
}
