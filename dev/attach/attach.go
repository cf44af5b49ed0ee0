package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"durablekyc.example/cases"
	"durablekyc.example/dev/services"
	"durablekyc.example/internal/config"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/starter/cli"
)

type flags struct {
	Temporal    string `required:"" placeholder:"HOST:PORT" help:"The Temporal that runs already, such as 127.0.0.1:7233."`
	Once        bool   `help:"End after the demo, with its exit code."`
	NoWalk      bool   `help:"Leave the demo out."`
	Data        string `help:"Keep secrets, documents and records in this directory, and not in .dev." type:"path"`
	UI          string `name:"ui" env:"KYC_TEMPORAL_UI" placeholder:"URL" help:"Base URL of its UI (here: port + 1000)."`
	WebhookPort int    `default:"8080" help:"0 is any free one, as for every port."`
	AdminPort   int    `default:"8081"`
	SandboxPort int    `default:"8090"`
}

// process is what a run gets of the process.
type process struct {
	lookup         func(string) (string, bool)
	environ        func() []string
	stdout, stderr io.Writer
}

// run prepares the namespace, starts the services, walks the demo and stays until ctx ends.
func run(ctx context.Context, f flags, p process) (code int, err error) {
	to := temporalclient.Options{Address: f.Temporal, Lookup: p.lookup, Environ: p.environ, Logger: noLog}
	if to.Address, to.Namespace, err = to.Target(); err != nil {
		return 1, err
	}
	dir, err := f.keeps(to)
	if err != nil {
		return 1, err
	}
	listeners, err := services.Listen(services.Ports{Webhook: f.WebhookPort, Admin: f.AdminPort, Sandbox: f.SandboxPort})
	if err != nil {
		return 1, err
	}
	if err := prepare(ctx, to, dir, p); err != nil {
		listeners.Close()
		return 1, err
	}
	s, err := start(ctx, f, to, dir, listeners, p)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	forget, err := s.Vars.Write(cli.DevFile)
	if err != nil {
		return 1, err
	}
	defer forget()
	if !f.NoWalk {
		code = cli.Run(ctx, []string{"demo"}, os.Stdin, p.stdout, p.stderr, config.Chain(p.lookup,
			config.Map(s.Vars.Map())))
	}
	if f.Once {
		return code, nil
	}
	fmt.Fprintln(p.stdout, "\nUp until Ctrl-C. In another terminal: go run ./starter list")
	select {
	case <-ctx.Done():
		return 0, nil
	case err := <-s.Failed:
		return 1, err
	}
}

// start starts the services and prints where they are.
func start(ctx context.Context, f flags, to temporalclient.Options, dir string, l services.Listeners, p process,
) (*services.Services, error) {
	secrets, err := services.NewSecrets(dir)
	if err != nil {
		l.Close()
		return nil, err
	}
	notify, _ := p.lookup("KYC_NOTIFY_URL")
	codec := rand.Text() + rand.Text()
	s, err := services.Start(ctx, services.Options{Temporal: to, Listeners: l, Dir: dir, Secrets: secrets, Notify: notify,
		Lookup: p.lookup, UI: f.ui(to), CodecToken: codec, RecordEvery: services.RecordEvery})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(p.stdout, "Temporal     %s, namespace %s\nWebhook      %s (admin %s)\nSandbox      %s\nVariables    %s\n"+
		"Kept in      %s\n", to.Address, to.Namespace, s.Webhook, s.Admin, s.Sandbox, cli.DevFile, dir)
	if ui := f.ui(to); ui != "" {
		fmt.Fprintf(p.stdout, "Codec        %s (decrypts for a Temporal UI at %s)\n",
			services.CodecURL(s.Admin, codec), ui)
	}
	fmt.Fprintln(p.stdout)
	return s, nil
}

// prepare finds Temporal, refuses a namespace where others work, and gives it what cases need.
func prepare(ctx context.Context, to temporalclient.Options, dir string, p process) error {
	c, err := temporalclient.Dial(ctx, to)
	if away, ok := errors.AsType[*temporalclient.UnreachableError](err); ok {
		return fmt.Errorf("no Temporal answers at %s (%s): start one with `temporal server start-dev`, or leave --temporal "+
			"out for one that is compiled in", away.Address, away.Reason())
	}
	if err != nil {
		return err
	}
	defer c.Close()
	if err := checkAlone(ctx, c, to.Namespace, dir); err != nil {
		return err
	}
	// With the least retention that Temporal takes, a namespace that is there keeps its own.
	var out bytes.Buffer
	vars := config.Map(map[string]string{"TEMPORAL_ADDRESS": to.Address, "TEMPORAL_NAMESPACE": to.Namespace})
	code := cli.Run(ctx, []string{"setup", "--retention", "24h"}, strings.NewReader(""), &out, &out,
		config.Chain(vars, p.lookup))
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "already there") {
			fmt.Fprint(p.stdout, line)
		}
	}
	if code != 0 {
		return fmt.Errorf("the namespace %s of the Temporal at %s could not be prepared: the lines above say who can",
			to.Namespace, to.Address)
	}
	return cases.Client{Temporal: c}.CheckAccess(ctx)
}

// keeps is where this run keeps what must outlive it: cases that Temporal keeps need the secrets that open them.
func (f flags) keeps(to temporalclient.Options) (dir string, err error) {
	if dir = f.Data; dir == "" {
		name := strings.NewReplacer(":", "-", "/", "-").Replace(to.Address)
		if dir, err = filepath.Abs(filepath.Join(filepath.Dir(cli.DevFile), "temporal", name, to.Namespace)); err != nil {
			return "", err
		}
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// ui is the base URL of the Temporal UI; empty if it is not known. `temporal server start-dev` serves it 1000 ports
// above Temporal.
func (f flags) ui(to temporalclient.Options) string {
	host, port, err := net.SplitHostPort(to.Address)
	number, wrong := strconv.Atoi(port)
	if f.UI != "" || err != nil || wrong != nil || host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return f.UI
	}
	return "http://localhost:" + strconv.Itoa(number+1000)
}
