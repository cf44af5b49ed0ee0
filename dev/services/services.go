// Package services runs production's own services in one process: the sandbox, the worker and the webhook, around a
// Temporal that is there already.
package services

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/internal/config"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/worker/taskqueue"
)

// RecordEvery is the time between two sweeps of the recorder on a developer's machine: a case is on record some seconds
// after its end, where production takes up to an hour.
const RecordEvery = 2 * time.Second

// Options of the services. What may be left out says what it is then.
type Options struct {
	Temporal  temporalclient.Options // where Temporal is; its converters, logger and metrics are set here
	Listeners Listeners              // taken over: Stop closes them
	Dir       string                 // documents and records go here
	Secrets   Secrets

	Notify         string                      // receiver of the notifications of all cases; empty is none
	Seed           uint64                      // of the sandbox's faults
	Log            *slog.Logger                // of the services; nil writes nothing
	Lookup         func(string) (string, bool) // of OpenTelemetry's variables; nil is none of them
	UI             string                      // base URL of the Temporal UI, for the codec server; empty is none
	CodecToken     string                      // the last step of the codec server's path; empty serves none
	ReadsPerSecond float64                     // of the slow status reads; 0 is the worker's own number
	Plaintext      bool                        // nothing is encrypted, for tests of what encryption hides
	Frames         []string                    // origins that may show the portal in a frame
	RecordEvery    time.Duration               // between two sweeps of the recorder; 0 keeps no records
}

// Services are running. Stop ends them.
type Services struct {
	Client       client.Client
	WorkerClient client.Client // the worker's: StartWorker takes the one that is here
	Cases        cases.Client
	Vars         Variables // what the other commands need
	Sandbox      string    // base URL
	Webhook      string    // base URL
	Admin        string    // base URL
	RecordsKey   string    // public key of the log of records; empty without records
	Failed       chan error
	Deployment   string // of workers that are started from now on; empty is no versioning
	BuildID      string // theirs

	// StopWorker stops the worker that was started last, however often it is called.
	StopWorker func() error

	newWorker func() (*taskqueue.Worker, error)
	workers   []func() error // stop them
	stopped   bool
	cancel    context.CancelFunc
	all       sync.WaitGroup
	closers   []func() error
}

// Start starts everything and returns once it can be used. On an error nothing is left running. Failed gets the error
// of the first service that ends by itself.
func Start(ctx context.Context, o Options) (s *Services, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Lookup == nil {
		o.Lookup = config.Map(nil)
	}
	s = &Services{Failed: make(chan error, 4)}
	s.closers = append(s.closers, func() error { o.Listeners.Close(); return nil })
	live, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
			s = nil
		}
	}()
	s.Sandbox, s.Webhook = "http://"+o.Listeners.sandbox.Addr().String(), "http://"+o.Listeners.webhook.Addr().String()
	s.Admin = o.Listeners.AdminURL()
	p, err := s.parts(live, o)
	if err != nil {
		return s, err
	}
	sandbox, err := p.sandbox()
	if err != nil {
		return s, err
	}
	records, err := p.records(live, s)
	if err != nil {
		return s, err
	}
	webhook, err := p.webhook(s)
	if err != nil {
		return s, err
	}
	s.newWorker = func() (*taskqueue.Worker, error) { return p.worker(s, records) }
	s.serve(live, func(ctx context.Context) error { return sandbox.Serve(ctx, o.Listeners.sandbox) })
	s.serve(live, func(ctx context.Context) error { return webhook.Serve(ctx, o.Listeners.webhook, o.Listeners.admin) })
	s.Vars = append(p.variables(s), s.Vars...)
	return s, s.StartWorker()
}

// parts opens what several services share.
func (s *Services) parts(ctx context.Context, o Options) (p *parts, err error) {
	p = &parts{Options: o, bucket: "file://" + slashed(o.Dir, "documents")}
	if p.keys, err = linktoken.ParseKeys(o.Secrets.LinkKeys); err != nil {
		return nil, err
	}
	if p.keyset, err = encryption.ParseKeyset(o.Secrets.Keyset); err != nil {
		return nil, err
	}
	if p.metrics, err = telemetry.Start("dev", o.Lookup, o.Log); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { return p.metrics.Shutdown(context.WithoutCancel(ctx)) })
	if err := s.dial(ctx, p); err != nil {
		return nil, err
	}
	if p.documents, err = docstore.Open(ctx, p.bucket, p.keyset); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, p.documents.Close)
	return p, nil
}

func (s *Services) dial(ctx context.Context, p *parts) (err error) {
	to := p.Temporal
	to.Logger, to.Metrics, to.Interceptors = p.Log, p.metrics.Temporal(), p.metrics.Interceptors()
	encrypted := [2]encryption.Converters{p.keyset.Converters(), p.keyset.WorkerConverters()}
	if p.Plaintext {
		encrypted = [2]encryption.Converters{}
	}
	to.Converters = encrypted[0]
	if s.Client, err = temporalclient.Dial(ctx, to); err != nil {
		return err
	}
	s.Cases = cases.Client{Temporal: s.Client, Namespace: to.Namespace, Failures: to.Converters.Failures}
	to.Converters = encrypted[1]
	s.WorkerClient, err = temporalclient.Join(ctx, s.Client, to)
	return err
}

// serve runs a service until Stop.
func (s *Services) serve(ctx context.Context, run func(context.Context) error) {
	s.all.Go(func() {
		if err := run(ctx); err != nil {
			select {
			case s.Failed <- err:
			default:
			}
		}
	})
}

// StartWorker starts the worker: at first, again after StopWorker, or another one beside it.
func (s *Services) StartWorker() error {
	w, err := s.newWorker()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx) }()
	s.StopWorker = sync.OnceValue(func() error { cancel(); return <-done })
	s.workers = append(s.workers, s.StopWorker)
	return nil
}

// Stop ends everything in the order that lets what is in progress finish.
func (s *Services) Stop() error {
	if s.stopped {
		return nil
	}
	s.stopped = true
	var errs []error
	for _, stop := range s.workers {
		errs = append(errs, stop())
	}
	s.cancel()
	s.all.Wait()
	for _, c := range []client.Client{s.Client, s.WorkerClient} {
		if c != nil {
			c.Close()
		}
	}
	for _, c := range s.closers {
		errs = append(errs, c())
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	return errors.Join(errs...)
}

// connect returns another client of the sandbox.
func (p *parts) connect(sandbox string) (*connectfi.Client, error) {
	return connectfi.New(connectfi.Config{BaseURL: sandbox, Login: p.Secrets.Login, Password: p.Secrets.Password,
		Observe: p.metrics.ObserveCalls("connectfi")})
}
