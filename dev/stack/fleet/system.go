package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/internal/config"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/starter/cli"
)

// Options of a System.
type Options struct {
	Work     string            // directory of everything: data of a run before are removed; empty is one that Stop removes
	Postgres string            // URL of Temporal's databases, which are made anew; empty is SQLite
	NoEager  bool              // Temporal grants no eager activities
	Memory   bool              // SQLite keeps all of it in memory instead of a file
	Workers  int               // how many
	Webhooks int               // how many
	Vars     map[string]string // of all programs
	Delay    time.Duration     // of a step that ConnectFi takes by itself; zero is the sandbox's own
	Records  time.Duration     // between two sweeps of each worker's recorder; zero keeps no records
	// Front makes the address in front of the webhooks, given theirs; nil is the first of them.
	Front func(webhooks ...string) (address string, err error)
}

// System is the services, the sandbox and Temporal, each a process or several.
type System struct {
	Fleet
	Vars      map[string]string // what the programs were given: of use to the starter, too
	Sandbox   string            // base URL
	Public    string            // base URL of what is in front of the webhooks
	Work      string            // directory of everything
	Documents string            // directory of the bucket
	Records   string            // directory of the bucket of records
	Temporary string            // directory for what is not finished
	Keys      string            // directory of the secrets
	Bin       string            // directory of the programs
	Admins    map[string]string // addresses of those who tell their metrics, by name
	HTTP      *http.Client
	data, log string
	removed   string // by Stop
}

var errNoRoot = errors.New("this is not within the module durablekyc.example")

// Up builds the services and starts everything: it returns once all are ready.
// Stop what it returns even with an error.
func Up(ctx context.Context, o Options) (*System, error) {
	removed := ""
	if o.Work == "" {
		var err error
		if o.Work, err = os.MkdirTemp("", "durablekyc-fleet-"); err != nil {
			return &System{HTTP: http.DefaultClient}, err
		}
		removed = o.Work
	}
	in := func(name string) string { return filepath.Join(o.Work, name) }
	s := &System{Work: o.Work, Keys: in("keys"), Bin: in("bin"), data: in("data"), log: in("log"),
		Documents: filepath.Join(in("data"), "documents"), Records: filepath.Join(in("data"), "records"),
		Temporary: filepath.Join(in("data"), "temporary"), Admins: map[string]string{}, removed: removed,
		HTTP: &http.Client{Timeout: 10 * time.Second}}
	if err := s.prepare(ctx); err != nil {
		return s, err
	}
	ports, err := embedded.FreePorts(2 + 2*o.Webhooks + o.Workers)
	if err != nil {
		return s, err
	}
	take := func() string {
		port := ports[0]
		ports = ports[1:]
		return fmt.Sprintf("127.0.0.1:%d", port)
	}
	temporal, sandbox := take(), take()
	webhooks := make([]string, o.Webhooks)
	for i := range webhooks {
		webhooks[i] = take()
	}
	front := webhooks[0]
	if o.Front != nil {
		if front, err = o.Front(webhooks...); err != nil {
			return s, err
		}
	}
	s.Sandbox, s.Public = "http://"+sandbox, "http://"+front
	secret := func(name string) string { return filepath.Join(s.Keys, name) }
	s.Vars = map[string]string{"TEMPORAL_ADDRESS": temporal, "TEMPORAL_NAMESPACE": embedded.Namespace,
		"TEMPORAL_CONFIG_FILE": os.DevNull,
		"CONNECTFI_BASE_URL":   s.Sandbox, "CONNECTFI_LOGIN_FILE": secret("connectfi_login"),
		"CONNECTFI_PASSWORD_FILE": secret("connectfi_password"),
		"KYC_PUBLIC_URL":          s.Public, "KYC_LINK_KEYS_FILE": secret("link_keys"), "KYC_KEYSET_FILE": secret("keyset"),
		"KYC_API_TOKENS_FILE":    secret("api_tokens"),
		"KYC_NOTIFY_SECRET_FILE": secret("notify_secret"), "KYC_DOCUMENTS": "file://" + filepath.ToSlash(s.Documents),
		"HOME": o.Work, "TMPDIR": s.Temporary}
	if o.Records > 0 {
		s.Vars["KYC_RECORDS"], s.Vars["KYC_RECORDS_SWEEP"] = "file://"+filepath.ToSlash(s.Records), o.Records.String()
		s.Vars["KYC_RECORDS_KEY_FILE"] = secret("records_key")
	}
	for name, value := range o.Vars {
		s.Vars[name] = value
	}
	programs, err := s.programs(o, temporal, sandbox, webhooks, take)
	if err != nil {
		return s, err
	}
	for _, p := range programs {
		if err := s.Add(ctx, p); err != nil {
			return s, err
		}
	}
	return s, nil
}

// programs are all of them, in the order in which they are started.
func (s *System) programs(o Options, temporal, sandbox string, webhooks []string, take func() string) ([]*Program,
	error) {
	first, err := SelfProgram("temporal", "temporal", "--port="+temporal[strings.LastIndex(temporal, ":")+1:])
	if err != nil {
		return nil, err
	}
	if !o.Memory {
		first.Args = append(first.Args, "--data="+s.data)
	}
	if o.NoEager {
		first.Args = append(first.Args, "--no-eager")
	}
	if o.Postgres != "" { // of its own: keys and cases of another run would be in its way
		first.Env["FLEET_DATABASE"] = strings.TrimRight(o.Postgres, "/") + fmt.Sprintf("_%d", time.Now().Unix())
	}
	first.Ready = s.temporalIsReady
	provider := &Program{Name: "sandbox", Path: s.program("sandbox"), Env: map[string]string{"KYC_LISTEN": sandbox},
		Ready: HTTPReady(sandbox, "/healthz")}
	if o.Delay > 0 {
		provider.Args = []string{"--delay=" + o.Delay.String()}
	}
	all := []*Program{first, provider}
	for i, address := range webhooks {
		all = append(all, s.service("webhook", i, take(), map[string]string{"KYC_LISTEN": address}))
	}
	for i := range o.Workers {
		all = append(all, s.service("worker", i, take(), map[string]string{}))
	}
	return all, nil
}

// prepare makes directories, programs and secrets.
func (s *System) prepare(ctx context.Context) error {
	root, err := Root()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(s.data); err != nil { // of a run before: ConnectFi knows nothing of it any more
		return err
	}
	for _, dir := range []string{s.Bin, s.data, s.Temporary, s.log, s.Keys} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := build(ctx, root, s.Bin, "worker", "webhook", "sandbox"); err != nil {
		return err
	}
	if code := cli.Run(ctx, []string{"keys", "init", s.Keys}, strings.NewReader(""), io.Discard, os.Stderr,
		config.Map(nil)); code != 0 {
		return errors.New("no secrets can be drawn")
	}
	return nil
}

func (s *System) program(name string) string { return filepath.Join(s.Bin, name) }

// service is the i-th process of a service that has an admin listener.
func (s *System) service(service string, i int, admin string, vars map[string]string) *Program {
	name := fmt.Sprintf("%s-%d", service, i+1)
	vars["KYC_ADMIN_LISTEN"] = admin
	s.Admins[name] = admin
	return &Program{Name: name, Path: s.program(service), Env: vars, Ready: HTTPReady(admin, "/readyz")}
}

// Add starts one more program: it gets the variables of all beside its own.
func (s *System) Add(ctx context.Context, p *Program) error {
	log, err := os.Create(filepath.Join(s.log, p.Name))
	if err != nil {
		return err
	}
	own := p.Env
	p.Env, p.Log = map[string]string{}, log
	for _, vars := range []map[string]string{s.Vars, own} {
		for name, value := range vars {
			p.Env[name] = value
		}
	}
	s.Fleet = append(s.Fleet, p)
	return p.Start(ctx)
}

// Stop ends every process.
func (s *System) Stop() error {
	err := s.Fleet.Stop()
	s.HTTP.CloseIdleConnections()
	return errors.Join(err, os.RemoveAll(s.removed)) // of an empty path it removes nothing
}

// Keep leaves logs and data where they are when the system stops.
func (s *System) Keep() { s.removed = "" }

func (s *System) temporalIsReady(ctx context.Context) error {
	c, err := s.Dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err = c.WorkflowService().GetSystemInfo(ctx, nil)
	return err
}

// Dial is a client with the keyset as it is now.
func (s *System) Dial(ctx context.Context) (client.Client, error) {
	keyset, err := s.Keyset()
	if err != nil {
		return nil, err
	}
	return temporalclient.Dial(ctx, temporalclient.Options{Lookup: config.Map(s.Vars), Converters: keyset.Converters(),
		Logger: slog.New(slog.DiscardHandler)})
}

// Keyset is the one that all programs have.
func (s *System) Keyset() (encryption.Keyset, error) {
	text, err := s.Secret("keyset")
	if err != nil {
		return encryption.Keyset{}, err
	}
	return encryption.ParseKeyset(text)
}

// Secret is one of those that were drawn.
func (s *System) Secret(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(s.Keys, name))
	return strings.TrimSpace(string(text)), err
}

// Control asks the sandbox something that is no call of ConnectFi's.
func (s *System) Control(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, s.Sandbox+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := s.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("the sandbox answers %s %s with %d: %s", method, path, response.StatusCode, said)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(said, answer)
	}
	return err
}

// Customers makes some at the sandbox. Of a business so many representatives
// play the scenario; zero is one.
func (s *System) Customers(ctx context.Context, kind, scenario string, count, representatives int) ([]string, error) {
	var made struct{ CustomerIDs []string }
	err := s.Control(ctx, http.MethodPost, "/sandbox/customers",
		map[string]any{"type": kind, "scenario": scenario, "count": count, "representatives": representatives}, &made)
	return made.CustomerIDs, err
}

// Starter runs a command of the starter with the secrets as they are now.
func (s *System) Starter(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(ctx, args, strings.NewReader(""), &out, &errs, config.Map(s.Vars))
	return code, out.String(), errs.String()
}
