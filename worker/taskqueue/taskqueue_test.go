package taskqueue

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/frontendtest"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/workflows"
)

const secret = "a-secret-of-more-than-32-characters-0"

// frontend is as much of a Temporal frontend as an idle worker sees: long
// polls that bring nothing. It remembers who polled for what.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	missing    bool // the namespace
	workflows  chan *workflowservice.PollWorkflowTaskQueueRequest
	activities chan *workflowservice.PollActivityTaskQueueRequest
	described  chan string // ids of workflows
}

func (f *frontend) DescribeWorkflowExecution(_ context.Context,
	r *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	f.described <- r.Execution.WorkflowId
	return nil, serviceerror.ToStatus(serviceerror.NewNotFound("no such workflow")).Err()
}

func (f *frontend) GetSystemInfo(context.Context,
	*workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (f *frontend) DescribeNamespace(_ context.Context,
	r *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	if f.missing {
		return nil, serviceerror.ToStatus(serviceerror.NewNamespaceNotFound(r.Namespace)).Err()
	}
	return &workflowservice.DescribeNamespaceResponse{NamespaceInfo: &namespacepb.NamespaceInfo{Name: r.Namespace}}, nil
}

func (f *frontend) PollWorkflowTaskQueue(ctx context.Context,
	r *workflowservice.PollWorkflowTaskQueueRequest) (*workflowservice.PollWorkflowTaskQueueResponse, error) {
	if r.TaskQueue.GetNormalName() == "" { // not a sticky queue
		select {
		case f.workflows <- r:
		default:
		}
	}
	<-ctx.Done()
	return &workflowservice.PollWorkflowTaskQueueResponse{}, nil
}

func (f *frontend) PollActivityTaskQueue(ctx context.Context,
	r *workflowservice.PollActivityTaskQueueRequest) (*workflowservice.PollActivityTaskQueueResponse, error) {
	select {
	case f.activities <- r:
	default:
	}
	<-ctx.Done()
	return &workflowservice.PollActivityTaskQueueResponse{}, nil
}

func dialled(t *testing.T, f *frontend) client.Client {
	t.Helper()
	f.workflows = make(chan *workflowservice.PollWorkflowTaskQueueRequest, 100)
	f.activities = make(chan *workflowservice.PollActivityTaskQueueRequest, 100)
	f.described = make(chan string, 100)
	c, err := temporalclient.Dial(t.Context(), temporalclient.Options{
		Address: frontendtest.Serve(t, f).Address, Namespace: "cases",
		Lookup: func(name string) (string, bool) {
			if name == "TEMPORAL_CONFIG_FILE" {
				return os.DevNull, true // not the developer's own profiles
			}
			return "", false
		},
		Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func keyset(t *testing.T) encryption.Keyset {
	t.Helper()
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	k, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	return k
}

func config(t *testing.T, temporal client.Client) Config {
	t.Helper()
	documents, err := docstore.Open(t.Context(), "mem://", keyset(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, documents.Close()) })
	keys, err := linktoken.ParseKeys(secret)
	require.NoError(t, err)
	metrics, err := telemetry.New("worker")
	require.NoError(t, err)
	provider, err := connectfi.New(connectfi.Config{BaseURL: "http://127.0.0.1:1", Login: "l", Password: "p"})
	require.NoError(t, err)
	secrets, err := delivery.ParseSecrets(delivery.NewSecret())
	require.NoError(t, err)
	return Config{Temporal: temporal, WorkerClient: temporal, ConnectFi: provider, Documents: documents, Keys: keys,
		NotifySecrets: secrets,
		CallbackURL:   "http://127.0.0.1:8080", PublicURL: "http://127.0.0.1:8080", Logger: slog.New(slog.DiscardHandler),
		Telemetry: metrics}
}

// serving runs a worker and answers with its stop, which reports how it ended.
func serving(t *testing.T, c Config) (stop func() error) {
	t.Helper()
	w, err := New(c)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Serve(ctx) }()
	return func() error { cancel(); return <-ended }
}

func TestServePollsBothQueues(t *testing.T) {
	f := &frontend{}
	c := config(t, dialled(t, f))
	c.ReadsPerSecond = 7
	stop := serving(t, c)
	polled := <-f.workflows
	require.Equal(t, workflows.TaskQueue, polled.TaskQueue.Name)
	require.Equal(t, "cases", polled.Namespace)
	require.Nil(t, polled.DeploymentOptions, "no versioning unless it is asked for")
	queues := map[string]float64{}
	for len(queues) < 2 {
		a := <-f.activities
		queues[a.TaskQueue.Name] = a.TaskQueueMetadata.GetMaxTasksPerSecond().GetValue()
	}
	require.InDelta(t, 7, queues[workflows.ReadsQueue], 0, "reads have a rate of their own")
	require.Greater(t, queues[workflows.TaskQueue], 1000.0, "nothing else is slowed down")
	require.NoError(t, stop())
	for len(f.workflows) > 0 {
		require.Equal(t, workflows.TaskQueue, (<-f.workflows).TaskQueue.Name, "the reads' worker carries no workflow")
	}
}

func TestServeTwice(t *testing.T) {
	f := &frontend{}
	w, err := New(config(t, dialled(t, f)))
	require.NoError(t, err)
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Serve(ctx) }()
		<-f.workflows
		cancel()
		require.NoError(t, <-ended)
		for len(f.workflows) > 0 {
			<-f.workflows
		}
	}
}

func TestAWorkerSweepsTheStore(t *testing.T) {
	f := &frontend{}
	c := config(t, dialled(t, f))
	c.SweepEvery = time.Minute // and within a second at first
	stored(t, c.Documents, "A1")
	stop := serving(t, c)
	require.Equal(t, "kyc-A1", <-f.described)
	require.NoError(t, stop())
}

func TestVersioningIsOnDemand(t *testing.T) {
	f := &frontend{}
	c := config(t, dialled(t, f))
	c.Deployment, c.BuildID = "kyc", "1.2.3"
	stop := serving(t, c)
	version := (<-f.workflows).DeploymentOptions
	require.Equal(t, "kyc", version.GetDeploymentName())
	require.Equal(t, "1.2.3", version.GetBuildId())
	require.Equal(t, "kyc", (<-f.activities).DeploymentOptions.GetDeploymentName())
	require.NoError(t, stop())
}

func TestAMissingNamespaceIsOneSentence(t *testing.T) {
	f := &frontend{missing: true}
	w, err := New(config(t, dialled(t, f)))
	require.NoError(t, err)
	require.EqualError(t, w.Serve(t.Context()), `Temporal has no namespace "cases": create it or set TEMPORAL_NAMESPACE`)
}

func TestAdminAsksTemporal(t *testing.T) {
	temporal := dialled(t, &frontend{})
	w, err := New(config(t, temporal))
	require.NoError(t, err)
	ask := func(path string) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		w.Admin().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return answer
	}
	require.Equal(t, http.StatusOK, ask("/readyz").Code)
	require.Contains(t, ask("/metrics").Body.String(), `kyc_build_info{service="worker"`)
	temporal.Close()
	require.Equal(t, http.StatusServiceUnavailable, ask("/readyz").Code)
	require.Equal(t, http.StatusOK, ask("/healthz").Code)
}

func TestNewNamesEverythingMissing(t *testing.T) {
	_, err := New(Config{NotifyURL: "nowhere", ReadsPerSecond: -1, Grace: -1, CachedCases: -1, Deployment: "kyc",
		BuildID: "dev"})
	for _, says := range []string{"two Temporal clients", "a ConnectFi client", "a document store",
		"keys for callback URLs",
		"secrets to sign notifications with", "invalid public URL", "KYC_NOTIFY_URL",
		"a logger", "telemetry", "invalid callback URL", "must not be negative", "grace of documents", "cached cases",
		"set telemetry.Version"} {
		require.ErrorContains(t, err, says)
	}
}

func TestCallbackURL(t *testing.T) {
	keys, err := linktoken.ParseKeys(secret)
	require.NoError(t, err)
	for name, test := range map[string]struct{ base, begins, says string }{
		"plain":         {base: "https://kyc.example.com", begins: "https://kyc.example.com/connectfi/callbacks/A1/v1-"},
		"a slash":       {base: "https://kyc.example.com/", begins: "https://kyc.example.com/connectfi/callbacks/A1/v1-"},
		"behind a path": {base: "http://10.0.0.1:8080/kyc", begins: "http://10.0.0.1:8080/kyc/connectfi/callbacks/A1/v1-"},
		"no scheme":     {base: "kyc.example.com", says: "http:// or https://"},
		"another":       {base: "ftp://kyc.example.com", says: "http:// or https://"},
		"nothing":       {base: "", says: "http:// or https://"},
		"a query":       {base: "https://kyc.example.com/?a=b", says: "without a query"},
		"a password":    {base: "https://u:p@kyc.example.com", says: "without a query"},
		"brackets": {base: "https://kyc.example.com/<x>",
			begins: "https://kyc.example.com/%3Cx%3E/connectfi/callbacks/A1/v1-"},
		"letters": {base: "https://prüfung.example/ä",
			begins: "https://xn--prfung-4ya.example/%C3%A4/connectfi/callbacks/A1/v1-"},
		"too long": {base: "https://kyc.example.com/" + strings.Repeat("x", 400), says: "longer than 400 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			make, err := callbackURL(test.base, keys)
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
				return
			}
			require.NoError(t, err)
			url := make("A1")
			token, found := strings.CutPrefix(url, strings.TrimSuffix(test.begins, "v1-"))
			require.True(t, found, url)
			require.True(t, keys.Valid(linktoken.Callback, "A1", token))
			require.False(t, keys.Valid(linktoken.Callback, "A2", token))
			longest := make(strings.Repeat("x", 32))
			request := connectfi.IdentificationRequest{CustomerID: "c", Reference: "A1", WebhookURL: longest}
			require.Empty(t, request.Validate(), "ConnectFi's schema takes it (S)")
		})
	}
}

func TestApplicantURLIsALinkOfTheWebhooks(t *testing.T) {
	keys, err := linktoken.ParseKeys(secret)
	require.NoError(t, err)
	link, err := applicantURL("https://kyc.example.com/", keys)
	require.NoError(t, err)
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	text, found := strings.CutPrefix(link("A1", 2, until), "https://kyc.example.com/verify/link/")
	require.True(t, found)
	ticket, err := keys.Redeem(linktoken.Link, text, time.Now())
	require.NoError(t, err)
	require.Equal(t, "A1", ticket.Subject)
	require.Equal(t, 2, ticket.Epoch)
	require.True(t, until.Equal(ticket.Expires))
}
