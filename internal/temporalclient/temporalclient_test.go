package temporalclient_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/frontendtest"
	"durablekyc.example/internal/temporalclient"
)

// frontend is as much of a Temporal frontend as dialling needs: a gRPC server
// that says what it can do, and remembers what it was called with.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	refuse    codes.Code
	described error // of a workflow; nil is that there is none
	seen      metadata.MD
	signal    *commonpb.Payloads
}

func (f *frontend) GetSystemInfo(ctx context.Context,
	_ *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	f.seen, _ = metadata.FromIncomingContext(ctx)
	if f.refuse != codes.OK {
		return nil, status.Error(f.refuse, "no")
	}
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (f *frontend) DescribeWorkflowExecution(context.Context, *workflowservice.DescribeWorkflowExecutionRequest) (
	*workflowservice.DescribeWorkflowExecutionResponse, error) {
	err := f.described
	if err == nil {
		err = serviceerror.NewNotFound("no such workflow")
	}
	return nil, serviceerror.ToStatus(err).Err()
}

func (f *frontend) SignalWorkflowExecution(_ context.Context,
	r *workflowservice.SignalWorkflowExecutionRequest) (*workflowservice.SignalWorkflowExecutionResponse, error) {
	f.signal = r.Input
	return &workflowservice.SignalWorkflowExecutionResponse{}, nil
}

func lookup(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { value, ok := variables[name]; return value, ok }
}

func options(variables map[string]string) temporalclient.Options {
	if _, ok := variables["TEMPORAL_CONFIG_FILE"]; !ok {
		variables["TEMPORAL_CONFIG_FILE"] = os.DevNull // not the developer's own profiles
	}
	return temporalclient.Options{Lookup: lookup(variables), Logger: slog.New(slog.DiscardHandler)}
}

func TestDialByVariables(t *testing.T) {
	f := &frontend{}
	address := frontendtest.Serve(t, f).Address
	o := options(map[string]string{"TEMPORAL_ADDRESS": address, "TEMPORAL_API_KEY": "the-key", "TEMPORAL_TLS": "false"})
	o.Environ = func() []string { return []string{"TEMPORAL_GRPC_META_X_TEAM=kyc"} }
	c, err := temporalclient.Dial(t.Context(), o)
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, []string{"Bearer the-key"}, f.seen.Get("authorization"))
	require.Equal(t, []string{"kyc"}, f.seen.Get("x-team"))
}

func TestDialByProfileAndByOption(t *testing.T) {
	f := &frontend{}
	address := frontendtest.Serve(t, f).Address
	file := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(file, []byte("[profile.blue]\naddress = \""+address+"\"\n"), 0o600))
	for name, test := range map[string]struct {
		variables map[string]string
		address   string
	}{
		"a profile": {variables: map[string]string{"TEMPORAL_CONFIG_FILE": file,
			"TEMPORAL_PROFILE": "blue"}},
		"a variable goes before the profile": {variables: map[string]string{"TEMPORAL_CONFIG_FILE": file,
			"TEMPORAL_ADDRESS": address}},
		"an option goes before both": {variables: map[string]string{"TEMPORAL_ADDRESS": "127.0.0.1:1"}, address: address},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(test.variables)
			o.Address = test.address
			c, err := temporalclient.Dial(t.Context(), o)
			require.NoError(t, err)
			c.Close()
		})
	}
}

func TestDialRefuses(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := closed.Addr().String()
	require.NoError(t, closed.Close())
	outsider := frontendtest.Serve(t, &frontend{refuse: codes.Unauthenticated}).Address
	denied := frontendtest.Serve(t, &frontend{refuse: codes.PermissionDenied}).Address

	profile := func(line string) string {
		file := filepath.Join(t.TempDir(), "temporal.toml")
		require.NoError(t, os.WriteFile(file, []byte("[profile.default]\n"+line+"\n"), 0o600))
		return file
	}

	for name, test := range map[string]struct {
		variables map[string]string
		says      []string
	}{
		"nobody there": {variables: map[string]string{"TEMPORAL_ADDRESS": nobody}, says: []string{nobody,
			"go run ./dev", "TEMPORAL_ADDRESS"}},
		"a bad API key": {variables: map[string]string{"TEMPORAL_ADDRESS": outsider,
			"TEMPORAL_API_KEY": "topsecret", "TEMPORAL_TLS": "0"}, says: []string{outsider, "TEMPORAL_API_KEY"}},
		"not allowed": {variables: map[string]string{"TEMPORAL_ADDRESS": denied}, says: []string{denied,
			"rejects these credentials"}},
		"TLS where there is none": {variables: map[string]string{"TEMPORAL_ADDRESS": denied, "TEMPORAL_TLS": "true"},
			says: []string{denied, "cannot connect to Temporal at 127.0.0.1:"}},
		"no such profile": {variables: map[string]string{"TEMPORAL_PROFILE": "green"}, says: []string{"configuration",
			"green"}},
		"a missing certificate": {variables: map[string]string{"TEMPORAL_TLS_CLIENT_CERT_PATH": "/nowhere",
			"TEMPORAL_TLS_CLIENT_KEY_PATH": "/nowhere"},
			says: []string{"configuration", "/nowhere"}},
		"TLS that is neither on nor off": {variables: map[string]string{"TEMPORAL_TLS": "yes"},
			says: []string{"TEMPORAL_TLS must be true or false"}},
		"a check that is neither on nor off": {variables: map[string]string{"TEMPORAL_TLS_DISABLE_HOST_VERIFICATION": "off"},
			says: []string{"TEMPORAL_TLS_DISABLE_HOST_VERIFICATION must be true or false"}},
		"a scheme": {variables: map[string]string{"TEMPORAL_ADDRESS": "https://u:topsecret@t.example:7233"},
			says: []string{"TEMPORAL_ADDRESS", "starts with a scheme"}},
		"a slash": {variables: map[string]string{"TEMPORAL_ADDRESS": "t.example:7233/"},
			says: []string{"contains a slash"}},
		"quotes": {variables: map[string]string{"TEMPORAL_ADDRESS": `"t.example:7233"`},
			says: []string{"has quotes around it"}},
		"a blank": {variables: map[string]string{"TEMPORAL_ADDRESS": "t.example:7233 "},
			says: []string{"contains a space"}},
		"no port": {variables: map[string]string{"TEMPORAL_ADDRESS": "t.example"},
			says: []string{"lacks its host or its port"}},
		"no host": {variables: map[string]string{"TEMPORAL_ADDRESS": ":7233"},
			says: []string{"lacks its host or its port"}},
		"a bare IPv6": {variables: map[string]string{"TEMPORAL_ADDRESS": "::1"},
			says: []string{"lacks its host or its port"}},
		"a named port": {variables: map[string]string{"TEMPORAL_ADDRESS": "t.example:grpc"},
			says: []string{"port that is not a number from 1 to 65535"}},
		"no such port": {variables: map[string]string{"TEMPORAL_ADDRESS": "t.example:99999"},
			says: []string{"port that is not a number from 1 to 65535"}},
		"a profile's": {variables: map[string]string{"TEMPORAL_CONFIG_FILE": profile("address = \"t.example\"")},
			says: []string{"or the address of the Temporal profile"}},
		"port and path": {variables: map[string]string{"TEMPORAL_ADDRESS": "t.example/7233"},
			says: []string{"contains a slash"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := temporalclient.Dial(t.Context(), options(test.variables))
			require.Error(t, err)
			for _, says := range test.says {
				require.ErrorContains(t, err, says)
			}
			require.NotContains(t, err.Error(), "topsecret")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// What is set to nothing is not set.
func TestEmptyVariablesAreNotSet(t *testing.T) {
	f := &frontend{}
	address := frontendtest.Serve(t, f).Address
	c, err := temporalclient.Dial(t.Context(), options(map[string]string{"TEMPORAL_ADDRESS": address,
		"TEMPORAL_NAMESPACE": "", "TEMPORAL_API_KEY": "",
		"TEMPORAL_TLS": "", "TEMPORAL_TLS_CLIENT_CERT_PATH": "", "TEMPORAL_TLS_CLIENT_KEY_DATA": "",
		"TEMPORAL_PROFILE": " "}))
	require.NoError(t, err)
	c.Close()
	_, namespace, err := options(map[string]string{"TEMPORAL_ADDRESS": "dns:///t.example:7233",
		"TEMPORAL_NAMESPACE": ""}).Target()
	require.NoError(t, err)
	require.Equal(t, client.DefaultNamespace, namespace)
	require.Empty(t, f.seen.Get("authorization"))
}

func TestUnreachableKeepsItsCause(t *testing.T) {
	_, err := temporalclient.Dial(t.Context(), options(map[string]string{"TEMPORAL_ADDRESS": "127.0.0.1:1"}))
	var unreachable *temporalclient.UnreachableError
	require.ErrorAs(t, err, &unreachable)
	require.Equal(t, "127.0.0.1:1", unreachable.Address)
	require.ErrorContains(t, unreachable.Unwrap(), "refused")
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := temporalclient.Dial(ctx, options(map[string]string{"TEMPORAL_ADDRESS": "127.0.0.1:1"}))
	require.ErrorIs(t, err, context.Canceled)
}

func TestReady(t *testing.T) {
	server := frontendtest.Serve(t, &frontend{})
	c, err := temporalclient.Dial(t.Context(), options(map[string]string{"TEMPORAL_ADDRESS": server.Address}))
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, temporalclient.Ready(t.Context(), c))
	server.SetServing(false)
	require.ErrorContains(t, temporalclient.Ready(t.Context(), c), "Temporal does not answer")
}

// Temporal may be well and of no use: without the namespace, or the right to read in it.
func TestNotReady(t *testing.T) {
	for says, refusal := range map[string]error{
		`Temporal has no namespace "cases"`:              serviceerror.NewNamespaceNotFound("cases"),
		"Temporal denies read access (PermissionDenied)": serviceerror.NewPermissionDenied("no", "no"),
		"Temporal denies read access (DeadlineExceeded)": context.DeadlineExceeded,
	} {
		t.Run(says, func(t *testing.T) {
			f := &frontend{described: refusal}
			address := frontendtest.Serve(t, f).Address
			c, err := temporalclient.Dial(t.Context(), options(map[string]string{"TEMPORAL_ADDRESS": address}))
			require.NoError(t, err)
			defer c.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.EqualError(t, temporalclient.Ready(ctx, c), says)
		})
	}
}

// What a client sends is sealed by its own converters, also where two share a connection.
func TestEveryClientHasItsConverters(t *testing.T) {
	f := &frontend{}
	address := frontendtest.Serve(t, f).Address
	o := options(map[string]string{"TEMPORAL_ADDRESS": address})
	dialed, err := temporalclient.Dial(t.Context(), o)
	require.NoError(t, err)
	defer dialed.Close()
	o.Converters = encryption.Converters{Data: converter.NewCodecDataConverter(converter.GetDefaultDataConverter(),
		converter.NewZlibCodec(converter.ZlibCodecOptions{AlwaysEncode: true})),
		Failures: temporal.GetDefaultFailureConverter()}
	joined, err := temporalclient.Join(t.Context(), dialed, o)
	require.NoError(t, err)
	defer joined.Close()
	for c, encoding := range map[client.Client]string{dialed: "json/plain", joined: "binary/zlib"} {
		require.NoError(t, c.SignalWorkflow(t.Context(), "id", "", "word", "x"))
		require.Equal(t, encoding, string(f.signal.Payloads[0].Metadata["encoding"]))
	}
}
