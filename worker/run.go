package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"durablekyc.example/cases/replay"
	"durablekyc.example/connectfi"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/worker/taskqueue"
)

// run runs the worker until a signal stops it.
func run(s settings) error {
	ctx, stop := signal.NotifyContext(context.Background(), httpserver.StopSignals()...)
	defer stop()
	httpserver.IgnoreBrokenPipes()
	if s.Check {
		return httpserver.Check(ctx, httpserver.LocalURL(s.AdminListen, "/readyz"))
	}
	return httpserver.Stopped(ctx, serve(ctx, s))
}

// serve connects to everything that the settings name, and serves until ctx ends.
func serve(ctx context.Context, s settings) (err error) {
	keys, keyset, secrets, err := openSecrets(ctx, s)
	if err != nil {
		return err
	}
	log := telemetry.Logger(os.Stderr, s.Log)
	metrics, err := telemetry.Start("worker", os.LookupEnv, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, metrics.Shutdown(context.WithoutCancel(ctx))) }()
	provider, err := connectfi.New(connectfi.Config{BaseURL: s.BaseURL, Login: s.Login, Password: s.Password,
		Observe: metrics.ObserveCalls("connectfi")})
	if err != nil {
		return err
	}
	documents, records, err := openBuckets(ctx, s, keyset)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, documents.Close()) }()
	temporal, workerClient, namespace, err := connect(ctx, temporalclient.Options{
		Lookup: os.LookupEnv, Environ: os.Environ, Logger: log,
		Metrics: metrics.Temporal(), Interceptors: metrics.Interceptors(), Certificate: metrics.Certificate}, keyset)
	if err != nil {
		return err
	}
	defer temporal.Close()
	defer workerClient.Close()
	nexus, err := nexusOf(ctx, s, temporal, keyset)
	if err != nil {
		return err
	}
	worker, err := taskqueue.New(taskqueue.Config{Temporal: temporal, WorkerClient: workerClient, ConnectFi: provider,
		Nexus: nexus, Replayer: replay.Replayer(keyset.WorkerConverters()), Documents: documents,
		Records: records, RecordEvery: s.RecordEvery, TimestampURL: s.RecordsTSA, Namespace: namespace, Keys: keys,
		CallbackURL: s.CallbackURL, PublicURL: s.PublicURL, NotifyURL: s.NotifyURL,
		NotifySecrets: secrets, NotifyPrivate: s.Private, Grace: s.Grace, SweepEvery: s.Sweep,
		Deployment: cmp.Or(s.Deployment, s.Controller.TemporalDeploymentName),
		BuildID:    s.Controller.TemporalWorkerBuildID, ReadsPerSecond: s.Reads,
		CachedCases: cmp.Or(s.Cached, taskqueue.CacheSize(debug.SetMemoryLimit(-1))), Logger: log, Telemetry: metrics})
	if err != nil {
		return err
	}
	admin, err := httpserver.Listen(s.AdminListen)
	if err != nil {
		return fmt.Errorf("KYC_ADMIN_LISTEN: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return worker.Serve(ctx) })
	group.Go(func() error { return httpserver.HTTP(ctx, admin, worker.Admin(), log) })
	log.Info("worker started", "version", telemetry.Version, "admin", admin.Addr().String())
	return group.Wait()
}
