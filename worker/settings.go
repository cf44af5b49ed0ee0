package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/weburl"
	"durablekyc.example/kyc"
)

// description heads the help.
const description = "Runs the workflows and activities of KYC cases. TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, " +
	"TEMPORAL_API_KEY, TEMPORAL_TLS… and profiles configure the connection to Temporal."

// settings are the flags and variables of the worker.
type settings struct {
	BaseURL     string        `name:"connectfi-base-url" env:"CONNECTFI_BASE_URL" placeholder:"URL" help:"ConnectFi."`
	Login       string        `name:"connectfi-login" env:"CONNECTFI_LOGIN" placeholder:"NAME" help:"ConnectFi login."`
	Password    string        `name:"connectfi-password" env:"CONNECTFI_PASSWORD" placeholder:"SECRET" help:"ConnectFi password."`
	PublicURL   string        `env:"KYC_PUBLIC_URL" placeholder:"URL" help:"Public base URL of the webhook for applicants."`
	CallbackURL string        `env:"KYC_CALLBACK_URL" placeholder:"URL" help:"Base URL of the webhook for ConnectFi's callbacks (default: the public URL)."`
	LinkKeys    string        `env:"KYC_LINK_KEYS" placeholder:"SECRETS" help:"Secrets of callback URLs, newest first, separated by commas; 32 characters at least."`
	Documents   string        `env:"KYC_DOCUMENTS" placeholder:"URL" help:"Bucket of document images, such as file:///var/lib/kyc/documents."`
	Keyset      string        `env:"KYC_KEYSET" placeholder:"SECRET" help:"Tink keyset (JSON) that encrypts cases and images; see starter keys init."`
	KEK         string        `env:"KYC_KEYSET_KEK" placeholder:"URL" help:"Key that opens an encrypted KYC_KEYSET: awskms://, gcpkms://, azurekeyvault:// or base64key://; starter keys wrap encrypts one."`
	Grace       time.Duration `name:"documents-grace" env:"KYC_DOCUMENTS_GRACE" default:"24h" help:"Keep images this long after the decision."`
	Sweep       time.Duration `name:"documents-sweep" env:"KYC_DOCUMENTS_SWEEP" default:"1h" help:"Interval of the document clean-up (min 1m)."`
	Records     string        `env:"KYC_RECORDS" placeholder:"URL" help:"Bucket of the records of closed cases, such as s3://records (default: none are kept)."`
	RecordEvery time.Duration `name:"records-sweep" env:"KYC_RECORDS_SWEEP" default:"1h" help:"Interval at which closed cases are put on record (min 1s)."`
	RecordsKey  string        `env:"KYC_RECORDS_KEY" placeholder:"SECRET" help:"Private key of the log of records; see starter keys log."`
	RecordsTSA  string        `name:"records-tsa" env:"KYC_RECORDS_TSA" placeholder:"URL" help:"Time-stamp authority (RFC 3161) that stamps the log of records, once a day at most (default: none)."`
	Policy      string        `env:"KYC_POLICY" placeholder:"JSON" help:"Deadlines of cases by API and Nexus (JSON)."`
	NotifyURL   string        `env:"KYC_NOTIFY_URL" placeholder:"URL" help:"URL that receives the notifications of all cases started with it (default: none)."`
	Secrets     string        `name:"notify-secret" env:"KYC_NOTIFY_SECRET" placeholder:"SECRETS" help:"Secrets that sign notifications (whsec_ and base64, comma-separated, newest first); see starter keys init."`
	Private     bool          `name:"notify-allow-private" env:"KYC_NOTIFY_ALLOW_PRIVATE" help:"Allow delivery of notifications to private addresses and any port."`
	AdminListen string        `env:"KYC_ADMIN_LISTEN" default:"127.0.0.1:8082" help:"Address of /healthz, /readyz and /metrics."`
	Deployment  string        `env:"KYC_DEPLOYMENT" placeholder:"NAME" help:"Worker deployment name; enables worker versioning."`
	Reads       float64       `name:"reads-per-second" env:"KYC_READS_PER_SECOND" default:"20" help:"Status reads per second, across all workers."`
	Cached      int           `name:"cached-cases" env:"KYC_CACHED_CASES" placeholder:"N" help:"Workflow cache size (default: derived from GOMEMLIMIT, max 10,000)."`
	Log         string        `env:"KYC_LOG" enum:"text,json" default:"text" help:"text or json."`

	Controller controllerSettings `embed:""`

	Check   bool             `help:"Probe the running worker's readiness and exit."`
	Version kong.VersionFlag `help:"Print the version and exit."`
}

// controllerSettings are what Temporal's Worker Controller sets in the pods that it makes.
type controllerSettings struct {
	TemporalDeploymentName string `env:"TEMPORAL_DEPLOYMENT_NAME" help:"The Worker Controller's KYC_DEPLOYMENT."`
	TemporalWorkerBuildID  string `env:"TEMPORAL_WORKER_BUILD_ID" help:"Build id (default: the version)."`
}

// checkRecords checks the settings of records.
func (s *settings) checkRecords() error {
	switch {
	case s.RecordEvery < time.Second:
		return errors.New("KYC_RECORDS_SWEEP must be a second at least, such as 1h")
	case (s.Records == "") != (s.RecordsKey == ""):
		return errors.New("KYC_RECORDS and KYC_RECORDS_KEY must be set together")
	case s.RecordsTSA == "":
		return nil
	case s.Records == "":
		return errors.New("KYC_RECORDS_TSA needs KYC_RECORDS and KYC_RECORDS_KEY")
	}
	if fault := weburl.Fault(s.RecordsTSA); fault != "" {
		return errors.New("KYC_RECORDS_TSA: " + fault)
	}
	return nil
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
		return errors.New("KYC_DOCUMENTS_GRACE must be more than 0, such as 24h")
	}
	if s.Sweep < time.Minute {
		return errors.New("KYC_DOCUMENTS_SWEEP must be at least 1m, such as 1h")
	}
	if err := s.checkRecords(); err != nil {
		return err
	}
	if _, err := kyc.ParsePolicy(s.Policy); err != nil {
		return fmt.Errorf("KYC_POLICY: %w", err)
	}
	if s.Cached < 0 {
		return errors.New("KYC_CACHED_CASES must be more than 0")
	}
	if err := httpserver.Missing(
		httpserver.Variable{Name: "CONNECTFI_BASE_URL", Value: s.BaseURL}, httpserver.Variable{Name: "CONNECTFI_LOGIN",
			Value: s.Login},
		httpserver.Variable{Name: "CONNECTFI_PASSWORD", Value: s.Password}, httpserver.Variable{Name: "KYC_PUBLIC_URL",
			Value: s.PublicURL},
		httpserver.Variable{Name: "KYC_LINK_KEYS", Value: s.LinkKeys}, httpserver.Variable{Name: "KYC_DOCUMENTS",
			Value: s.Documents},
		httpserver.Variable{Name: "KYC_KEYSET", Value: s.Keyset}, httpserver.Variable{Name: "KYC_NOTIFY_SECRET",
			Value: s.Secrets}); err != nil {
		return err
	}
	for _, one := range []httpserver.Variable{{Name: "KYC_PUBLIC_URL", Value: s.PublicURL}, {Name: "KYC_CALLBACK_URL",
		Value: s.CallbackURL}} {
		if _, err := weburl.ParseBase(one.Value); err != nil {
			return fmt.Errorf("%s: %w", one.Name, err)
		}
	}
	return cmp.Or( // what anybody could guess is no secret
		config.CheckStrength("KYC_LINK_KEYS", s.LinkKeys, 0), config.CheckStrength("KYC_NOTIFY_SECRET", s.Secrets, 0),
		config.CheckNotPublished("KYC_KEYSET", s.Keyset), config.CheckNotPublished("CONNECTFI_PASSWORD", s.Password))
}
