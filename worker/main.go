// Command worker carries the cases: it runs their workflows and activities.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/cluster"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/env"
	"durablekyc.example/internal/seal"
	"durablekyc.example/internal/serve"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/worker/taskqueue"
)

type settings struct {
	BaseURL     string        `name:"connectfi-base-url" env:"CONNECTFI_BASE_URL" placeholder:"URL" help:"ConnectFi."`
	Login       string        `name:"connectfi-login" env:"CONNECTFI_LOGIN" placeholder:"NAME" help:"Who asks ConnectFi."`
	Password    string        `name:"connectfi-password" env:"CONNECTFI_PASSWORD" placeholder:"SECRET" help:"Its password."`
	PublicURL   string        `env:"KYC_PUBLIC_URL" placeholder:"URL" help:"The webhook as applicants reach it."`
	CallbackURL string        `env:"KYC_CALLBACK_URL" placeholder:"URL" help:"The webhook as ConnectFi reaches it; the public URL if not set."`
	LinkKeys    string        `env:"KYC_LINK_KEYS" placeholder:"SECRETS" help:"Secrets of callback URLs, newest first, separated by commas; 32 characters at least."`
	Documents   string        `env:"KYC_DOCUMENTS" placeholder:"URL" help:"Bucket of document images, such as file:///var/lib/kyc/documents."`
	Keyset      string        `env:"KYC_KEYSET" placeholder:"SECRET" help:"Tink keyset, JSON on one line, that images are encrypted with; starter keys init draws one."`
	Grace       time.Duration `name:"documents-grace" env:"KYC_DOCUMENTS_GRACE" default:"24h" help:"How long images outlive the decision of their case."`
	AdminListen string        `env:"KYC_ADMIN_LISTEN" default:"127.0.0.1:8082" help:"Address of /healthz, /readyz and /metrics."`
	Deployment  string        `env:"KYC_DEPLOYMENT" placeholder:"NAME" help:"Turns on Temporal's worker versioning."`
	Reads       float64       `name:"reads-per-second" env:"KYC_READS_PER_SECOND" default:"20" help:"Status reads of waiting cases, by all workers together."`
	Log         string        `env:"KYC_LOG" enum:"text,json" default:"text" help:"text or json."`

	Check   bool             `help:"Ask the running worker whether it is ready, and end."`
	Version kong.VersionFlag `help:"Print the version, and end."`
}

// Validate refuses to start without what must be there.
func (s *settings) Validate() error {
	if s.CallbackURL == "" {
		s.CallbackURL = s.PublicURL
	}
	if s.Check {
		return nil
	}
	if s.Grace <= 0 {
		return errors.New("KYC_DOCUMENTS_GRACE must be longer than nothing, such as 24h")
	}
	return serve.Missing(
		serve.Variable{Name: "CONNECTFI_BASE_URL", Value: s.BaseURL}, serve.Variable{Name: "CONNECTFI_LOGIN", Value: s.Login},
		serve.Variable{Name: "CONNECTFI_PASSWORD", Value: s.Password}, serve.Variable{Name: "KYC_PUBLIC_URL", Value: s.CallbackURL},
		serve.Variable{Name: "KYC_LINK_KEYS", Value: s.LinkKeys}, serve.Variable{Name: "KYC_DOCUMENTS", Value: s.Documents},
		serve.Variable{Name: "KYC_KEYSET", Value: s.Keyset})
}

func main() {
	var s settings
	parser := kong.Must(&s, kong.Name("worker"), kong.Vars{"version": telemetry.Version},
		kong.Description("Carries KYC cases. Temporal is found by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, "+
			"TEMPORAL_TLS… and profiles."),
		env.Flags(os.LookupEnv))
	_, err := parser.Parse(serve.Arguments(os.Args[1:]))
	parser.FatalIfErrorf(err)
	parser.FatalIfErrorf(run(s))
}

func run(s settings) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if s.Check {
		return serve.Check(ctx, serve.LocalURL(s.AdminListen, "/readyz"))
	}
	keys, err := seal.ParseKeys(s.LinkKeys)
	if err != nil {
		return fmt.Errorf("KYC_LINK_KEYS: %w", err)
	}
	keyset, err := seal.ParseKeyset(s.Keyset)
	if err != nil {
		return fmt.Errorf("KYC_KEYSET: %w", err)
	}
	provider, err := connectfi.New(connectfi.Config{BaseURL: s.BaseURL, Login: s.Login, Password: s.Password})
	if err != nil {
		return err
	}
	documents, err := docstore.Open(ctx, s.Documents, keyset)
	if err != nil {
		return fmt.Errorf("KYC_DOCUMENTS: %w", err)
	}
	defer func() { err = errors.Join(err, documents.Close()) }()
	log := telemetry.Logger(os.Stderr, s.Log)
	metrics, err := telemetry.New("worker")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, metrics.Shutdown(context.WithoutCancel(ctx))) }()
	temporal, err := cluster.Dial(ctx, cluster.Options{
		Lookup: os.LookupEnv, Environ: os.Environ, Logger: log, Metrics: metrics.Temporal()})
	if err != nil {
		return err
	}
	defer temporal.Close()
	worker, err := taskqueue.New(taskqueue.Config{Temporal: temporal, ConnectFi: provider, Documents: documents,
		Keys: keys, CallbackURL: s.CallbackURL, Grace: s.Grace, Deployment: s.Deployment, ReadsPerSecond: s.Reads, Logger: log, Telemetry: metrics})
	if err != nil {
		return err
	}
	admin, err := serve.Listen(s.AdminListen)
	if err != nil {
		return fmt.Errorf("KYC_ADMIN_LISTEN: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return worker.Serve(ctx) })
	group.Go(func() error { return serve.HTTP(ctx, admin, worker.Admin(), log) })
	log.Info("the worker is up", "version", telemetry.Version, "admin", admin.Addr().String())
	return group.Wait()
}
