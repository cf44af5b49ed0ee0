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
	"go.temporal.io/api/enums/v1"
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
	require.Equal(t, `ok             Temporal: it answers at `+own.temporal.Address+`
ok             namespace default: closed cases stay for 30 days
ok             search attribute KycCustomerType: Keyword
ok             search attribute KycDeadline: Datetime
ok             search attribute KycStage: Keyword
ok             search attribute KycWaitingOn: Keyword
ok             workers on kyc: one polls
ok             workers on kyc-reads: one polls
skipped        worker deployment: KYC_DEPLOYMENT is not set, and no worker polls as a version
ok             KYC_LINK_KEYS: they can be used
ok             KYC_KEYSET: it opens, and opens what it sealed
ok             cases open with KYC_KEYSET: of the newest, 1 do
ok             stuck cases: there is none
ok             KYC_DOCUMENTS: an image could be written, read and deleted
skipped        KYC_RECORDS: it is not set: no records are kept, and a closed case is gone with Temporal's retention
ok             ConnectFi: it takes the login
ok             clock, against ConnectFi: they agree
ok             clock, against the webhook: they agree
ok             KYC_PUBLIC_URL: the webhook answers there, and has the same link keys
ok             KYC_CALLBACK_URL: callbacks arrive at the webhook, and it has the same link keys
ok             KYC_POLICY: it is not set: documents within 30 days, a case within 90
ok             KYC_NOTIFY_SECRET: it can be used
ok             KYC_NOTIFY_URL: events can go there; none was sent
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
	for queue, kind := range map[string]enums.TaskQueueType{workflows.TaskQueue: enums.TASK_QUEUE_TYPE_WORKFLOW,
		workflows.ReadsQueue: enums.TASK_QUEUE_TYPE_ACTIVITY} {
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
func without(t *testing.T, namespace, name string, instead enums.IndexedValueType) {
	t.Helper()
	_, err := one.client.OperatorService().RemoveSearchAttributes(t.Context(),
		&operatorservice.RemoveSearchAttributesRequest{Namespace: namespace, SearchAttributes: []string{name}})
	require.NoError(t, err)
	if instead != enums.INDEXED_VALUE_TYPE_UNSPECIFIED {
		_, err = one.client.OperatorService().AddSearchAttributes(t.Context(),
			&operatorservice.AddSearchAttributesRequest{Namespace: namespace,
				SearchAttributes: map[string]enums.IndexedValueType{name: instead}})
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
	without(t, "lacking", "KycDeadline", enums.INDEXED_VALUE_TYPE_UNSPECIFIED)
	idle(t, "typed", "")
	without(t, "typed", "KycStage", enums.INDEXED_VALUE_TYPE_TEXT)
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
			{"Temporal", "WRONG", "nothing answers at " + nowhere + " (connection refused)",
				"TEMPORAL_ADDRESS=host:7233 starter doctor"}}},
		"another namespace": {map[string]string{"TEMPORAL_NAMESPACE": "kyc-prod"}, []finding{
			{"namespace kyc-prod", "WRONG", "Temporal has no such namespace",
				"starter setup, or TEMPORAL_NAMESPACE=the-right-one"}}},
		"a namespace that forgets soon": {map[string]string{"TEMPORAL_NAMESPACE": "brief"}, []finding{
			{"namespace brief", "warning",
				"closed cases stay for 3 days only: a callback that comes later is told that its case never was",
				"temporal operator namespace update --namespace brief --retention 720h, as an admin of the namespace"}}},
		"a search attribute is missing": {map[string]string{"TEMPORAL_NAMESPACE": "lacking"}, []finding{
			{"search attribute KycDeadline", "WRONG", "it is missing: no case can start", "starter setup"}}},
		"a search attribute is of another type": {map[string]string{"TEMPORAL_NAMESPACE": "typed"}, []finding{
			{"search attribute KycStage", "WRONG", "it is there as Text and has to be Keyword",
				"temporal operator search-attribute remove --namespace typed --name KycStage, unless somebody else needs it, and " +
					"starter setup again"}}},
		"no worker": {map[string]string{"TEMPORAL_NAMESPACE": "deserted"}, []finding{
			{"workers on kyc", "WRONG", "nobody has polled for 2 min: cases wait",
				"start the worker, with TEMPORAL_NAMESPACE=deserted; its log says why it does not stay up"},
			{"workers on kyc-reads", "WRONG", "nobody has polled for 2 min: cases wait",
				"start the worker, with TEMPORAL_NAMESPACE=deserted; its log says why it does not stay up"}}},
		"workers that nobody promoted": {map[string]string{"TEMPORAL_NAMESPACE": "standby"}, []finding{
			{"worker deployment kyc", "WRONG", "no version is current: its workers get no task",
				"KYC_DEPLOYMENT=kyc starter setup --promote 1"}}},
		"a deployment that is none": {map[string]string{"KYC_DEPLOYMENT": "kyb"}, []finding{
			{"worker deployment kyb", "WRONG", "no worker of it has ever come",
				"start a worker with KYC_DEPLOYMENT=kyb, or unset KYC_DEPLOYMENT here"}}},
		"link keys that repeat themselves": {map[string]string{"KYC_LINK_KEYS": strings.Repeat("ab", 20)}, []finding{
			{"KYC_LINK_KEYS", "WRONG", "secret 1 repeats itself: draw one, as starter keys init does",
				"starter keys new, and the new one in front of those in use"}}},
		"other link keys than the webhook's": {map[string]string{"KYC_LINK_KEYS": linktoken.NewKey()}, []finding{
			{"KYC_PUBLIC_URL", "WRONG", "the webhook there has other link keys: no link that is made with these opens",
				"KYC_LINK_KEYS=the same for worker, webhook and starter"},
			{"KYC_CALLBACK_URL", "WRONG", "the webhook there has other link keys: every callback is refused, and cases only " +
				"find out by asking", "KYC_LINK_KEYS=the same for worker and webhook"}}},
		"no keyset": {map[string]string{"KYC_KEYSET": `{"primaryKeyId":1}`}, []finding{
			{"KYC_KEYSET", "WRONG", "it is no keyset: a Tink keyset as cleartext JSON is wanted, on one line",
				"KYC_KEYSET_FILE=the-file-that-the-worker-reads starter doctor"}}},
		"another keyset than the cases'": {map[string]string{"KYC_KEYSET": other}, []finding{
			{"cases open with KYC_KEYSET", "WRONG", "kyc-ill1 was sealed with a keyset that this one does not hold",
				"KYC_KEYSET_FILE=the-file-that-the-worker-reads starter doctor"}}},
		"no place for a bucket": {map[string]string{"KYC_DOCUMENTS": "file://" + obstacle + "/documents"}, []finding{
			{"KYC_DOCUMENTS", "WRONG", "the document store (file://) cannot be opened: stat " + obstacle +
				"/documents: not a directory",
				"KYC_DOCUMENTS=the-bucket-that-the-worker-has, with the right to list, read, write and delete in it"}}},
		"a bucket in memory": {map[string]string{"KYC_DOCUMENTS": "mem://"}, []finding{
			{"KYC_DOCUMENTS", "warning", "mem:// is memory of one process: no other sees the images in it, and a restart loses " +
				"them", "KYC_DOCUMENTS=file:///var/lib/kyc/documents, or a bucket's URL"}}},
		"another password at ConnectFi": {map[string]string{"CONNECTFI_PASSWORD": "Pq7vWx2mTz"}, []finding{
			{"ConnectFi", "WRONG", "it refuses the login",
				"CONNECTFI_LOGIN=… and CONNECTFI_PASSWORD=…, as ConnectFi gave them"}}},
		"no ConnectFi": {map[string]string{"CONNECTFI_BASE_URL": "http://" + nowhere}, []finding{
			{"ConnectFi", "WRONG", "it cannot be reached: ConnectFi did not answer /auth/get-token: dial: connect: connection " +
				"refused",
				"CONNECTFI_BASE_URL=https://…, and let this machine out to it (HTTPS_PROXY)"}}},
		"something else than ConnectFi": {map[string]string{"CONNECTFI_BASE_URL": elsewhere.URL}, []finding{
			{"ConnectFi", "WRONG", "what answers at CONNECTFI_BASE_URL is not ConnectFi: ConnectFi's answer to /auth/get-token " +
				"cannot be used (HTTP 200): it is not ConnectFi's envelope",
				"CONNECTFI_BASE_URL=https://…, as ConnectFi's pages have it"}}},
		"a variable is missing": {map[string]string{"CONNECTFI_LOGIN": ""}, []finding{
			{"CONNECTFI_LOGIN", "WRONG", "it is not set: it says who asks ConnectFi",
				"CONNECTFI_LOGIN=what-the-worker-has starter doctor"}}},
		"callbacks lead elsewhere": {map[string]string{"KYC_CALLBACK_URL": elsewhere.URL}, []finding{
			{"KYC_CALLBACK_URL", "WRONG", "it leads elsewhere: what answers is not our webhook (200, text/plain; charset=utf-8)",
				"KYC_CALLBACK_URL=as ConnectFi reaches the webhook"}}},
		"callbacks lead nowhere": {map[string]string{"KYC_CALLBACK_URL": "http://" + nowhere}, []finding{
			{"KYC_CALLBACK_URL", "WRONG", "the webhook cannot be reached there, from here: dial tcp " + nowhere +
				": connect: connection refused", "KYC_CALLBACK_URL=as ConnectFi reaches the webhook"}}},
		"applicants are led elsewhere": {map[string]string{"KYC_PUBLIC_URL": elsewhere.URL}, []finding{
			{"KYC_PUBLIC_URL", "WRONG", "it leads elsewhere: what answers is not our webhook (200, text/plain; charset=utf-8)",
				"KYC_PUBLIC_URL=as applicants reach the webhook"}}},
		"a clock that goes after": {map[string]string{"KYC_PUBLIC_URL": behind(t, webhook, 9*time.Minute+30*time.Second),
			"CONNECTFI_BASE_URL": behind(t, own.sandbox, -5*time.Minute-30*time.Second)}, []finding{
			{"clock, against ConnectFi", "WRONG", "this machine is 5 min ahead of ConnectFi",
				"timedatectl set-ntp true, here or there: links and signatures end to the minute"},
			{"clock, against the webhook", "WRONG", "this machine is 9 min behind the webhook",
				"timedatectl set-ntp true, here or there: links and signatures end to the minute"}}},
		"a policy with a slip": {map[string]string{"KYC_POLICY": `{"document":"720h"}`}, []finding{
			{"KYC_POLICY", "WRONG", `policy: json: unknown field "document"`,
				`KYC_POLICY='{"documents":"720h","case":"2160h"}', or unset it`}}},
		"events for a private address": {map[string]string{"KYC_NOTIFY_URL": elsewhere.URL, "KYC_NOTIFY_ALLOW_PRIVATE": ""},
			[]finding{
				{"KYC_NOTIFY_URL", "WRONG", "it is on a private network or a port of its own, where no event is sent",
					"KYC_NOTIFY_ALLOW_PRIVATE=true for the worker, if the receiver is yours"}}},
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
	require.Contains(t, all, finding{"worker deployment kyc", "ok", "1 is the current version, and its worker polls", ""})
}
