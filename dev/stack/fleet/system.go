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
	"durablekyc.example/internal/cluster"
	"durablekyc.example/internal/env"
	"durablekyc.example/internal/seal"
	"durablekyc.example/starter/cli"
)

// Options of a System.
type Options struct {
	Work     string            // directory of everything: data of a run before are removed
	Postgres string            // URL of Temporal's databases, which are made anew; empty is SQLite
	Memory   bool              // SQLite keeps all of it in memory instead of a file
	Workers  int               // how many
	Webhooks int               // how many
	Vars     map[string]string // of all programs
	Delay    time.Duration     // of a step that ConnectFi takes by itself; zero is the sandbox's own
	// Front makes the address in front of the webhooks, given theirs; nil is the first of them.
	Front func(webhooks ...string) (address string, err error)
}

// System is the services, the sandbox and Temporal, each a process or several.
type System struct {
	Fleet
	Vars      map[string]string // what the programs were given: of use to the starter, too
	Sandbox   string            // base URL
	Public    string            // base URL of what is in front of the webhooks
	Documents string            // directory of the bucket
	Temporary string            // directory for what is not finished
	Keys      string            // directory of the secrets
	Bin       string            // directory of the programs
	Root      string            // directory of the services' module
	Admins    map[string]string // addresses of those who tell their metrics, by name
	HTTP      *http.Client
	data, log string
}

var errNoRoot = errors.New("this is not within the module durablekyc.example")

// Up builds the services and starts everything: it returns once all are ready.
// Stop what it returns even with an error.
func Up(ctx context.Context, o Options) (*System, error) {
	in := func(name string) string { return filepath.Join(o.Work, name) }
	s := &System{Keys: in("keys"), Bin: in("bin"), data: in("data"), log: in("log"), Documents: filepath.Join(in("data"), "documents"),
		Temporary: filepath.Join(in("data"), "temporary"), Admins: map[string]string{}, HTTP: &http.Client{Timeout: 10 * time.Second}}
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
	temporalAt := ports[0]
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
	s.Vars = map[string]string{"TEMPORAL_ADDRESS": temporal, "TEMPORAL_NAMESPACE": embedded.Namespace, "TEMPORAL_CONFIG_FILE": os.DevNull,
		"CONNECTFI_BASE_URL": s.Sandbox, "CONNECTFI_LOGIN_FILE": secret("connectfi_login"), "CONNECTFI_PASSWORD_FILE": secret("connectfi_password"),
		"KYC_PUBLIC_URL": s.Public, "KYC_LINK_KEYS_FILE": secret("link_keys"), "KYC_KEYSET_FILE": secret("keyset"), "KYC_API_TOKENS_FILE": secret("api_tokens"),
		"KYC_NOTIFY_SECRET_FILE": secret("notify_secret"), "KYC_DOCUMENTS": "file://" + filepath.ToSlash(s.Documents), "HOME": o.Work, "TMPDIR": s.Temporary}
	for name, value := range o.Vars {
		s.Vars[name] = value
	}
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	database := o.Postgres
	if database != "" { // of its own: keys and cases of another run would be in its way
		database = strings.TrimRight(database, "/") + fmt.Sprintf("_%d", time.Now().Unix())
	}
	args := []string{"temporal", fmt.Sprintf("--port=%d", temporalAt)}
	if !o.Memory {
		args = append(args, "--data="+s.data)
	}
	if err := s.Add(ctx, &Program{Name: "temporal", Path: self, Args: args,
		Env: map[string]string{asTemporal: "1", "FLEET_DATABASE": database}, Ready: s.temporalIsReady}); err != nil {
		return s, err
	}
	var slow []string
	if o.Delay > 0 {
		slow = []string{"--delay=" + o.Delay.String()}
	}
	if err := s.Add(ctx, &Program{Name: "sandbox", Path: s.program("sandbox"), Args: slow, Env: map[string]string{"KYC_LISTEN": sandbox}, Ready: isReady(sandbox, "/healthz")}); err != nil {
		return s, err
	}
	for i, address := range webhooks {
		if err := s.service(ctx, "webhook", i, take(), map[string]string{"KYC_LISTEN": address}); err != nil {
			return s, err
		}
	}
	for i := range o.Workers {
		if err := s.service(ctx, "worker", i, take(), map[string]string{}); err != nil {
			return s, err
		}
	}
	return s, nil
}

// prepare makes directories, programs and secrets.
func (s *System) prepare(ctx context.Context) (err error) {
	if s.Root, err = Root(); err != nil {
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
	if err := build(ctx, s.Root, s.Bin, "worker", "webhook", "sandbox"); err != nil {
		return err
	}
	if code := cli.Run(ctx, []string{"keys", "init", s.Keys}, strings.NewReader(""), io.Discard, os.Stderr, env.Map(nil)); code != 0 {
		return errors.New("no secrets can be drawn")
	}
	return nil
}

func (s *System) program(name string) string { return filepath.Join(s.Bin, name) }

// service starts the i-th process of a service that has an admin listener.
func (s *System) service(ctx context.Context, service string, i int, admin string, vars map[string]string) error {
	name := fmt.Sprintf("%s-%d", service, i+1)
	vars["KYC_ADMIN_LISTEN"] = admin
	s.Admins[name] = admin
	return s.Add(ctx, &Program{Name: name, Path: s.program(service), Env: vars, Ready: isReady(admin, "/readyz")})
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
	return err
}

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
	return cluster.Dial(ctx, cluster.Options{Lookup: env.Map(s.Vars), Sealed: keyset.Converters(), Logger: slog.New(slog.DiscardHandler)})
}

// Keyset is the one that all programs have.
func (s *System) Keyset() (seal.Keyset, error) {
	text, err := s.Secret("keyset")
	if err != nil {
		return seal.Keyset{}, err
	}
	return seal.ParseKeyset(text)
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

// Starter runs a command of the starter with the secrets as they are now.
func (s *System) Starter(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(ctx, args, strings.NewReader(""), &out, &errs, env.Map(s.Vars))
	return code, out.String(), errs.String()
}
