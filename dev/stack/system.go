package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/internal/codecserver"
	"durablekyc.example/internal/config"
	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/kyc"
	"durablekyc.example/records/log"
	"durablekyc.example/sandbox/simulator"
	"durablekyc.example/webhook/gateway"
	"durablekyc.example/webhook/server"
	"durablekyc.example/worker/taskqueue"
)

// ports of a system; 0 is any free one.
type ports struct{ temporal, ui, webhook, admin, sandbox int }

// options of a system.
type options struct {
	ports          ports
	data           string // keeps everything here across runs; empty forgets it
	postgres       string // URL of Temporal's databases; empty is SQLite
	work           string // where documents go if data is empty
	withUI         bool
	notify         string                      // hears of all cases; empty is nobody
	seed           uint64                      // of the sandbox's faults
	log            *slog.Logger                // of the services; nil keeps quiet
	keyset         string                      // instead of one of its own
	longHistory    int                         // after how many events a case is carried over; 0 is Temporal's own number
	noCodec        bool                        // the UI shows what is stored
	lookup         func(string) (string, bool) // of OpenTelemetry's variables; nil is none of them
	readsPerSecond float64                     // of the slow reads; 0 is the worker's own number
	clear          bool                        // nothing is sealed, for tests of what sealing hides
	recordEvery    time.Duration               // between two sweeps of the recorder; 0 keeps no records
}

// system is production's own services around an embedded Temporal and the
// stand-in for ConnectFi, all in this process.
type system struct {
	temporal     *embedded.Server
	ui           *embedded.UI
	client       client.Client
	workerClient client.Client // the worker's
	cases        cases.Client
	vars         [][2]string // what the other commands need, in order
	sandbox      string      // base URL
	webhook      string      // base URL
	admin        string      // base URL
	recordsKey   string      // public, of the log of records

	deployment string // of workers that are started from now on; empty is no versioning
	build      string // their build id

	newWorker  func() (*taskqueue.Worker, error)
	stopWorker func() error
	stopped    bool
	services   running
	failed     chan error // the first service that ended by itself with an error
	closers    []func() error
}

// running is a set of services that are stopped together.
type running struct {
	cancel context.CancelFunc
	all    sync.WaitGroup
}

// startSystem brings everything up and returns once it can be used; on an
// error nothing is left running.
func startSystem(ctx context.Context, o options) (s *system, err error) {
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	if o.lookup == nil {
		o.lookup = config.Map(nil)
	}
	s = &system{failed: make(chan error, 4)}
	live, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.services.cancel = cancel
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
			s = nil
		}
	}()
	listen := map[string]net.Listener{}
	for _, l := range []struct {
		name string
		port int
	}{{"webhook", o.ports.webhook}, {"admin", o.ports.admin}, {"sandbox", o.ports.sandbox}, {"temporal", o.ports.temporal},
		{"ui", o.ports.ui}} {
		listener, err := httpserver.Listen(fmt.Sprintf("127.0.0.1:%d", l.port))
		if err != nil {
			return s, fmt.Errorf("%w; or give --%s-port 0 for any free one", err, l.name)
		}
		if l.name == "temporal" || l.name == "ui" { // only asked whether it is free
			listener.Close()
			continue
		}
		listen[l.name] = listener
		s.closers = append(s.closers, func() error { listener.Close(); return nil })
	}
	if s.temporal, err = embedded.Start(ctx, embedded.Options{Port: o.ports.temporal, Data: o.data, Postgres: o.postgres,
		LongHistory: o.longHistory}); err != nil {
		return s, err
	}
	codec := rand.Text() + rand.Text()
	if o.withUI {
		ui := embedded.UIOptions{Temporal: s.temporal.Address, Port: o.ports.ui}
		if !o.noCodec {
			// Without a login the UI can carry no credential but a step of the address.
			ui.Codec = "http://" + listen["admin"].Addr().String() + "/codec/" + codec
		}
		if s.ui, err = embedded.StartUI(ctx, ui); err != nil {
			return s, err
		}
	}
	return s, embedded.WithoutRoom(o.data, s.startServices(live, o, listen, codec))
}

func (s *system) startServices(ctx context.Context, o options, listen map[string]net.Listener, codec string) error {
	base := func(name string) string { return "http://" + listen[name].Addr().String() }
	s.sandbox, s.webhook, s.admin = base("sandbox"), base("webhook"), base("admin")
	secret, err := secrets(o.data)
	if err != nil {
		return err
	}
	if o.keyset != "" {
		secret.keyset = o.keyset
	}
	keys, err := linktoken.ParseKeys(secret.linkKeys)
	if err != nil {
		return err
	}
	keyset, err := encryption.ParseKeyset(secret.keyset)
	if err != nil {
		return err
	}
	metrics, err := telemetry.Start("dev", o.lookup, o.log)
	if err != nil {
		return err
	}
	if err := s.dial(ctx, o, keyset, metrics); err != nil {
		return err
	}
	signers, err := delivery.ParseSecrets(secret.notify)
	if err != nil {
		return err
	}
	dir := o.data
	if dir == "" {
		dir = o.work
	}
	bucket := "file://" + filepath.ToSlash(filepath.Join(dir, "documents"))
	documents, err := docstore.Open(ctx, bucket, keyset)
	if err != nil {
		return err
	}
	records, recordVars, err := s.openRecords(ctx, o, filepath.Join(dir, "records"), secret.recordsKey, keyset)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, documents.Close, func() error { return metrics.Shutdown(context.WithoutCancel(ctx)) })
	log := o.log
	sandbox, err := simulator.New(simulator.Config{Login: secret.login, Password: secret.password, Logger: log,
		Seed: o.seed})
	if err != nil {
		return err
	}
	connect := func() (*connectfi.Client, error) {
		return connectfi.New(connectfi.Config{BaseURL: s.sandbox, Login: secret.login, Password: secret.password,
			Observe: metrics.ObserveCalls("connectfi")})
	}
	passing, err := connect()
	if err != nil {
		return err
	}
	logins := "backend:" + secret.apiPassword
	credentials, err := gateway.ParseCredentials(secret.apiToken, logins)
	if err != nil {
		return err
	}
	var endpoint http.Handler
	if s.ui != nil {
		if endpoint, err = codecserver.Handler("/codec", codecserver.Config{Keyset: keyset, Origins: []string{s.ui.URL},
			Tokens: []string{codec}, Logger: log}); err != nil {
			return err
		}
	}
	webhook, err := server.New(server.Config{Cases: s.cases, Documents: documents, PublicURL: s.webhook,
		Keys: keys, Codec: endpoint, Logger: log, Telemetry: metrics,
		API: gateway.Config{Credentials: credentials, ConnectFi: passing, Policy: kyc.DefaultPolicy(),
			Notify: o.notify != ""},
		Ready: func(ctx context.Context) error {
			_, err := s.client.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		}})
	if err != nil {
		return err
	}
	s.newWorker = func() (*taskqueue.Worker, error) {
		provider, err := connect()
		if err != nil {
			return nil, err
		}
		return taskqueue.New(taskqueue.Config{Temporal: s.client, WorkerClient: s.workerClient, ConnectFi: provider,
			Documents: documents, Keys: keys,
			CallbackURL: s.webhook, PublicURL: s.webhook, NotifyURL: o.notify, NotifySecrets: signers, NotifyPrivate: true,
			Deployment: s.deployment, BuildID: s.build, Records: records, RecordEvery: o.recordEvery,
			Namespace: embedded.Namespace, ReadsPerSecond: o.readsPerSecond, Logger: log, Telemetry: metrics})
	}
	s.serve(ctx, func(ctx context.Context) error { return sandbox.Serve(ctx, listen["sandbox"]) })
	s.serve(ctx, func(ctx context.Context) error { return webhook.Serve(ctx, listen["webhook"], listen["admin"]) })
	s.vars = [][2]string{{"TEMPORAL_ADDRESS", s.temporal.Address}, {"TEMPORAL_NAMESPACE", embedded.Namespace},
		{"CONNECTFI_BASE_URL", s.sandbox}, {"CONNECTFI_LOGIN", secret.login}, {"CONNECTFI_PASSWORD", secret.password},
		{"KYC_PUBLIC_URL", s.webhook}, {"KYC_CALLBACK_URL", s.webhook}, {"KYC_LINK_KEYS", secret.linkKeys}, {"KYC_DOCUMENTS",
			bucket},
		{"KYC_KEYSET", secret.keyset}, {"KYC_API_TOKENS", secret.apiToken}, {"KYC_API_LOGINS", logins},
		{"KYC_NOTIFY_SECRET", secret.notify}, {"KYC_NOTIFY_ALLOW_PRIVATE", "true"}}
	if s.ui != nil {
		s.vars = append(s.vars, [2]string{"KYC_TEMPORAL_UI", s.ui.URL})
	}
	s.vars = append(s.vars, recordVars...)
	if o.notify != "" {
		s.vars = append(s.vars, [2]string{"KYC_NOTIFY_URL", o.notify})
	}
	return s.startWorker()
}

func (s *system) dial(ctx context.Context, o options, keyset encryption.Keyset,
	metrics *telemetry.Telemetry) (err error) {
	to := temporalclient.Options{Address: s.temporal.Address, Namespace: embedded.Namespace, Logger: o.log,
		Metrics: metrics.Temporal(), Interceptors: metrics.Interceptors()}
	sealed := [2]encryption.Converters{keyset.Converters(), keyset.WorkerConverters()}
	if o.clear {
		sealed = [2]encryption.Converters{}
	}
	to.Converters = sealed[0]
	if s.client, err = temporalclient.Dial(ctx, to); err != nil {
		return err
	}
	s.cases = cases.Client{Temporal: s.client, Namespace: embedded.Namespace, Failures: to.Converters.Failures}
	to.Converters = sealed[1]
	s.workerClient, err = temporalclient.Join(ctx, s.client, to)
	return err
}

// serve runs a service until the system stops.
func (s *system) serve(ctx context.Context, run func(context.Context) error) {
	s.services.all.Go(func() {
		if err := run(ctx); err != nil {
			select {
			case s.failed <- err:
			default:
			}
		}
	})
}

// startWorker starts the worker, at first or again after stopWorker.
func (s *system) startWorker() error {
	w, err := s.newWorker()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx) }()
	s.stopWorker = func() error {
		cancel()
		s.stopWorker = func() error { return nil }
		return <-done
	}
	return nil
}

// stop ends everything in the order that lets what is under way finish.
func (s *system) stop() error {
	if s.stopped {
		return nil
	}
	s.stopped = true
	var errs []error
	if s.stopWorker != nil {
		errs = append(errs, s.stopWorker())
	}
	s.services.cancel()
	s.services.all.Wait()
	for _, c := range []client.Client{s.client, s.workerClient} {
		if c != nil {
			c.Close()
		}
	}
	if s.ui != nil {
		errs = append(errs, s.ui.Stop())
	}
	if s.temporal != nil {
		errs = append(errs, s.temporal.Stop())
	}
	for _, c := range s.closers {
		errs = append(errs, c())
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	return errors.Join(errs...)
}

// secret holds what a dev stack invents for itself.
type secret struct {
	login, password, linkKeys, keyset, notify, apiToken, apiPassword, recordsKey string
}

// secrets invents them, or takes those that --data keeps.
func secrets(data string) (secret, error) {
	keyset, err := encryption.NewKeyset()
	if err != nil {
		return secret{}, err
	}
	recordsKey, _, err := log.NewKey("dev/records")
	s := secret{login: "sandbox", password: rand.Text(), linkKeys: linktoken.NewKey(), keyset: keyset,
		notify:   delivery.NewSecret(),
		apiToken: linktoken.NewKey(), apiPassword: rand.Text(), recordsKey: recordsKey}
	if data == "" || err != nil {
		return s, err
	}
	for name, value := range map[string]*string{"connectfi_password": &s.password, "link_keys": &s.linkKeys,
		"keyset": &s.keyset, "notify_secret": &s.notify,
		"api_tokens": &s.apiToken, "api_password": &s.apiPassword, "records_key": &s.recordsKey} {
		path := filepath.Join(data, name)
		switch kept, err := os.ReadFile(path); {
		case err == nil:
			*value = string(kept)
		case errors.Is(err, os.ErrNotExist):
			if err := writeWhole(path, *value); err != nil { // half of one would be taken for a whole one later
				return s, err
			}
		default:
			return s, err
		}
	}
	return s, nil
}
