package main

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/codecserver"
	"durablekyc.example/internal/config"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/internal/weburl"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/gateway"
	"durablekyc.example/webhook/page"
	"durablekyc.example/webhook/server"
)

// description heads the help.
const description = "Receives ConnectFi's callbacks and applicants' images, and serves a ConnectFi-compatible API. " +
	"TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS… and profiles configure the connection to " +
	"Temporal."

// settings are the flags and variables of the webhook.
type settings struct {
	PublicURL   string `env:"KYC_PUBLIC_URL" placeholder:"URL" help:"Public base URL of this webhook for applicants; a proxy may keep or strip its path, such as /kyc."`
	LinkKeys    string `env:"KYC_LINK_KEYS" placeholder:"SECRETS" help:"Secrets of callback URLs and links, newest first, separated by commas; 32 characters at least."`
	Documents   string `env:"KYC_DOCUMENTS" placeholder:"URL" help:"Bucket of document images, such as file:///var/lib/kyc/documents."`
	Keyset      string `env:"KYC_KEYSET" placeholder:"SECRET" help:"Tink keyset (JSON) that encrypts cases and images; see starter keys init."`
	KEK         string `env:"KYC_KEYSET_KEK" placeholder:"URL" help:"Key that opens an encrypted KYC_KEYSET: awskms://, gcpkms://, azurekeyvault:// or base64key://; starter keys wrap encrypts one."`
	Listen      string `env:"KYC_LISTEN" default:"127.0.0.1:8080" help:"Public listen address."`
	TLSCert     string `name:"tls-cert" env:"KYC_TLS_CERT" placeholder:"PEM" help:"TLS certificate chain (default: plain HTTP). A renewed file is loaded without a restart."`
	TLSKey      string `name:"tls-key" env:"KYC_TLS_KEY" placeholder:"SECRET" help:"The certificate's key, PEM."`
	Proxies     string `name:"trusted-proxies" env:"KYC_TRUSTED_PROXIES" placeholder:"LIST" help:"Trusted proxies (IPs/CIDRs, comma-separated) for X-Forwarded-For (default: none)."`
	AdminListen string `env:"KYC_ADMIN_LISTEN" default:"127.0.0.1:8081" help:"Address of /healthz, /readyz and /metrics."`
	APITokens   string `env:"KYC_API_TOKENS" placeholder:"SECRETS" help:"API tokens (min 16 chars, comma-separated). Without tokens and logins the API is disabled."`
	APILogins   string `env:"KYC_API_LOGINS" placeholder:"SECRETS" help:"API logins as login:password, comma-separated."`
	ConnectFi   string `env:"CONNECTFI_BASE_URL" placeholder:"URL" help:"Base URL of ConnectFi, which the API forwards documents and look-ups to; required by the API."`
	Login       string `env:"CONNECTFI_LOGIN" placeholder:"LOGIN" help:"ConnectFi's login."`
	Password    string `env:"CONNECTFI_PASSWORD" placeholder:"SECRET" help:"ConnectFi's password."`
	Policy      string `env:"KYC_POLICY" placeholder:"JSON" help:"Deadlines of cases by API and Nexus (JSON)."`
	Records     string `env:"KYC_RECORDS" placeholder:"URL" help:"Bucket of the records of closed cases, which the webhook answers from once Temporal has forgotten them (default: none)."`
	NotifyURL   string `env:"KYC_NOTIFY_URL" placeholder:"URL" help:"Receiver of notifications; the webhook only checks whether it is set."`
	Origins     string `env:"KYC_CODEC_ORIGINS" placeholder:"URLS" help:"Allowed origins for the codec server, comma-separated. Without origins and tokens it is disabled."`
	CodecTokens string `env:"KYC_CODEC_TOKENS" placeholder:"SECRETS" help:"Codec server tokens (min 32 chars, newest first, comma-separated)."`
	Page        string `env:"KYC_PAGE" placeholder:"FOLDER" help:"Folder with the name, logo, colours and texts of the applicants' pages (default: pages without a company's name)."`
	Frames      string `name:"page-frames" env:"KYC_PAGE_FRAMES" placeholder:"LIST" help:"Origins whose pages may show the applicants' pages in a frame, comma-separated (default: none)."`
	Log         string `env:"KYC_LOG" enum:"text,json" default:"text" help:"text or json."`

	Check   bool             `help:"Probe the running webhook's readiness and exit."`
	Version kong.VersionFlag `help:"Print the version and exit."`
}

// Validate refuses to start without what must be there.
func (s *settings) Validate() error {
	if s.Check {
		return nil
	}
	wanted := []httpserver.Variable{{Name: "KYC_PUBLIC_URL", Value: s.PublicURL}, {Name: "KYC_LINK_KEYS",
		Value: s.LinkKeys},
		{Name: "KYC_DOCUMENTS", Value: s.Documents}, {Name: "KYC_KEYSET", Value: s.Keyset}}
	if s.APITokens != "" || s.APILogins != "" {
		wanted = append(wanted, httpserver.Variable{Name: "CONNECTFI_BASE_URL", Value: s.ConnectFi},
			httpserver.Variable{Name: "CONNECTFI_LOGIN", Value: s.Login}, httpserver.Variable{Name: "CONNECTFI_PASSWORD",
				Value: s.Password})
	}
	if err := httpserver.Missing(wanted...); err != nil {
		return err
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return errors.New("KYC_TLS_CERT and KYC_TLS_KEY must be set together")
	}
	return s.strong()
}

// strong refuses secrets that anybody could guess.
func (s *settings) strong() error {
	return cmp.Or(
		config.CheckStrength("KYC_LINK_KEYS", s.LinkKeys, 0), strongCredentials(s.APITokens, s.APILogins),
		config.CheckStrength("KYC_CODEC_TOKENS", s.CodecTokens, 0),
		config.CheckNotPublished("KYC_KEYSET", s.Keyset), config.CheckNotPublished("CONNECTFI_PASSWORD", s.Password))
}

// strongCredentials refuses tokens and passwords that anybody could guess.
func strongCredentials(tokens, logins string) error {
	var passwords []string
	for _, login := range config.Fields(logins) {
		if _, password, ok := strings.Cut(login, ":"); ok {
			passwords = append(passwords, password)
		}
	}
	return cmp.Or(config.CheckStrength("KYC_API_TOKENS", tokens, 0), config.CheckStrength("KYC_API_LOGINS",
		strings.Join(passwords, ","), 12))
}

// serverConfig is the configuration that the variables set; the caller adds the cases behind it.
// Certificate and credentials are read again where they come from files.
func (s *settings) serverConfig(lookup config.Lookup, metrics *telemetry.Telemetry, log *slog.Logger) (c server.Config,
	err error) {
	base, err := weburl.ParseBase(s.PublicURL)
	if err != nil {
		return c, fmt.Errorf("KYC_PUBLIC_URL: %w", err)
	}
	c.PublicURL = s.PublicURL
	if c.TLS, err = s.certificate(lookup, metrics, log); err != nil {
		return c, fmt.Errorf("KYC_TLS_CERT, KYC_TLS_KEY: %w", err)
	}
	if c.TrustedProxies, err = edge.ParseProxies(s.Proxies); err != nil {
		return c, fmt.Errorf("KYC_TRUSTED_PROXIES: %w", err)
	}
	if c.Page, err = s.brand(); err != nil {
		return c, fmt.Errorf("KYC_PAGE: %w", err)
	}
	if c.Frames, err = s.frames(base.Secure() || c.TLS != nil || base.Loopback()); err != nil {
		return c, fmt.Errorf("KYC_PAGE_FRAMES: %w", err)
	}
	c.API, err = s.api(lookup, metrics.ObserveCalls("connectfi"), log)
	return c, err
}

// brand is the folder of KYC_PAGE, once all of it can be shown; nil where none is set.
func (s *settings) brand() (fs.FS, error) {
	if s.Page == "" {
		return nil, nil
	}
	if found, err := os.Stat(s.Page); err != nil || !found.IsDir() {
		return nil, fmt.Errorf("%s is not a folder that can be read", s.Page)
	}
	folder := os.DirFS(s.Page)
	_, err := page.New("", folder)
	return folder, err
}

// frames are the origins of KYC_PAGE_FRAMES. Browsers keep no cookie in a frame
// that comes by plain HTTP, unless it comes from their own machine.
func (s *settings) frames(cookies bool) (all []string, err error) {
	for _, text := range config.Fields(s.Frames) {
		origin, err := weburl.ParseOrigin(text)
		if err != nil {
			return nil, err
		}
		if base, err := weburl.ParseBase(origin); err != nil || !base.Secure() && !base.Loopback() {
			return nil, fmt.Errorf("%q must be an https origin", text)
		}
		all = append(all, origin)
	}
	if len(all) > 0 && !cookies {
		return nil, errors.New("a frame needs an https address in KYC_PUBLIC_URL, because browsers keep its cookie only then")
	}
	return all, nil
}

// certificate is that of KYC_LISTEN; nil for plain HTTP.
func (s *settings) certificate(lookup config.Lookup, metrics *telemetry.Telemetry, log *slog.Logger) (*tls.Config,
	error) {
	certificate, key := lookup.Reread("KYC_TLS_CERT", s.TLSCert), lookup.Reread("KYC_TLS_KEY", s.TLSKey)
	config, ends, err := httpserver.RenewedCertificate(func() (string, string, error) {
		chain, err := certificate()
		if err != nil {
			return "", "", err
		}
		private, err := key()
		return chain, private, err
	}, log)
	if config != nil {
		metrics.Certificate("webhook", ends)
	}
	return config, err
}

// credentials are who may call the API.
func (s *settings) credentials(lookup config.Lookup, log *slog.Logger) (gateway.Credentials, error) {
	tokens, logins := lookup.Reread("KYC_API_TOKENS", s.APITokens), lookup.Reread("KYC_API_LOGINS", s.APILogins)
	return gateway.RenewCredentials(func() (gateway.Credentials, error) {
		t, err := tokens()
		if err != nil {
			return gateway.Credentials{}, err
		}
		l, err := logins()
		if err == nil {
			err = strongCredentials(t, l)
		}
		if err != nil {
			return gateway.Credentials{}, err
		}
		return gateway.ParseCredentials(t, l)
	}, log)
}

// codec is the endpoint that opens cases for the Temporal UI: nil where it is not asked for.
func (s *settings) codec(keyset encryption.Keyset, log *slog.Logger) (http.Handler, error) {
	if s.Origins == "" && s.CodecTokens == "" {
		return nil, nil
	}
	list := func(text string) []string {
		return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \r\n", r) })
	}
	endpoint, err := codecserver.Handler("/codec", codecserver.Config{Keyset: keyset, Origins: list(s.Origins),
		Tokens: list(s.CodecTokens), Logger: log})
	if err != nil {
		return nil, fmt.Errorf("KYC_CODEC_ORIGINS, KYC_CODEC_TOKENS: %w", err)
	}
	return endpoint, nil
}

// api is ConnectFi's API as configured, but for the cases: off where nobody may call it.
func (s *settings) api(lookup config.Lookup, watch telemetry.Watch, log *slog.Logger) (api gateway.Config, err error) {
	if api.Credentials, err = s.credentials(lookup, log); err != nil {
		return api, fmt.Errorf("KYC_API_TOKENS, KYC_API_LOGINS: %w", err)
	}
	if api.Policy, err = kyc.ParsePolicy(s.Policy); err != nil {
		return api, fmt.Errorf("KYC_POLICY: %w", err)
	}
	if api.Credentials.None() {
		return gateway.Config{}, nil
	}
	api.Notify = s.NotifyURL != ""
	api.ConnectFi, err = connectfi.New(connectfi.Config{BaseURL: s.ConnectFi, Login: s.Login, Password: s.Password,
		Observe: watch})
	if err != nil {
		return api, fmt.Errorf("CONNECTFI_BASE_URL, CONNECTFI_LOGIN, CONNECTFI_PASSWORD: %w", err)
	}
	return api, nil
}
