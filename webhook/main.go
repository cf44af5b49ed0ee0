// Command webhook is the edge: ConnectFi's callbacks, applicants and the API come in here.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"
	"github.com/gin-gonic/gin"

	"durablekyc.example/internal/cluster"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/env"
	"durablekyc.example/internal/seal"
	"durablekyc.example/internal/serve"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/webhook/intake"
	"durablekyc.example/workflows"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	var s settings
	parser := kong.Must(&s, kong.Name("webhook"), kong.Vars{"version": telemetry.Version},
		kong.Description("Takes ConnectFi's callbacks and applicants' images, and answers ConnectFi's API. Temporal is found by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, "+
			"TEMPORAL_TLS… and profiles."),
		env.Flags(os.LookupEnv))
	_, err := parser.Parse(serve.NormalizeFlags(os.Args[1:]))
	parser.FatalIfErrorf(err)
	parser.FatalIfErrorf(run(s))
}

func run(s settings) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), serve.StopSignals()...)
	defer stop()
	serve.IgnoreBrokenPipes()
	if s.Check {
		return serve.Check(ctx, serve.LocalURL(s.AdminListen, "/readyz"))
	}
	keys, err := seal.ParseKeys(s.LinkKeys)
	if err != nil {
		return fmt.Errorf("KYC_LINK_KEYS: %w", err)
	}
	keyset, err := seal.OpenKeyset(ctx, s.Keyset, s.KEK)
	if err != nil {
		return fmt.Errorf("KYC_KEYSET, KYC_KEYSET_KEK: %w", err)
	}
	log := telemetry.Logger(os.Stderr, s.Log)
	metrics, err := telemetry.Start("webhook", os.LookupEnv, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, metrics.Shutdown(context.WithoutCancel(ctx))) }()
	config, err := s.edge(os.LookupEnv, metrics, log) // what is wrong with it is said before anything is opened
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
	temporal, err := cluster.Dial(ctx, cluster.Options{
		Lookup: os.LookupEnv, Environ: os.Environ, Converters: keyset.Converters(), Logger: log, Metrics: metrics.Temporal(), Interceptors: metrics.Interceptors(),
		Certificate: metrics.Certificate})
	if err != nil {
		return err
	}
	defer temporal.Close()
	cases := workflows.Client{Temporal: temporal}
	if err := cases.CheckAccess(ctx); err != nil {
		return err
	}
	config.Cases, config.Applicants, config.API.Orders = cases, cases, cases
	config.Documents, config.Keys, config.Logger, config.Telemetry = documents, keys, log, metrics
	config.Codec = codec
	config.Ready = func(ctx context.Context) error { return cluster.Ready(ctx, temporal) }
	server, err := intake.New(config)
	if err != nil {
		return err
	}
	public, err := serve.Listen(s.Listen)
	if err != nil {
		return fmt.Errorf("KYC_LISTEN: %w", err)
	}
	admin, err := serve.Listen(s.AdminListen)
	if err != nil {
		return errors.Join(fmt.Errorf("KYC_ADMIN_LISTEN: %w", err), public.Close())
	}
	log.Info("the webhook is up", "version", telemetry.Version, "public", public.Addr().String(), "admin", admin.Addr().String(), "tls", config.TLS != nil)
	return server.Serve(ctx, public, admin)
}
