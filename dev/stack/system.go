package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"durablekyc.example/cases"
	"durablekyc.example/dev/services"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/internal/temporalclient"
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
	frames         []string                    // origins that may show the portal in a frame
	recordEvery    time.Duration               // between two sweeps of the recorder; 0 keeps no records
}

// system is production's own services around an embedded Temporal, all in this process.
type system struct {
	temporal     *embedded.Server
	ui           *embedded.UI
	services     *services.Services
	client       client.Client
	workerClient client.Client // the worker's: startWorker takes the one that is here
	cases        cases.Client
	vars         services.Variables // what the other commands need, in order
	sandbox      string             // base URL
	webhook      string             // base URL
	admin        string             // base URL
	recordsKey   string             // public, of the log of records
	stopWorker   func() error       // stops the worker that was started last
	stopped      bool

	deployment string // of workers that are started from now on; empty is no versioning
	build      string // their build id
}

// startSystem brings everything up and returns once it can be used; on an
// error nothing is left running.
func startSystem(ctx context.Context, o options) (s *system, err error) {
	s = &system{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
			s = nil
		}
	}()
	for name, port := range map[string]int{"temporal": o.ports.temporal, "ui": o.ports.ui} {
		listener, err := services.ListenOn(name, port) // only asked whether it is free
		if err != nil {
			return s, err
		}
		_ = listener.Close()
	}
	listeners, err := services.Listen(services.Ports{Webhook: o.ports.webhook, Admin: o.ports.admin,
		Sandbox: o.ports.sandbox})
	if err != nil {
		return s, err
	}
	defer func() {
		if s.services == nil { // they take the listeners over
			listeners.Close()
		}
	}()
	if s.temporal, err = embedded.Start(ctx, embedded.Options{Port: o.ports.temporal, Data: o.data, Postgres: o.postgres,
		LongHistory: o.longHistory}); err != nil {
		return s, err
	}
	codec, ui := rand.Text()+rand.Text(), ""
	if o.withUI {
		to := embedded.UIOptions{Temporal: s.temporal.Address, Port: o.ports.ui}
		if !o.noCodec {
			to.Codec = services.CodecURL(listeners.AdminURL(), codec)
		}
		if s.ui, err = embedded.StartUI(ctx, to); err != nil {
			return s, err
		}
		ui = s.ui.URL
	}
	return s, embedded.WithoutRoom(o.data, s.startServices(ctx, o, listeners, ui, codec))
}

func (s *system) startServices(ctx context.Context, o options, l services.Listeners, ui, codec string) error {
	secrets, err := services.NewSecrets(o.data)
	if err != nil {
		return err
	}
	if o.keyset != "" {
		secrets.Keyset = o.keyset
	}
	dir := o.data
	if dir == "" {
		dir = o.work
	}
	s.services, err = services.Start(ctx, services.Options{
		Temporal:  temporalclient.Options{Address: s.temporal.Address, Namespace: embedded.Namespace},
		Listeners: l, Dir: dir, Secrets: secrets, Notify: o.notify, Seed: o.seed, Log: o.log, Lookup: o.lookup, UI: ui,
		CodecToken: codec, ReadsPerSecond: o.readsPerSecond, Plaintext: o.clear, Frames: o.frames,
		RecordEvery: o.recordEvery})
	if err != nil {
		return err
	}
	s.client, s.workerClient, s.cases = s.services.Client, s.services.WorkerClient, s.services.Cases
	s.vars, s.recordsKey = s.services.Vars, s.services.RecordsKey
	s.sandbox, s.webhook, s.admin = s.services.Sandbox, s.services.Webhook, s.services.Admin
	s.stopWorker = s.services.StopWorker
	return nil
}

// startWorker starts the worker again after stopWorker.
func (s *system) startWorker() error {
	s.services.WorkerClient, s.services.Deployment, s.services.BuildID = s.workerClient, s.deployment, s.build
	err := s.services.StartWorker()
	s.stopWorker = s.services.StopWorker
	return err
}

// stop ends everything in the order that lets what is in progress finish.
func (s *system) stop() error {
	if s.stopped {
		return nil
	}
	s.stopped = true
	var errs []error
	if s.services != nil {
		errs = append(errs, s.services.Stop())
	}
	if s.ui != nil {
		errs = append(errs, s.ui.Stop())
	}
	if s.temporal != nil {
		errs = append(errs, s.temporal.Stop())
	}
	return errors.Join(errs...)
}
