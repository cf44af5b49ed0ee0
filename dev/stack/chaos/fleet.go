package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/internal/serve"
)

// temporalSettings start Temporal as a process of its own, which can be killed.
type temporalSettings struct {
	Port     int    `help:"Of the frontend."`
	Data     string `help:"Directory of the database file."`
	Database string `env:"CHAOS_DATABASE" help:"URL of a PostgreSQL; empty is the file."` // not for the list of processes: it has a password
}

func (t temporalSettings) serve(ctx context.Context) error {
	server, err := embedded.Start(ctx, embedded.Options{Port: t.Port, Data: t.Data, Postgres: t.Database})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return server.Stop()
}

// program is one process, which may be started again and again.
type program struct {
	name    string
	path    string
	args    []string
	env     map[string]string
	ready   func(context.Context) error
	log     *os.File
	mu      sync.Mutex
	command *exec.Cmd
	ended   chan struct{}
}

// start starts it and returns once it is ready.
func (p *program) start(ctx context.Context) error {
	p.mu.Lock()
	if p.command != nil {
		p.mu.Unlock()
		return nil
	}
	command, ended := exec.Command(p.path, p.args...), make(chan struct{})
	for _, name := range slices.Sorted(maps.Keys(p.env)) {
		command.Env = append(command.Env, name+"="+p.env[name])
	}
	command.Stdout, command.Stderr = p.log, p.log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for us alone
	if err := command.Start(); err != nil {
		p.mu.Unlock()
		return err
	}
	p.command, p.ended = command, ended
	p.mu.Unlock()
	go func() { _ = command.Wait(); close(ended) }()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if p.ready(ctx) == nil {
			return nil
		}
		select {
		case <-ended:
			p.forget(command)
			return fmt.Errorf("%s ended by itself: see %s", p.name, p.log.Name())
		case <-ctx.Done():
			return fmt.Errorf("%s does not become ready: see %s", p.name, p.log.Name())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// forget that it runs, unless it was started again meanwhile.
func (p *program) forget(command *exec.Cmd) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.command == command {
		p.command = nil
	}
}

// signal reports false if it is not running.
func (p *program) signal(s os.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.command != nil && p.command.Process.Signal(s) == nil
}

// end sends the signal and waits until the process is gone.
func (p *program) end(s os.Signal) error {
	p.mu.Lock()
	command, ended := p.command, p.ended
	p.mu.Unlock()
	if command == nil || command.Process.Signal(s) != nil {
		return nil
	}
	defer p.forget(command)
	select {
	case <-ended:
	case <-time.After(time.Minute):
		_ = command.Process.Kill()
		<-ended
		return fmt.Errorf("%s did not stop within a minute: see %s", p.name, p.log.Name())
	}
	if code := command.ProcessState.ExitCode(); s == os.Interrupt && code > 0 {
		return fmt.Errorf("%s stopped with exit code %d: see %s", p.name, code, p.log.Name())
	}
	return nil
}

// fleet is every process, in the order in which they are started.
type fleet []*program

func (f fleet) stop() error {
	var errs []error
	for _, p := range slices.Backward(f) {
		p.signal(syscall.SIGCONT)
		errs = append(errs, p.end(os.Interrupt), p.log.Close())
	}
	return errors.Join(errs...)
}

func (f fleet) named(name string) *program {
	return f[slices.IndexFunc(f, func(p *program) bool { return p.name == name })]
}

// isReady asks a service as its container's health check would.
func isReady(address, path string) func(context.Context) error {
	return func(ctx context.Context) error { return serve.Check(ctx, serve.LocalURL(address, path)) }
}

// build compiles our services as they are released.
func build(ctx context.Context, root, bin string, services ...string) error {
	args := []string{"build", "-o", bin + string(filepath.Separator)}
	for _, s := range services {
		args = append(args, "./"+s)
	}
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir, command.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("the services do not build: %w: %s", err, out)
	}
	return nil
}
