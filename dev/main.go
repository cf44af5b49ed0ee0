// Command dev builds the dev stack, which lives in a module of its own because
// it brings a whole Temporal server, and runs it with the same arguments.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
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
	binary, err := filepath.Abs(filepath.Join(".dev", "stack"))
	if err != nil {
		return 1, err
	}
	if err := build(binary); err != nil {
		return 1, fmt.Errorf("the dev stack does not build: %w", err)
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

// build compiles the stack. The first time that takes minutes, and says so.
func build(binary string) error {
	command := exec.Command("go", "build", "-v", "-o", binary, ".")
	command.Dir = filepath.Join("dev", "stack")
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
				fmt.Fprintln(os.Stderr, "dev: compiling Temporal and its UI into the dev stack; the first time takes some minutes")
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
