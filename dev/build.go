package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

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
