package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/webhook/server"
)

// run runs the webhook until a signal stops it.
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
	keys, err := linktoken.ParseKeys(s.LinkKeys)
	if err != nil {
		return fmt.Errorf("KYC_LINK_KEYS: %w", err)
	}
	keyset, err := encryption.OpenKeyset(ctx, s.Keyset, s.KEK)
	if err != nil {
		return fmt.Errorf("KYC_KEYSET, KYC_KEYSET_KEK: %w", err)
	}
	log := telemetry.Logger(os.Stderr, s.Log)
	metrics, err := telemetry.Start("webhook", os.LookupEnv, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, metrics.Shutdown(context.WithoutCancel(ctx))) }()
	config, err := s.serverConfig(os.LookupEnv, metrics, log) // what is wrong with it is said before anything is opened
	if err != nil {
		return err
	}
	documents, err := docstore.Open(ctx, s.Documents, keyset)
	if err != nil {
		return fmt.Errorf("KYC_DOCUMENTS: %w", err)
	}
	defer func() { err = errors.Join(err, documents.Close()) }()
	codec, err := s.codec(keyset, log)
	if err != nil {
		return err
	}
	caseClient, err := openCases(ctx, s, temporalclient.Options{
		Lookup: os.LookupEnv, Environ: os.Environ, Logger: log,
		Metrics: metrics.Temporal(), Interceptors: metrics.Interceptors(), Certificate: metrics.Certificate}, keyset)
	if err != nil {
		return err
	}
	defer caseClient.Temporal.Close()
	config.Cases, config.Documents, config.Keys, config.Codec = caseClient, documents, keys, codec
	config.Logger, config.Telemetry = log, metrics
	config.Ready = func(ctx context.Context) error { return temporalclient.Ready(ctx, caseClient.Temporal) }
	service, err := server.New(config)
	if err != nil {
		return err
	}
	public, err := httpserver.Listen(s.Listen)
	if err != nil {
		return fmt.Errorf("KYC_LISTEN: %w", err)
	}
	admin, err := httpserver.Listen(s.AdminListen)
	if err != nil {
		return errors.Join(fmt.Errorf("KYC_ADMIN_LISTEN: %w", err), public.Close())
	}
	log.Info("webhook started", "version", telemetry.Version, "public", public.Addr().String(),
		"admin", admin.Addr().String(), "tls", config.TLS != nil)
	return service.Serve(ctx, public, admin)
}
