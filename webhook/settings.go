package main

import (
	"github.com/alecthomas/kong"

	"durablekyc.example/internal/serve"
)

// settings are the flags and variables of the webhook.
type settings struct {
	LinkKeys    string `env:"KYC_LINK_KEYS" placeholder:"SECRETS" help:"Secrets of callback URLs, newest first, separated by commas; 32 characters at least."`
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
	return serve.Missing(serve.Variable{Name: "KYC_LINK_KEYS", Value: s.LinkKeys})
}
