package cli

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/frontendtest"
	"durablekyc.example/internal/temporalclient"
)

// guarded is a Temporal that tells about a namespace, if it may, and lets
// nobody change anything: what no embedded one does. Everything else is tested
// on a real one, in dev/stack.
type guarded struct {
	workflowservice.UnimplementedWorkflowServiceServer
	operatorservice.UnimplementedOperatorServiceServer
	hidden    bool          // it may not even be asked for
	retention time.Duration // of the namespace; zero is none there
	knows     []string      // search attributes, by using them alone
}

var denied = status.Error(codes.PermissionDenied, "Request unauthorized.")

func (g *guarded) GetSystemInfo(context.Context,
	*workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (g *guarded) DescribeNamespace(context.Context,
	*workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	switch {
	case g.hidden:
		return nil, denied
	case g.retention == 0:
		return nil, status.Error(codes.NotFound, "no such namespace")
	}
	return &workflowservice.DescribeNamespaceResponse{Config: &namespacepb.NamespaceConfig{
		WorkflowExecutionRetentionTtl: durationpb.New(g.retention)}}, nil
}

func (g *guarded) RegisterNamespace(context.Context,
	*workflowservice.RegisterNamespaceRequest) (*workflowservice.RegisterNamespaceResponse, error) {
	return nil, denied
}

func (g *guarded) UpdateNamespace(context.Context,
	*workflowservice.UpdateNamespaceRequest) (*workflowservice.UpdateNamespaceResponse, error) {
	return nil, denied
}

func (g *guarded) CountWorkflowExecutions(_ context.Context,
	r *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	if g.hidden {
		return nil, denied
	}
	for _, name := range g.knows {
		if strings.HasPrefix(r.GetQuery(), name+" ") {
			return &workflowservice.CountWorkflowExecutionsResponse{}, nil
		}
	}
	return nil, status.Error(codes.InvalidArgument, "invalid query")
}

// What credentials do not allow is said with who may do it and how, and what
// can be done is done.
func TestSetupSaysWhatItMayNotDo(t *testing.T) {
	month, week := 30*24*time.Hour, 7*24*time.Hour
	for name, test := range map[string]struct {
		temporal guarded
		cloud    bool
		want     string
	}{
		"no namespace": {guarded{}, false,
			`NOT DONE       namespace kyc.a1b2c: these credentials have no permission to create it
               try: temporal operator namespace create --namespace kyc.a1b2c --retention 720h, as an admin of Temporal
`},
		"no namespace on Temporal Cloud": {guarded{}, true,
			`NOT DONE       namespace kyc.a1b2c: these credentials have no permission to create it; Temporal Cloud does not allow it through this API
               try: tcld namespace create --namespace kyc --region YOUR-REGION --retention-days 30, or "Create Namespace" in the Temporal Cloud UI, as a developer of the account; then run this again
`},
		"a namespace that is not for these": {guarded{hidden: true}, false,
			`NOT DONE       namespace kyc.a1b2c: these credentials have no permission to describe it
               try: temporal operator namespace describe --namespace kyc.a1b2c
NOT DONE       search attributes: these credentials have no permission to list them
               try: temporal operator search-attribute create --namespace kyc.a1b2c --name KycCustomerType --type Keyword --name KycDeadline --type Datetime --name KycStage --type Keyword --name KycWaitingOn --type Keyword, as an admin of the namespace
`},
		"everything is there already": {guarded{retention: month, knows: []string{"KycStage", "KycWaitingOn",
			"KycCustomerType", "KycDeadline"}}, false,
			`already there  namespace kyc.a1b2c: closed cases are kept for 30 days
already there  search attribute KycCustomerType: these credentials may not see its type
already there  search attribute KycDeadline: these credentials may not see its type
already there  search attribute KycStage: these credentials may not see its type
already there  search attribute KycWaitingOn: these credentials may not see its type
`},
		"something is lacking": {guarded{retention: week, knows: []string{"KycStage", "KycCustomerType", "KycDeadline"}},
			false,
			`NOT DONE       namespace kyc.a1b2c: these credentials have no permission to keep closed cases for 30 days (now 7 days)
               try: temporal operator namespace update --namespace kyc.a1b2c --retention 720h, as an admin of the namespace
already there  search attribute KycCustomerType: these credentials may not see its type
already there  search attribute KycDeadline: these credentials may not see its type
already there  search attribute KycStage: these credentials may not see its type
NOT DONE       search attribute KycWaitingOn: these credentials have no permission to add it
               try: temporal operator search-attribute create --namespace kyc.a1b2c --name KycWaitingOn --type Keyword, as an admin of the namespace
`},
		"something is lacking on Temporal Cloud": {guarded{retention: week, knows: []string{"KycStage", "KycCustomerType"}},
			true,
			`NOT DONE       namespace kyc.a1b2c: these credentials have no permission to keep closed cases for 30 days (now 7 days); Temporal Cloud does not allow it through this API
               try: tcld namespace retention set --namespace kyc.a1b2c --retention-days 30, or "Retention Policy" of the namespace in the Temporal Cloud UI, as its admin
already there  search attribute KycCustomerType: these credentials may not see its type
NOT DONE       search attribute KycDeadline: these credentials have no permission to add it; Temporal Cloud does not allow it through this API
               try: tcld namespace search-attributes add --namespace kyc.a1b2c --sa KycDeadline=Datetime --sa KycWaitingOn=Keyword, or "Custom Search Attributes" of the namespace in the Temporal Cloud UI, as its admin
already there  search attribute KycStage: these credentials may not see its type
NOT DONE       search attribute KycWaitingOn: these credentials have no permission to add it; Temporal Cloud does not allow it through this API
               try: tcld namespace search-attributes add --namespace kyc.a1b2c --sa KycDeadline=Datetime --sa KycWaitingOn=Keyword, or "Custom Search Attributes" of the namespace in the Temporal Cloud UI, as its admin
`},
	} {
		t.Run(name, func(t *testing.T) {
			ln := frontendtest.Listen(t)
			frontendtest.ServeOn(t, ln, &test.temporal)
			c, err := temporalclient.Dial(t.Context(), temporalclient.Options{Address: ln.Addr().String(),
				Namespace: "kyc.a1b2c", Logger: slog.New(slog.DiscardHandler),
				Lookup: config.Map(map[string]string{"TEMPORAL_CONFIG_FILE": os.DevNull})})
			require.NoError(t, err)
			defer c.Close()
			var out strings.Builder
			p := &setupRun{findings: findings{out: printer{stdout: &out}}, command: setupCommand{Retention: month}, temporal: c,
				namespace: "kyc.a1b2c", cloud: test.cloud}
			if p.prepareNamespace(t.Context()) {
				p.prepareAttributes(t.Context())
			}
			require.Equal(t, test.want, out.String())
			if strings.Contains(test.want, "NOT DONE") {
				require.ErrorAs(t, p.end(notDone), &errReported{})
			} else {
				require.NoError(t, p.end(notDone))
			}
		})
	}
}

func TestSetupWaitsForATemporalThatIsStarting(t *testing.T) {
	ln := frontendtest.Listen(t)
	address := ln.Addr().String()
	require.NoError(t, ln.Close())
	setup := func(args ...string) (code int, out, stderr string) {
		var stdout, errs strings.Builder
		code = Run(t.Context(), append([]string{"setup"}, args...), strings.NewReader(""), &stdout, &errs,
			config.Map(map[string]string{"TEMPORAL_ADDRESS": address, "TEMPORAL_CONFIG_FILE": os.DevNull}))
		return code, stdout.String(), errs.String()
	}
	code, out, stderr := setup()
	require.Equal(t, exitError, code)
	require.Empty(t, out)
	require.Equal(t, "starter: no connection to Temporal at "+address+
		" (connection refused): start the dev stack, or set TEMPORAL_ADDRESS\ntry: go run ./dev\n", stderr)

	up := &guarded{retention: 30 * 24 * time.Hour, knows: []string{"KycStage", "KycWaitingOn", "KycCustomerType",
		"KycDeadline"}}
	later := make(chan net.Listener)
	time.AfterFunc(2*time.Second, func() {
		again, err := net.Listen("tcp", address)
		if err != nil {
			again = nil
		}
		later <- again
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		code, out, stderr = setup("--wait", "1m")
	}()
	again := <-later
	require.NotNil(t, again)
	frontendtest.ServeOn(t, again, up)
	<-done
	require.Zero(t, code, "%s%s", out, stderr)
	require.Equal(t, "starter: waiting for Temporal at "+address+"\n", stderr, "once")
}

func TestSetupRefusesWhatCannotBeMeant(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"no retention worth the name": {[]string{"setup", "--retention", "1h"}, "--retention must be 24h0m0s or more"},
		"a build of no deployment": {[]string{"setup", "--promote", "1.4.0"},
			"--promote needs KYC_DEPLOYMENT, the worker deployment"},
	} {
		t.Run(name, func(t *testing.T) {
			var errs strings.Builder
			code := Run(t.Context(), test.args, strings.NewReader(""), &strings.Builder{}, &errs,
				config.Map(map[string]string{"TEMPORAL_CONFIG_FILE": os.DevNull}))
			require.Equal(t, exitUsage, code)
			require.Contains(t, errs.String(), test.says)
		})
	}
}

func TestTemporalCloudIsToldByItsAddress(t *testing.T) {
	for address, cloud := range map[string]bool{"kyc.a1b2c.tmprl.cloud:7233": true,
		"us-east-1.aws.api.temporal.io:7233": true,
		"temporal:7233":                      false, "temporal.example.com:7233": false,
		"tmprl.cloud.example.com:7233": false} {
		require.Equal(t, cloud, onCloud(address), address)
	}
}

func TestDoctorTellsCredentialsFromANamespace(t *testing.T) {
	for name, test := range map[string]struct {
		temporal guarded
		want     checkResult
	}{
		"no namespace": {guarded{}, checkResult{"namespace default", wrong, "does not exist",
			"starter setup, or TEMPORAL_NAMESPACE=the-right-one"}},
		"other credentials": {guarded{hidden: true}, checkResult{"namespace default", wrong,
			"Temporal rejects these credentials for it", "TEMPORAL_API_KEY_FILE=… or TEMPORAL_TLS_CLIENT_CERT_PATH=…, as for " +
				"the worker"}},
	} {
		t.Run(name, func(t *testing.T) {
			ln := frontendtest.Listen(t)
			frontendtest.ServeOn(t, ln, &test.temporal)
			x := &doctorRun{findings: findings{out: printer{stdout: &strings.Builder{}}},
				lookup: config.Map(map[string]string{"TEMPORAL_ADDRESS": ln.Addr().String(), "TEMPORAL_CONFIG_FILE": os.DevNull})}
			defer x.close()
			x.checkTemporal(t.Context())
			x.checkNamespace(t.Context())
			require.Equal(t, test.want, x.all[1])
		})
	}
}

func TestTheAdminListenerIsPrivate(t *testing.T) {
	for host, is := range map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true, "10.1.2.3": true,
		"webhook": true, "webhook.kyc.svc": true,
		"kyc.example.com": false, "8.8.8.8": false} {
		require.Equal(t, is, local(host), host)
	}
}
