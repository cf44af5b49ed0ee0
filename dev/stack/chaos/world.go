package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/internal/cluster"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/env"
	"durablekyc.example/internal/seal"
	"durablekyc.example/kyc"
	"durablekyc.example/starter/cli"
)

// policy has the waits of days made seconds, but for the deadlines, which
// nothing may reach. Settle is longer than ConnectFi is ever paused, as it has
// to be: see longestPause.
const policy = `{"documents":"1h","reminders":[],"case":"2h","read_first":"1s","read_max":"5s","settle":"5s"}`

// world is the system, and everybody who has to do with it.
type world struct {
	settings
	fleet    fleet
	balancer *balancer
	receiver *receiver
	sandbox  string // base URL
	keys     string // directory of the secrets
	image    [2]string
	vars     map[string]string
	dice     *dice
	http     *http.Client
	counter  chan struct{} // who is asking for a case right now

	documents, temporary string            // directories
	admins               map[string]string // addresses of those who tell their metrics, by name
	idle                 map[string]burden // what they hold before there is anything to do

	mu    sync.Mutex
	cases map[string]*subject // by reference
}

// subject is a case as those outside remember it.
type subject struct {
	reference, customer, scenario string
	business                      bool
	outcome                       string    // what a reviewer will say
	accepted                      bool      // whoever started it was answered
	decided                       time.Time // when a reviewer had said it
	sending                       bool      // its applicant is at it
}

// dice are thrown from several goroutines.
type dice struct {
	mu   sync.Mutex
	rand *rand.Rand
}

func (d *dice) float() float64 { d.mu.Lock(); defer d.mu.Unlock(); return d.rand.Float64() }
func (d *dice) pick(n int) int { d.mu.Lock(); defer d.mu.Unlock(); return d.rand.IntN(n) }

func newWorld(ctx context.Context, s settings, work string) (w *world, err error) {
	w = &world{settings: s, keys: filepath.Join(work, "keys"), cases: map[string]*subject{}, dice: &dice{rand: rand.New(rand.NewPCG(s.Seed, s.Seed))},
		http: &http.Client{Timeout: 10 * time.Second}, counter: make(chan struct{}, 16),
		documents: filepath.Join(work, "data", "documents"), temporary: filepath.Join(work, "data", "temporary"), admins: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.stop())
		}
	}()
	root, err := rootModule()
	if err != nil {
		return w, err
	}
	bin, data := filepath.Join(work, "bin"), filepath.Join(work, "data")
	if err := os.RemoveAll(data); err != nil { // of a run before: ConnectFi knows nothing of it any more
		return w, err
	}
	for _, dir := range []string{bin, data, w.temporary, filepath.Join(work, "log"), w.keys} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return w, err
		}
	}
	if err := build(ctx, root, bin, "worker", "webhook", "sandbox"); err != nil {
		return w, err
	}
	if code := cli.Run(ctx, []string{"keys", "init", w.keys}, strings.NewReader(""), io.Discard, os.Stderr, env.Map(nil)); code != 0 {
		return w, errors.New("no secrets can be drawn")
	}
	for i, side := range []string{"front", "back"} {
		picture, err := docstore.Specimen("chaos", side)
		if err != nil {
			return w, err
		}
		w.image[i] = filepath.Join(work, side+".png")
		if err := os.WriteFile(w.image[i], picture, 0o600); err != nil {
			return w, err
		}
	}
	database := s.Postgres
	if database != "" { // of its own: keys and cases of another run would be in its way
		database = strings.TrimRight(database, "/") + fmt.Sprintf("_%d", time.Now().Unix())
	}
	ports, err := embedded.FreePorts(8)
	if err != nil {
		return w, err
	}
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	if w.balancer, err = newBalancer(at(2), at(3)); err != nil {
		return w, err
	}
	secrets, err := w.secret("notify_secret")
	if err != nil {
		return w, err
	}
	if w.receiver, err = newReceiver(secrets, w.dice); err != nil {
		return w, err
	}
	w.sandbox = "http://" + at(1)
	public := "http://" + w.balancer.Addr().String()
	file := func(name string) string { return filepath.Join(w.keys, name) }
	w.vars = map[string]string{"TEMPORAL_ADDRESS": at(0), "TEMPORAL_NAMESPACE": embedded.Namespace, "TEMPORAL_CONFIG_FILE": os.DevNull,
		"CONNECTFI_BASE_URL": w.sandbox, "CONNECTFI_LOGIN_FILE": file("connectfi_login"), "CONNECTFI_PASSWORD_FILE": file("connectfi_password"),
		"KYC_PUBLIC_URL": public, "KYC_LINK_KEYS_FILE": file("link_keys"), "KYC_KEYSET_FILE": file("keyset"), "KYC_API_TOKENS_FILE": file("api_tokens"),
		"KYC_NOTIFY_SECRET_FILE": file("notify_secret"), "KYC_NOTIFY_URL": w.receiver.URL, "KYC_NOTIFY_ALLOW_PRIVATE": "true",
		"KYC_DOCUMENTS": "file://" + filepath.ToSlash(w.documents), "KYC_POLICY": policy, "KYC_READS_PER_SECOND": "500", "HOME": work, "TMPDIR": w.temporary}
	self, err := os.Executable()
	if err != nil {
		return w, err
	}
	add := func(name, path string, args []string, extra map[string]string, ready func(context.Context) error) error {
		log, err := os.Create(filepath.Join(work, "log", name))
		if err != nil {
			return err
		}
		all := map[string]string{}
		for _, vars := range []map[string]string{w.vars, extra} {
			for name, value := range vars {
				all[name] = value
			}
		}
		p := &program{name: name, path: path, args: args, env: all, ready: ready, log: log}
		w.fleet = append(w.fleet, p)
		return p.start(ctx)
	}
	one := func(service, name string, vars map[string]string, address, path string) error {
		if admin := vars["KYC_ADMIN_LISTEN"]; admin != "" {
			w.admins[name] = admin
		}
		return add(name, filepath.Join(bin, service), nil, vars, isReady(address, path))
	}
	return w, firstOf(
		func() error {
			return add("temporal", self, []string{"temporal", fmt.Sprintf("--port=%d", ports[0]), "--data=" + data},
				map[string]string{"CHAOS_TEMPORAL": "1", "CHAOS_DATABASE": database}, w.temporalIsReady)
		},
		func() error {
			return one("sandbox", "sandbox", map[string]string{"KYC_LISTEN": at(1)}, at(1), "/healthz")
		},
		func() error {
			return one("webhook", "webhook-1", map[string]string{"KYC_LISTEN": at(2), "KYC_ADMIN_LISTEN": at(4)}, at(4), "/readyz")
		},
		func() error {
			return one("webhook", "webhook-2", map[string]string{"KYC_LISTEN": at(3), "KYC_ADMIN_LISTEN": at(5)}, at(5), "/readyz")
		},
		func() error {
			return one("worker", "worker-1", map[string]string{"KYC_ADMIN_LISTEN": at(6)}, at(6), "/readyz")
		},
		func() error {
			return one("worker", "worker-2", map[string]string{"KYC_ADMIN_LISTEN": at(7)}, at(7), "/readyz")
		},
		func() error { return w.customers(ctx) },
		func() (err error) { w.idle, err = w.burdens(ctx); return err },
	)
}

// stop ends every process, and then what they spoke to here.
func (w *world) stop() error {
	err := w.fleet.stop()
	if w.receiver != nil {
		err = errors.Join(err, w.receiver.server.Close())
	}
	if w.balancer != nil {
		err = errors.Join(err, w.balancer.stop())
	}
	w.http.CloseIdleConnections()
	return err
}

func firstOf(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) temporalIsReady(ctx context.Context) error {
	c, err := w.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err = c.WorkflowService().GetSystemInfo(ctx, nil)
	return err
}

// dial is a client with the keyset as it is now.
func (w *world) dial(ctx context.Context) (client.Client, error) {
	keyset, err := w.keyset()
	if err != nil {
		return nil, err
	}
	return cluster.Dial(ctx, cluster.Options{Lookup: env.Map(w.vars), Sealed: keyset.Converters(), Logger: slog.New(slog.DiscardHandler)})
}

func (w *world) keyset() (seal.Keyset, error) {
	text, err := w.secret("keyset")
	if err != nil {
		return seal.Keyset{}, err
	}
	return seal.ParseKeyset(text)
}

func (w *world) secret(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(w.keys, name))
	return strings.TrimSpace(string(text)), err
}

// control asks the sandbox something that is no call of ConnectFi's.
func (w *world) control(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, w.sandbox+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := w.http.Do(request)
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

// starter runs a command of the starter with the secrets as they are now.
func (w *world) starter(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(ctx, args, strings.NewReader(""), &out, &errs, env.Map(w.vars))
	return code, out.String(), errs.String()
}

// show is a case as it stands; nil if it cannot be told now.
func (w *world) show(ctx context.Context, reference string) *kyc.View {
	code, out, _ := w.starter(ctx, "show", reference, "--json")
	var v kyc.View
	if code != 0 || json.Unmarshal([]byte(out), &v) != nil {
		return nil
	}
	return &v
}

func (w *world) all() []*subject {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]*subject, 0, len(w.cases))
	for _, s := range w.cases {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *subject) int { return strings.Compare(a.reference, b.reference) })
	return all
}

// rootModule is the directory of the services' own module.
func rootModule() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		text, _ := os.ReadFile(filepath.Join(dir, "go.mod"))
		if bytes.HasPrefix(text, []byte("module durablekyc.example\n")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("this is not within the module durablekyc.example")
		}
	}
	return "", err
}
