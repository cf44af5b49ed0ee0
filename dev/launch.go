package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

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
