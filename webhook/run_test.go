package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/frontendtest"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/workflows"
)

// temporal is as much of a Temporal as a webhook sees, with one open case: A1.
type temporal struct {
	workflowservice.UnimplementedWorkflowServiceServer
	signals error // what every signal is answered with
	hinted  chan string
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

func (f *temporal) CountWorkflowExecutions(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (
	*workflowservice.CountWorkflowExecutionsResponse, error) {
	return &workflowservice.CountWorkflowExecutionsResponse{}, nil
}

func (f *temporal) SignalWorkflowExecution(_ context.Context, r *workflowservice.SignalWorkflowExecutionRequest) (
	*workflowservice.SignalWorkflowExecutionResponse, error) {
	id := r.GetWorkflowExecution().GetWorkflowId()
	switch {
	case f.signals != nil:
		return nil, f.signals
	case id != workflows.ID("A1"):
		return nil, status.Error(codes.NotFound, "no such workflow")
	}
	f.hinted <- id
	return &workflowservice.SignalWorkflowExecutionResponse{}, nil
}

// serving lets this Temporal listen, and gives the process the variables of a webhook in front of it.
func serving(t *testing.T, f *temporal) (public, admin string, keys linktoken.Keys) {
	t.Helper()
	f.hinted = make(chan string, 10)
	address := frontendtest.Serve(t, f).Address

	keyset, err := encryption.NewKeyset()
	require.NoError(t, err)
	secret := linktoken.NewKey()
	keys, err = linktoken.ParseKeys(secret)
	require.NoError(t, err)
	public, admin = free(t), free(t)
	for name, value := range map[string]string{
		"TEMPORAL_CONFIG_FILE": os.DevNull, "TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": "cases",
		"KYC_PUBLIC_URL": "https://kyc.example.com", "KYC_LINK_KEYS": secret, "KYC_KEYSET": keyset,
		"KYC_DOCUMENTS": "file://" + filepath.ToSlash(t.TempDir()), "KYC_LISTEN": public, "KYC_ADMIN_LISTEN": admin,
	} {
		t.Setenv(name, value)
	}
	return public, admin, keys
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
	gin.SetMode(gin.ReleaseMode)
	var s settings
	parser, err := kong.New(&s, kong.Name("webhook"), kong.Vars{"version": "v"}, config.Flags(os.LookupEnv))
	require.NoError(t, err)
	ended := make(chan error, 1)
	if _, err := parser.Parse(httpserver.NormalizeFlags(args)); err != nil {
		ended <- err
		return ended
	}
	go func() { ended <- run(s) }()
	return ended
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
	stop = sync.OnceFunc(func() {
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(time.Minute):
			require.Fail(t, "it does not stop")
		}
	})
	t.Cleanup(stop)
	return stop
}

// asked sends a request and reports the answer's status and body.
func asked(t *testing.T, c *http.Client, method, url, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := c.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

// A webhook that is up takes callbacks for Temporal and answers at its admin's
// address; told to stop, it ends without an error and lets go of both.
func TestAWebhookComesUpAndIsStopped(t *testing.T) {
	f := &temporal{}
	public, admin, keys := serving(t, f)
	require.ErrorContains(t, start(t, "--check"), "does not answer", "it is not up yet")
	stop := up(t)
	callback := func(reference string) string {
		return "http://" + public + "/connectfi/callbacks/" + reference + "/" + keys.Mint(linktoken.Callback, reference)
	}
	code, _ := asked(t, http.DefaultClient, http.MethodPost, callback("A1"), `{"code":"0"}`)
	require.Equal(t, http.StatusAccepted, code)
	require.Equal(t, "kyc-A1", <-f.hinted)
	code, _ = asked(t, http.DefaultClient, http.MethodPost, callback("A2"), `{"code":"0"}`)
	require.Equal(t, http.StatusNotFound, code, "no such case")
	code, _ = asked(t, http.DefaultClient, http.MethodPost, callback("A1")+"x", `{"code":"0"}`)
	require.Equal(t, http.StatusNotFound, code, "another token")
	code, body := asked(t, http.DefaultClient, http.MethodGet, "http://"+admin+"/metrics", "")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "kyc_")
	code, _ = asked(t, http.DefaultClient, http.MethodPost, "http://"+public+"/akepa/status", "{}")
	require.Equal(t, http.StatusNotFound, code, "there is no API where nobody may call it")
	code, _ = asked(t, http.DefaultClient, http.MethodPost, "http://"+admin+"/codec/decode", "{}")
	require.Equal(t, http.StatusNotFound, code, "nor a codec endpoint")

	require.ErrorContains(t, start(t), "KYC_LISTEN", "another one beside it has other addresses")
	t.Setenv("KYC_LISTEN", free(t))
	require.ErrorContains(t, start(t), "KYC_ADMIN_LISTEN")
	second, err := net.Listen("tcp", os.Getenv("KYC_LISTEN"))
	require.NoError(t, err, "the one that failed has let go of its address")
	require.NoError(t, second.Close())
	stop()
	require.ErrorContains(t, start(t, "--check"), "does not answer")
}

// With a certificate it speaks TLS; with logins and ConnectFi it answers the
// API; with origins and tokens it opens payloads for the Temporal UI.
func TestAWebhookWithEverythingTurnedOn(t *testing.T) {
	public, admin, _ := serving(t, &temporal{})
	pair := httptest.NewTLSServer(nil)
	defer pair.Close()
	private, err := x509.MarshalPKCS8PrivateKey(pair.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	token, password := linktoken.NewKey(), linktoken.NewKey()
	for name, value := range map[string]string{
		"KYC_TLS_CERT": block("CERTIFICATE", pair.TLS.Certificates[0].Certificate[0]), "KYC_TLS_KEY": block("PRIVATE KEY",
			private),
		"KYC_API_LOGINS": "backend:" + password, "CONNECTFI_BASE_URL": "http://127.0.0.1:1", "CONNECTFI_LOGIN": "l",
		"CONNECTFI_PASSWORD": linktoken.NewKey(), "KYC_CODEC_ORIGINS": "https://temporal.example:8233",
		"KYC_CODEC_TOKENS": token,
	} {
		t.Setenv(name, value)
	}
	stop := up(t)
	login := func(password string) (code int, answer struct{ Data struct{ Token string } }) {
		code, body := asked(t, pair.Client(), http.MethodPost, "https://"+public+"/auth/get-token",
			`{"user":{"login":"backend","password":"`+password+`"}}`, "Content-Type", "application/json")
		require.NoError(t, json.Unmarshal([]byte(body), &answer))
		return code, answer
	}
	code, session := login(password)
	require.Equal(t, http.StatusOK, code)
	require.NotEmpty(t, session.Data.Token)
	code, none := login("something else")
	require.NotEqual(t, http.StatusOK, code)
	require.Empty(t, none.Data.Token)
	code, body := asked(t, pair.Client(), http.MethodPost, "https://"+public+"/akepa/status", "{}", "Content-Type",
		"application/json",
		"x-connectfi-token", session.Data.Token)
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, body, "requestValidateError")

	decode := func(token string) int {
		code, _ := asked(t, http.DefaultClient, http.MethodPost, "http://"+admin+"/codec/"+token+"/decode", `{"payloads":[]}`,
			"Origin", "https://temporal.example:8233", "Content-Type", "application/json")
		return code
	}
	require.Equal(t, http.StatusOK, decode(token))
	require.NotEqual(t, http.StatusOK, decode(linktoken.NewKey()))
	stop()
}

// Credentials that may not signal are refused before a callback is lost over them.
func TestAWebhookThatMayNotSignalDoesNotStart(t *testing.T) {
	public, _, _ := serving(t, &temporal{signals: status.Error(codes.PermissionDenied, "no")})
	require.ErrorContains(t, start(t), "Temporal does not permit this program to signal cases in its namespace: check "+
		"TEMPORAL_API_KEY")
	_, err := net.DialTimeout("tcp", public, time.Second)
	require.Error(t, err, "nothing is left behind")
}
