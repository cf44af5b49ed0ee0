package main

import (
	"github.com/alecthomas/kong"

	"durablekyc.example/internal/serve"
)

// settings are the flags and variables of the webhook.
type settings struct {
	PublicURL   string `env:"KYC_PUBLIC_URL" placeholder:"URL" help:"This webhook as applicants reach it."`
	LinkKeys    string `env:"KYC_LINK_KEYS" placeholder:"SECRETS" help:"Secrets of callback URLs and links, newest first, separated by commas; 32 characters at least."`
	Documents   string `env:"KYC_DOCUMENTS" placeholder:"URL" help:"Bucket of document images, such as file:///var/lib/kyc/documents."`
	Keyset      string `env:"KYC_KEYSET" placeholder:"SECRET" help:"Tink keyset, JSON on one line, that images are encrypted with; starter keys init draws one."`
	Listen      string `env:"KYC_LISTEN" default:"127.0.0.1:8080" help:"Address that the world reaches."`
	AdminListen string `env:"KYC_ADMIN_LISTEN" default:"127.0.0.1:8081" help:"Address of /healthz, /readyz and /metrics."`
	Log         string `env:"KYC_LOG" enum:"text,json" default:"text" help:"text or json."`

	Check   bool             `help:"Ask the running webhook whether it is ready, and end."`
	Version kong.VersionFlag `help:"Print the version, and end."`
}

// Validate refuses to start without what must be there.
func (s *settings) Validate() error {
	if s.Check {
		return nil
	}
	return serve.Missing(serve.Variable{Name: "KYC_PUBLIC_URL", Value: s.PublicURL},
		serve.Variable{Name: "KYC_LINK_KEYS", Value: s.LinkKeys}, serve.Variable{Name: "KYC_DOCUMENTS", Value: s.Documents},
		serve.Variable{Name: "KYC_KEYSET", Value: s.Keyset})
}
