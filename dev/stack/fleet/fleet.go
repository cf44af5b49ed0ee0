// Package fleet runs the system as production does: every program a process of
// its own, as it is released.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"durablekyc.example/internal/httpserver"
)

// Program is one process, which may be started again and again.
type Program struct {
	Name  string
	Path  string
	Args  []string
	Env   map[string]string
	Ready func(context.Context) error // nil when it can be used
	Log   *os.File

	mu      sync.Mutex
	command *exec.Cmd
	ended   chan struct{}
	ready   bool // since its last start
}

// Start starts it, unless it runs, and returns once it is ready.
func (p *Program) Start(ctx context.Context) error {
	p.mu.Lock()
	if p.command != nil && !p.gone() {
		p.mu.Unlock()
		return nil
	}
	command, ended := exec.Command(p.Path, p.Args...), make(chan struct{})
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		command.Env = append(command.Env, name+"="+p.Env[name])
	}
	command.Stdout, command.Stderr = p.Log, p.Log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for us alone
	if err := command.Start(); err != nil {
		p.mu.Unlock()
		return err
	}
	p.command, p.ended, p.ready = command, ended, false
	p.mu.Unlock()
	go func() { _ = command.Wait(); close(ended) }()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if p.Ready(ctx) == nil {
			p.mu.Lock()
			p.ready = true
			p.mu.Unlock()
			return nil
		}
		select {
		case <-ended:
			p.forget(command)
			return fmt.Errorf("%s ended by itself: see %s", p.Name, p.Log.Name())
		case <-ctx.Done():
			return fmt.Errorf("%s does not become ready: see %s", p.Name, p.Log.Name())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// forget that it runs, unless it was started again meanwhile.
func (p *Program) forget(command *exec.Cmd) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.command == command {
		p.command = nil
	}
}

// SelfProgram is another process of the running program, be that a test.
func SelfProgram(name string, args ...string) (*Program, error) {
	self, err := os.Executable()
	return &Program{Name: name, Path: self, Args: args, Env: map[string]string{another: "1"}}, err
}

// another is set for a process that Itself describes.
const another = "FLEET_ANOTHER"

// IsChild reports whether this is such a process: a test is to run main then.
func IsChild() bool { return os.Getenv(another) != "" }

// Usage is what a process has used up, and holds.
type Usage struct {
	CPU    float64 // seconds, of user and system
	Memory int     // bytes resident
}

// Usage reads it off the process, on Linux.
func (p *Program) Usage() (Usage, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.command == nil {
		return Usage{}, fmt.Errorf("%s does not run", p.Name)
	}
	process, err := procfs.NewProc(p.command.Process.Pid)
	if err != nil {
		return Usage{}, err
	}
	stat, err := process.Stat()
	return Usage{CPU: stat.CPUTime(), Memory: stat.ResidentMemory()}, err
}

// PinCPUs has it use these processors alone, such as 0-1, from now on.
func (p *Program) Confine(processors string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.command == nil {
		return fmt.Errorf("%s does not run", p.Name)
	}
	return PinCPUs(p.command.Process.Pid, processors)
}

// PinCPUs has a process use these processors alone. Go's runtime, which counts
// them, notices by itself.
func PinCPUs(pid int, processors string) error {
	said, err := exec.Command("taskset", "--all-tasks", "--cpu-list", "--pid", processors,
		strconv.Itoa(pid)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taskset (of util-linux): %w: %s", err, said)
	}
	return nil
}

// Running reports whether it was started and has not ended.
func (p *Program) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.command != nil && !p.gone()
}

// Died reports whether it has ended by itself after it was ready. One that ends before is for who starts it.
func (p *Program) Died() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.command != nil && p.ready && p.gone()
}

func (p *Program) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Signal reports false if it is not running.
func (p *Program) Signal(s os.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.command != nil && p.command.Process.Signal(s) == nil
}

// End sends the signal and waits until the process is gone.
func (p *Program) End(s os.Signal) error {
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
		return fmt.Errorf("%s did not stop within a minute: see %s", p.Name, p.Log.Name())
	}
	if code := command.ProcessState.ExitCode(); s == os.Interrupt && code > 0 {
		return fmt.Errorf("%s stopped with exit code %d: see %s", p.Name, code, p.Log.Name())
	}
	return nil
}

// Fleet is every process, in the order in which they are started.
type Fleet []*Program

// Stop ends them, the last one first.
func (f Fleet) Stop() error {
	var errs []error
	for _, p := range slices.Backward(f) {
		p.Signal(syscall.SIGCONT)
		errs = append(errs, p.End(os.Interrupt), p.Log.Close())
	}
	return errors.Join(errs...)
}

// Named is the process of this name.
func (f Fleet) Named(name string) *Program {
	return f[slices.IndexFunc(f, func(p *Program) bool { return p.Name == name })]
}

// HTTPReady is for Ready: it asks a service as its container's health check would.
func HTTPReady(address, path string) func(context.Context) error {
	return func(ctx context.Context) error { return httpserver.Check(ctx, httpserver.LocalURL(address, path)) }
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
