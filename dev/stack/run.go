package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"durablekyc.example/dev/services"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/internal/config"
	"durablekyc.example/starter/cli"
)

type flags struct {
	Temporal     string `help:"Use a Temporal that runs already, and compile none." placeholder:"HOST:PORT"`
	Once         bool   `help:"End after the demo, with its exit code."`
	NoWalk       bool   `help:"Leave the demo out."`
	Data         string `help:"Keep everything in this directory across runs." type:"path"`
	Postgres     string `help:"Run Temporal on this PostgreSQL, in databases that are created and brought up to date. What no database holds is then kept in .dev, unless --data says where." placeholder:"postgres://USER:PASSWORD@HOST:PORT/NAME"`
	TemporalPort int    `default:"7233" help:"0 is any free one, as for every port."`
	UIPort       int    `default:"8233" name:"ui-port"`
	WebhookPort  int    `default:"8080"`
	AdminPort    int    `default:"8081"`
	SandboxPort  int    `default:"8090"`
}

// run brings the system up, walks the demo and stays until ctx ends.
func run(ctx context.Context, f flags) (code int, err error) {
	if f.Temporal != "" { // the launcher builds another program then
		return 1, errors.New("this program brings its own Temporal: go run ./dev --temporal " + f.Temporal)
	}
	work, err := os.MkdirTemp("", "durablekyc-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(work)
	data, err := f.keeps()
	if err != nil {
		return 1, err
	}
	if data != "" {
		if err := os.MkdirAll(data, 0o700); err != nil {
			return 1, err
		}
	}
	s, err := startSystem(ctx, options{data: data, postgres: f.Postgres, work: work, withUI: true, lookup: os.LookupEnv,
		notify: os.Getenv("KYC_NOTIFY_URL"), recordEvery: services.RecordEvery,
		ports: ports{f.TemporalPort, f.UIPort, f.WebhookPort, f.AdminPort, f.SandboxPort}})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	looking, stop := context.WithCancel(ctx)
	var looked sync.WaitGroup
	defer func() { stop(); looked.Wait() }()
	looked.Go(func() { sayFull(looking, s.temporal.Full, s.temporal.Place, os.Stderr) })
	forget, err := s.vars.Write(cli.DevFile)
	if err != nil {
		return 1, err
	}
	defer forget()
	if data != "" {
		fmt.Printf("Kept in      %s\n", data)
	}
	fmt.Printf("Temporal     %s\nTemporal UI  %s/namespaces/default/workflows\nWebhook      %s (admin %s)\nSandbox      "+
		"%s\nVariables    %s\n\n",
		s.temporal.Address, s.ui.URL, s.webhook, s.admin, s.sandbox, cli.DevFile)
	if !f.NoWalk {
		code = cli.Run(ctx, []string{"demo"}, os.Stdin, os.Stdout, os.Stderr, config.Chain(os.LookupEnv,
			config.Map(s.vars.Map())))
	}
	if f.Once {
		return code, nil
	}
	fmt.Println("\nUp until Ctrl-C. In another terminal: go run ./starter list")
	looked.Go(func() { sayStuck(looking, s.cases, s.ui.URL, os.Stdout) })
	select {
	case <-ctx.Done():
		return 0, nil
	case err := <-s.services.Failed:
		return 1, err
	}
}

// keeps is where this run keeps what must outlive it, or nowhere. Cases that a
// database keeps need the secrets that open them.
func (f flags) keeps() (dir string, err error) {
	if f.Postgres == "" || f.Data != "" {
		return f.Data, nil
	}
	p, err := embedded.ParsePostgres(f.Postgres)
	if err != nil {
		return "", err
	}
	return filepath.Abs(filepath.Join(filepath.Dir(cli.DevFile), "postgres", strings.ReplaceAll(p.Address, ":", "-"),
		p.Name))
}
