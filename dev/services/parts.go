package services

import (
	"context"
	"net/http"
	"path/filepath"

	"go.temporal.io/sdk/client"

	"durablekyc.example/cases"
	"durablekyc.example/cases/replay"
	"durablekyc.example/internal/codecserver"
	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/kyc"
	"durablekyc.example/records/archive"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
	"durablekyc.example/sandbox/simulator"
	"durablekyc.example/webhook/gateway"
	"durablekyc.example/webhook/server"
	"durablekyc.example/worker/taskqueue"
)

// parts are what the services are made of.
type parts struct {
	Options
	keys      linktoken.Keys
	keyset    encryption.Keyset
	metrics   *telemetry.Telemetry
	documents *docstore.Store
	bucket    string // URL of the documents
}

// codecPath is where the codec server is on the admin listener.
const codecPath = "/codec"

// CodecURL is the codec server's address. Without a login a Temporal UI carries no credential but a step of it.
func CodecURL(admin, token string) string { return admin + codecPath + "/" + token }

func (p *parts) logins() string { return "backend:" + p.Secrets.APIPassword }

func (p *parts) sandbox() (*simulator.Sandbox, error) {
	return simulator.New(simulator.Config{Login: p.Secrets.Login, Password: p.Secrets.Password, Logger: p.Log,
		Seed: p.Seed})
}

func (p *parts) webhook(s *Services) (*server.Server, error) {
	passing, err := p.connect(s.Sandbox)
	if err != nil {
		return nil, err
	}
	credentials, err := gateway.ParseCredentials(p.Secrets.APIToken, p.logins())
	if err != nil {
		return nil, err
	}
	var codec http.Handler
	if p.UI != "" && p.CodecToken != "" {
		if codec, err = codecserver.Handler(codecPath, codecserver.Config{Keyset: p.keyset, Origins: []string{p.UI},
			Tokens: []string{p.CodecToken}, Logger: p.Log}); err != nil {
			return nil, err
		}
	}
	return server.New(server.Config{Cases: s.Cases, Documents: p.documents, PublicURL: s.Webhook, Keys: p.keys,
		Codec: codec, Logger: p.Log, Telemetry: p.metrics, Frames: p.Frames,
		API: gateway.Config{Credentials: credentials, ConnectFi: passing, Policy: kyc.DefaultPolicy(),
			Notify: p.Notify != ""},
		Ready: func(ctx context.Context) error {
			_, err := s.Client.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		}})
}

func (p *parts) worker(s *Services, records *recorder.Recorder) (*taskqueue.Worker, error) {
	provider, err := p.connect(s.Sandbox)
	if err != nil {
		return nil, err
	}
	signers, err := delivery.ParseSecrets(p.Secrets.Notify)
	if err != nil {
		return nil, err
	}
	nexus := &cases.Nexus{Client: s.Cases, Data: p.keyset.Converters().Data, Policy: kyc.DefaultPolicy(),
		Notify: p.Notify != ""}
	return taskqueue.New(taskqueue.Config{Nexus: nexus, Replayer: replay.Replayer(p.keyset.WorkerConverters()),
		Temporal: s.Client, WorkerClient: s.WorkerClient,
		ConnectFi: provider, Documents: p.documents, Keys: p.keys, CallbackURL: s.Webhook, PublicURL: s.Webhook,
		NotifyURL: p.Notify, NotifySecrets: signers, NotifyPrivate: true, Deployment: s.Deployment,
		BuildID: s.BuildID, Records: records, RecordEvery: p.RecordEvery, Namespace: p.Temporal.Namespace,
		ReadsPerSecond: p.ReadsPerSecond, Logger: p.Log, Telemetry: p.metrics})
}

// records opens a bucket of records; nil without RecordEvery.
func (p *parts) records(ctx context.Context, s *Services) (*recorder.Recorder, error) {
	if p.RecordEvery == 0 {
		return nil, nil
	}
	address := "file://" + slashed(p.Dir, "records")
	bucket, err := store.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, bucket.Close)
	entries, err := log.New(bucket, p.Secrets.RecordsKey)
	if err != nil {
		return nil, err
	}
	s.RecordsKey = entries.PublicKey()
	closed, err := archive.Open(ctx, address, p.keyset)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, closed.Close)
	s.Cases.Records = closed
	s.Vars = append(s.Vars, Variables{{"KYC_RECORDS", address}, {"KYC_RECORDS_KEY", p.Secrets.RecordsKey}}...)
	maker := recorder.Maker{Keyset: p.keyset, Release: telemetry.Version, Text: p.documents.Text}
	return &recorder.Recorder{Maker: maker, Bucket: bucket, Log: entries}, nil
}

// variables are what the other commands need to find these services.
func (p *parts) variables(s *Services) Variables {
	all := Variables{{"TEMPORAL_ADDRESS", p.Temporal.Address}, {"TEMPORAL_NAMESPACE", p.Temporal.Namespace},
		{"CONNECTFI_BASE_URL", s.Sandbox}, {"CONNECTFI_LOGIN", p.Secrets.Login},
		{"CONNECTFI_PASSWORD", p.Secrets.Password},
		{"KYC_PUBLIC_URL", s.Webhook}, {"KYC_CALLBACK_URL", s.Webhook}, {"KYC_LINK_KEYS", p.Secrets.LinkKeys},
		{"KYC_DOCUMENTS", p.bucket},
		{"KYC_KEYSET", p.Secrets.Keyset}, {"KYC_API_TOKENS", p.Secrets.APIToken}, {"KYC_API_LOGINS", p.logins()},
		{"KYC_NOTIFY_SECRET", p.Secrets.Notify}, {"KYC_NOTIFY_ALLOW_PRIVATE", "true"}}
	if p.UI != "" {
		all = append(all, [2]string{"KYC_TEMPORAL_UI", p.UI})
	}
	if p.Notify != "" {
		all = append(all, [2]string{"KYC_NOTIFY_URL", p.Notify})
	}
	return all
}

func slashed(dir, name string) string { return filepath.ToSlash(filepath.Join(dir, name)) }
