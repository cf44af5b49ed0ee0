package main

import (
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/cases"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/workflows"
)

// finding is a line of doctor's, for machines.
type finding struct{ Check, State, Says, Fix string }

// examined is what doctor finds with these variables in place of the running
// system's own, and its exit code. No secret of either is in what it prints.
func examined(t *testing.T, instead map[string]string) (code int, all []finding) {
	t.Helper()
	variables := named(one.vars)
	variables["TEMPORAL_CONFIG_FILE"] = os.DevNull
	maps.Copy(variables, instead)
	code, out, stderr := starterWith(t, variables, "--json", "doctor")
	require.Empty(t, stderr)
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	for name, value := range variables {
		if strings.HasSuffix(name, "KEYS") || strings.HasSuffix(name, "KEYSET") || strings.HasSuffix(name, "PASSWORD") ||
			strings.HasSuffix(name, "SECRET") {
			require.NotContains(t, out, value, name)
		}
	}
	return code, all
}

func TestDoctorIsContentWithARunningSystem(t *testing.T) {
	work := t.TempDir()
	own := beside(t, options{work: work, notify: "http://127.0.0.1:1/events"})
	begin(t, "healthy1", customers(t, "individual", "approve", 1)[0], patient())
	until(t, "healthy1", final)
	polled(t, one.client)

	code, out, stderr := starter(t, "doctor")
	require.Zero(t, code, "%s%s", out, stderr)
	require.Equal(t, `ok             Temporal: connected to `+own.temporal.Address+`
ok             namespace default: closed cases are kept for 30 days
ok             search attribute KycCustomerType: Keyword
ok             search attribute KycDeadline: Datetime
ok             search attribute KycStage: Keyword
ok             search attribute KycWaitingOn: Keyword
ok             workers on kyc: 1 polls
ok             workers on kyc-reads: 1 polls
skipped        worker deployment: KYC_DEPLOYMENT is not set, and no worker polls as a version
ok             KYC_LINK_KEYS: valid
ok             KYC_KEYSET: encrypts and decrypts
ok             KYC_KEYSET decrypts cases: decrypted the newest 1
ok             stuck cases: none
ok             KYC_DOCUMENTS: writing, reading and deleting an image works
skipped        KYC_RECORDS: not set: no records are kept, and closed cases are lost after Temporal's retention
ok             ConnectFi: login accepted
ok             clock, against ConnectFi: in agreement
ok             clock, against the webhook: in agreement
ok             KYC_PUBLIC_URL: reached the webhook; it has the same link keys
ok             KYC_CALLBACK_URL: callbacks reach the webhook; it has the same link keys
ok             KYC_POLICY: not set: documents within 30 days, a case within 90 days
ok             KYC_NOTIFY_SECRET: valid
ok             KYC_NOTIFY_URL: valid; no notification was sent
`, out)
	require.NoError(t, filepath.WalkDir(filepath.Join(work, "documents"), func(path string, d fs.DirEntry,
		err error) error {
		require.NoError(t, err)
		require.True(t, d.IsDir(), "%s was left behind", path)
		return nil
	}))
	_, err := one.cases.Describe(t.Context(), "starter.doctor")
	require.ErrorIs(t, err, cases.ErrNotFound, "and no case began")
}

// idle is a namespace that setup has prepared, and workers on both queues of
// it, as a version of a deployment if one is named.
func idle(t *testing.T, namespace, build string, flags ...string) {
	t.Helper()
	code, out, stderr := starterWith(t, only(namespace), append([]string{"setup", "--wait", "30s"}, flags...)...)
	require.Zero(t, code, "%s%s", out, stderr)
	c, err := client.Dial(client.Options{HostPort: one.temporal.Address, Namespace: namespace, Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	for _, queue := range []string{workflows.TaskQueue, workflows.ReadsQueue} {
		o := worker.Options{}
		if build != "" {
			o.DeploymentOptions = worker.DeploymentOptions{UseVersioning: true,
				DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
				Version:                   worker.WorkerDeploymentVersion{DeploymentName: deployment, BuildID: build}}
		}
		w := worker.New(c, queue, o)
		w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil },
			workflow.RegisterOptions{Name: workflows.Type})
		w.RegisterActivity(func() error { return nil })
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	polled(t, c)
}

// polled waits until Temporal has heard of workers on both queues.
func polled(t *testing.T, c client.Client) {
	t.Helper()
	for queue, kind := range map[string]enumspb.TaskQueueType{workflows.TaskQueue: enumspb.TASK_QUEUE_TYPE_WORKFLOW,
		workflows.ReadsQueue: enumspb.TASK_QUEUE_TYPE_ACTIVITY} {
		require.Eventually(t, func() bool {
			d, err := c.DescribeTaskQueue(t.Context(), queue, kind)
			return err == nil && len(d.GetPollers()) > 0
		}, 30*time.Second, 50*time.Millisecond, queue)
	}
}

// quiet is a logger that says nothing.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// without takes a search attribute away from a namespace, and gives it back with another type, or not.
func without(t *testing.T, namespace, name string, instead enumspb.IndexedValueType) {
	t.Helper()
	_, err := one.client.OperatorService().RemoveSearchAttributes(t.Context(),
		&operatorservice.RemoveSearchAttributesRequest{Namespace: namespace, SearchAttributes: []string{name}})
	require.NoError(t, err)
	if instead != enumspb.INDEXED_VALUE_TYPE_UNSPECIFIED {
		_, err = one.client.OperatorService().AddSearchAttributes(t.Context(),
			&operatorservice.AddSearchAttributesRequest{Namespace: namespace,
				SearchAttributes: map[string]enumspb.IndexedValueType{name: instead}})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		listed, err := one.client.OperatorService().ListSearchAttributes(t.Context(),
			&operatorservice.ListSearchAttributesRequest{Namespace: namespace})
		return err == nil && listed.GetCustomAttributes()[name] == instead
	}, 30*time.Second, 50*time.Millisecond)
}

// behind passes everything on to a service and tells another time.
func behind(t *testing.T, service string, off time.Duration) string {
	t.Helper()
	to, err := url.Parse(service)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = func(r *http.Response) error {
		r.Header.Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// Each broken set-up is named by exactly the lines that are about it, each with
// what to do.
func TestDoctorNamesTheFault(t *testing.T) {
	work := t.TempDir()
	own := beside(t, options{work: work})
	begin(t, "ill1", customers(t, "individual", "review", 1)[0], patient())
	polled(t, one.client)
	idle(t, "lacking", "")
	without(t, "lacking", "KycDeadline", enumspb.INDEXED_VALUE_TYPE_UNSPECIFIED)
	idle(t, "typed", "")
	without(t, "typed", "KycStage", enumspb.INDEXED_VALUE_TYPE_TEXT)
	code, out, stderr := starterWith(t, only("deserted"), "setup", "--wait", "30s")
	require.Zero(t, code, "%s%s", out, stderr)
	idle(t, "standby", "1")
	idle(t, "brief", "", "--retention", "72h")

	other, err := encryption.NewKeyset()
	require.NoError(t, err)
	nowhere := freeAddress(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_,
			_ = w.Write([]byte("It works!"))
	}))
	defer elsewhere.Close()
	obstacle := filepath.Join(work, "obstacle")
	require.NoError(t, os.WriteFile(obstacle, nil, 0o600))
	webhook := named(own.vars)["KYC_PUBLIC_URL"]

	for name, test := range map[string]struct {
		instead map[string]string
		want    []finding // that are wrong or warn
	}{
		"another address of Temporal": {map[string]string{"TEMPORAL_ADDRESS": nowhere}, []finding{
			{"Temporal", "WRONG", "no connection to " + nowhere + " (connection refused)",
				"TEMPORAL_ADDRESS=host:7233 starter doctor"}}},
		"another namespace": {map[string]string{"TEMPORAL_NAMESPACE": "kyc-prod"}, []finding{
			{"namespace kyc-prod", "WRONG", "does not exist",
				"starter setup, or TEMPORAL_NAMESPACE=the-right-one"}}},
		"a namespace that forgets soon": {map[string]string{"TEMPORAL_NAMESPACE": "brief"}, []finding{
			{"namespace brief", "warning",
				"closed cases are kept for only 3 days: callbacks after that get 404",
				"temporal operator namespace update --namespace brief --retention 720h, as an admin of the namespace"}}},
		"a search attribute is missing": {map[string]string{"TEMPORAL_NAMESPACE": "lacking"}, []finding{
			{"search attribute KycDeadline", "WRONG", "missing: no case can start", "starter setup"}}},
		"a search attribute is of another type": {map[string]string{"TEMPORAL_NAMESPACE": "typed"}, []finding{
			{"search attribute KycStage", "WRONG", "it has type Text, but must have Keyword",
				"temporal operator search-attribute remove --namespace typed --name KycStage, if nothing else uses it; then run " +
					"starter setup again"}}},
		"no worker": {map[string]string{"TEMPORAL_NAMESPACE": "deserted"}, []finding{
			{"workers on kyc", "WRONG", "no worker has polled for 2 min: cases wait",
				"start the worker with TEMPORAL_NAMESPACE=deserted; its log has the reason if it stops"},
			{"workers on kyc-reads", "WRONG", "no worker has polled for 2 min: cases wait",
				"start the worker with TEMPORAL_NAMESPACE=deserted; its log has the reason if it stops"}}},
		"workers that nobody promoted": {map[string]string{"TEMPORAL_NAMESPACE": "standby"}, []finding{
			{"worker deployment kyc", "WRONG", "no version is current: its workers get no tasks",
				"KYC_DEPLOYMENT=kyc starter setup --promote 1"}}},
		"a deployment that is none": {map[string]string{"KYC_DEPLOYMENT": "kyb"}, []finding{
			{"worker deployment kyb", "WRONG", "the deployment has never had a worker",
				"start a worker with KYC_DEPLOYMENT=kyb, or unset KYC_DEPLOYMENT here"}}},
		"link keys that repeat themselves": {map[string]string{"KYC_LINK_KEYS": strings.Repeat("ab", 20)}, []finding{
			{"KYC_LINK_KEYS", "WRONG", "secret 1 repeats one pattern: generate one with starter keys init",
				"starter keys new; put the new one in front of those in use"}}},
		"other link keys than the webhook's": {map[string]string{"KYC_LINK_KEYS": linktoken.NewKey()}, []finding{
			{"KYC_PUBLIC_URL", "WRONG", "link keys differ from the webhook's: links would be rejected",
				"KYC_LINK_KEYS=the same for worker, webhook and starter"},
			{"KYC_CALLBACK_URL", "WRONG", "link keys differ from the webhook's: callbacks are rejected, and cases fall back " +
				"to polling", "KYC_LINK_KEYS=the same for worker and webhook"}}},
		"no keyset": {map[string]string{"KYC_KEYSET": `{"primaryKeyId":1}`}, []finding{
			{"KYC_KEYSET", "WRONG", "not a cleartext Tink JSON keyset",
				"KYC_KEYSET_FILE=the-file-that-the-worker-reads starter doctor"}}},
		"another keyset than the cases'": {map[string]string{"KYC_KEYSET": other}, []finding{
			{"KYC_KEYSET decrypts cases", "WRONG", "kyc-ill1 is encrypted with a key that is not in this keyset",
				"KYC_KEYSET_FILE=the-file-that-the-worker-reads starter doctor"}}},
		"no place for a bucket": {map[string]string{"KYC_DOCUMENTS": "file://" + obstacle + "/documents"}, []finding{
			{"KYC_DOCUMENTS", "WRONG", "cannot open the document store (file://): stat " + obstacle +
				"/documents: not a directory",
				"KYC_DOCUMENTS=the-bucket-of-the-worker, with permission to list, read, write and delete in it"}}},
		"a bucket in memory": {map[string]string{"KYC_DOCUMENTS": "mem://"}, []finding{
			{"KYC_DOCUMENTS", "warning", "mem:// is the memory of one process: other processes do not see its images, and a " +
				"restart loses them", "KYC_DOCUMENTS=file:///var/lib/kyc/documents, or a bucket's URL"}}},
		"another password at ConnectFi": {map[string]string{"CONNECTFI_PASSWORD": "Pq7vWx2mTz"}, []finding{
			{"ConnectFi", "WRONG", "login rejected",
				"CONNECTFI_LOGIN=… and CONNECTFI_PASSWORD=… from ConnectFi"}}},
		"no ConnectFi": {map[string]string{"CONNECTFI_BASE_URL": "http://" + nowhere}, []finding{
			{"ConnectFi", "WRONG", "no connection: ConnectFi did not answer /auth/get-token: dial: connect: connection " +
				"refused",
				"CONNECTFI_BASE_URL=https://…, and allow this machine to connect to it (HTTPS_PROXY)"}}},
		"something else than ConnectFi": {map[string]string{"CONNECTFI_BASE_URL": elsewhere.URL}, []finding{
			{"ConnectFi", "WRONG", "the server at CONNECTFI_BASE_URL is not ConnectFi: ConnectFi's answer to /auth/get-token " +
				"is invalid (HTTP 200): not ConnectFi's envelope",
				"CONNECTFI_BASE_URL=https://…, as in ConnectFi's documentation"}}},
		"a variable is missing": {map[string]string{"CONNECTFI_LOGIN": ""}, []finding{
			{"CONNECTFI_LOGIN", "WRONG", "not set: it is the login at ConnectFi",
				"CONNECTFI_LOGIN=the-value-of-the-worker starter doctor"}}},
		"callbacks lead elsewhere": {map[string]string{"KYC_CALLBACK_URL": elsewhere.URL}, []finding{
			{"KYC_CALLBACK_URL", "WRONG", "reached a server that is not this webhook (200, text/plain; charset=utf-8)",
				"KYC_CALLBACK_URL=the webhook's address for ConnectFi"}}},
		"callbacks lead nowhere": {map[string]string{"KYC_CALLBACK_URL": "http://" + nowhere}, []finding{
			{"KYC_CALLBACK_URL", "WRONG", "cannot reach the webhook there from this machine: dial tcp " + nowhere +
				": connect: connection refused", "KYC_CALLBACK_URL=the webhook's address for ConnectFi"}}},
		"applicants are led elsewhere": {map[string]string{"KYC_PUBLIC_URL": elsewhere.URL}, []finding{
			{"KYC_PUBLIC_URL", "WRONG", "reached a server that is not this webhook (200, text/plain; charset=utf-8)",
				"KYC_PUBLIC_URL=the webhook's address for applicants"}}},
		"a clock that goes after": {map[string]string{"KYC_PUBLIC_URL": behind(t, webhook, 9*time.Minute+30*time.Second),
			"CONNECTFI_BASE_URL": behind(t, own.sandbox, -5*time.Minute-30*time.Second)}, []finding{
			{"clock, against ConnectFi", "WRONG", "this machine is 5 min ahead of ConnectFi",
				"timedatectl set-ntp true, here or there: links and signatures expire to the minute"},
			{"clock, against the webhook", "WRONG", "this machine is 9 min behind the webhook",
				"timedatectl set-ntp true, here or there: links and signatures expire to the minute"}}},
		"a policy with a slip": {map[string]string{"KYC_POLICY": `{"document":"720h"}`}, []finding{
			{"KYC_POLICY", "WRONG", `policy: json: unknown field "document"`,
				`KYC_POLICY='{"documents":"720h","case":"2160h"}', or unset it`}}},
		"events for a private address": {map[string]string{"KYC_NOTIFY_URL": elsewhere.URL, "KYC_NOTIFY_ALLOW_PRIVATE": ""},
			[]finding{
				{"KYC_NOTIFY_URL", "WRONG", "a private address or a port other than 80 and 443, where notifications are not " +
					"delivered",
					"KYC_NOTIFY_ALLOW_PRIVATE=true for the worker, if you operate the receiver"}}},
	} {
		t.Run(name, func(t *testing.T) {
			code, all := examined(t, test.instead)
			var found []finding
			failed := 0
			for _, f := range all {
				if f.State == "WRONG" {
					failed = 1
				}
				if f.State == "WRONG" || f.State == "warning" {
					found = append(found, f)
				}
			}
			require.Equal(t, test.want, found)
			require.Equal(t, failed, code)
		})
	}

	code, out, stderr = starterWith(t, map[string]string{"TEMPORAL_ADDRESS": own.temporal.Address,
		"TEMPORAL_NAMESPACE":   "standby",
		"TEMPORAL_CONFIG_FILE": os.DevNull, "KYC_DEPLOYMENT": deployment}, "setup", "--promote", "1", "--wait", "30s")
	require.Zero(t, code, "%s%s", out, stderr)
	code, all := examined(t, map[string]string{"TEMPORAL_NAMESPACE": "standby"})
	require.Zero(t, code, "%v", all)
	require.Contains(t, all, finding{"worker deployment kyc", "ok", "1 is the current version, and its workers poll", ""})
}
