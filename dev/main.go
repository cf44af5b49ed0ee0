// Command dev builds the development stack and runs it with the same arguments.
// The stack lives in a module of its own because it brings a whole Temporal
// server. With --temporal a Temporal runs already, and the services alone are built.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dev: "+err.Error())
	}
	os.Exit(code)
}

func run() (int, error) {
	if _, err := os.Stat(filepath.Join("dev", "stack", "go.mod")); err != nil {
		return 1, errors.New("run it from the root of the project: go run ./dev")
	}
	program := full
	if slices.ContainsFunc(os.Args[1:], func(arg string) bool {
		return arg == "--temporal" || strings.HasPrefix(arg, "--temporal=")
	}) {
		program = attached
	}
	binary, err := filepath.Abs(filepath.Join(".dev", program.name))
	if err != nil {
		return 1, err
	}
	if err := program.build(binary); err != nil {
		return 1, fmt.Errorf("the development stack does not build: %w", err)
	}
	signal.Ignore(os.Interrupt) // the terminal gives it to the stack, which stops cleanly
	stack := exec.Command(binary, os.Args[1:]...)
	stack.Stdin, stack.Stdout, stack.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := stack.Start(); err != nil {
		return 1, err
	}
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup: the stack is to outlive its terminal
		signal.Notify(terminate, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE) // whoever read the output may go; the stack does not end with it
	go func() {
		for s := range terminate {
			stack.Process.Signal(s)
		}
	}()
	err = stack.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

// program is what the launcher builds and runs.
type program struct {
	name  string
	dir   string // of its module
	path  string // of its package, in there
	first string // what is compiled the first time
}

var (
	full = program{name: "stack", dir: filepath.Join("dev", "stack"), path: ".",
		first: "Temporal and its UI into the development stack; the first time takes some minutes"}
	attached = program{name: "attach", dir: ".", path: "./dev/attach",
		first: "the services; the first time takes about three minutes"}
)

// build compiles the program. Where that takes long, it prints how far it is. Nobody debugs the result: without
// symbols the linker is done sooner.
func (p program) build(binary string) error {
	command := exec.Command("go", "build", "-v", "-ldflags=-s -w", "-o", binary, p.path)
	command.Dir = p.dir
	lines, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	begin, told, packages, last := time.Now(), time.Now(), 0, ""
	for scan := bufio.NewScanner(lines); scan.Scan(); {
		packages, last = packages+1, scan.Text()
		if since := time.Since(told); packages == 30 || packages > 30 && since > 10*time.Second {
			if packages == 30 {
				fmt.Fprintln(os.Stderr, "dev: compiling "+p.first)
			}
			fmt.Fprintf(os.Stderr, "dev: %4d packages compiled after %s\n", packages, time.Since(begin).Round(time.Second))
			told = time.Now()
		}
	}
	if err := command.Wait(); err != nil {
		return errors.New(last)
	}
	return nil
}
