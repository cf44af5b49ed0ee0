package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// lab tries the mutants of one package in a copy of the tree.
type lab struct {
	tree, pkg      string
	workers, slack int
	grace          time.Duration // beside slack, for what starting a program takes
	mutants        []*mutant

	originals map[string][]byte
	flags     []string      // of the test binary
	usual     time.Duration // what the tests take without a mutant
	work      time.Duration // of it, the processor's time
}

// copyTree copies what git knows or would take, so that nothing a test leaves behind lands in the sources.
func copyTree(ctx context.Context) (string, error) {
	listed, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return "", fmt.Errorf("git ls-files: %w", err)
	}
	tree, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return "", err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted and not committed
		}
		if err == nil {
			err = os.MkdirAll(filepath.Join(tree, filepath.Dir(name)), 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(tree, name), text, 0o600)
		}
		if err != nil {
			return "", errors.Join(err, os.RemoveAll(tree))
		}
	}
	return tree, nil
}

func (l *lab) run(ctx context.Context) error {
	if err := l.read(); err != nil {
		return err
	}
	binary, err := l.buildAll(ctx)
	if err != nil {
		return err
	}
	if err := l.baseline(ctx, binary); err != nil {
		return err
	}
	l.each(ctx, func(m *mutant, number int) {
		if !m.site.unchanged {
			m.status = l.try(ctx, binary, number, 1)
		}
	})
	for number, m := range l.mutants {
		if m.site.unchanged {
			m.status = l.tryAlone(ctx, m, number+1)
		}
	}
	for number, m := range l.mutants { // one after the other, and patiently
		if m.status == tooSlow {
			if m.status = l.try(ctx, binary, number+1, 4); m.status == tooSlow {
				m.status = timedOut
			}
		}
	}
	return ctx.Err()
}

func (l *lab) read() error {
	l.originals = map[string][]byte{}
	for _, m := range l.mutants {
		if _, done := l.originals[m.site.file]; done {
			continue
		}
		text, err := os.ReadFile(filepath.Join(l.tree, m.site.file))
		if err != nil {
			return err
		}
		l.originals[m.site.file] = text
	}
	return nil
}

// sites are those of a file; those of comparisons and counters over several lines are built one by one.
func (l *lab) sites(file string) (all []*site) {
	for _, m := range l.mutants {
		if s := m.site; s.file == file && !slices.Contains(all, s) {
			all = append(all, s)
			s.unchanged = s.unchanged || s.lines[0] != s.lines[1] && arithmetic[s.operator] == ""
		}
	}
	return all
}

var compileError = regexp.MustCompile(`(?m)^(?:\./)?(\S+\.go):(\d+):(?:\d+:)? `)

// buildAll builds the tests with all mutants in them. What does not compile, such as a call in place of a constant or
// the difference of two texts, is left for a build of its own.
func (l *lab) buildAll(ctx context.Context) (string, error) {
	name, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Name}}", "./"+l.pkg).Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	added := filepath.Join(l.tree, l.pkg, "mutant_switch.go")
	if err := os.WriteFile(added, []byte("package "+string(name)+helpers), 0o600); err != nil {
		return "", err
	}
	defer os.Remove(added)
	binary := filepath.Join(l.tree, l.pkg, "all.test")
	for range 10 {
		for file, text := range l.originals {
			if err := os.WriteFile(filepath.Join(l.tree, file), switched(text, l.sites(file), l.mutants), 0o600); err != nil {
				return "", err
			}
		}
		out, err := l.build(ctx, binary)
		if err == nil {
			return binary, l.restore()
		}
		if !l.leave(out) {
			return "", fmt.Errorf("the tests cannot be built with mutants: %s", out)
		}
	}
	return "", errors.New("the tests cannot be built with mutants")
}

// leave takes the sites out of the common build that do not compile in it, and reports whether there are any.
func (l *lab) leave(out []byte) (any bool) {
	for _, found := range compileError.FindAllSubmatch(out, -1) {
		line, _ := strconv.Atoi(string(found[2]))
		for _, m := range l.mutants {
			s := m.site
			if filepath.Base(s.file) == filepath.Base(string(found[1])) && s.lines[0] <= line && line <= s.lines[1] &&
				!s.unchanged {
				s.unchanged, any = true, true
			}
		}
	}
	return any
}

func (l *lab) restore() error {
	for file, text := range l.originals {
		if err := os.WriteFile(filepath.Join(l.tree, file), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) build(ctx context.Context, binary string) ([]byte, error) {
	command := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-gcflags=-e", "-ldflags=-s -w", "-o", binary,
		"./"+l.pkg)
	command.Dir = l.tree
	return command.CombinedOutput()
}

// baseline runs the tests without a mutant. Drawn tests draw the same each time, so that a mutant's fate does not
// change.
func (l *lab) baseline(ctx context.Context, binary string) error {
	l.usual = 5 * time.Minute
	for _, flags := range [][]string{{"-rapid.seed=1", "-rapid.nofailfile"}, nil} {
		l.flags = flags
		begun := time.Now()
		out, work, err := l.test(ctx, binary, 0, 1)
		if bytes.Contains(out, []byte("flag provided but not defined")) {
			continue
		}
		if err != nil {
			return fmt.Errorf("the tests fail without a mutant: %w: %s", err, out)
		}
		l.usual, l.work = time.Since(begun), work
		fmt.Fprintf(os.Stderr, "%s: the tests take %s without a mutant\n", l.pkg, l.usual.Round(time.Millisecond))
		return nil
	}
	return errors.New("the tests take no flags")
}

func (l *lab) each(ctx context.Context, try func(m *mutant, number int)) {
	numbers := make(chan int)
	var all sync.WaitGroup
	for range l.workers {
		all.Go(func() {
			for number := range numbers {
				try(l.mutants[number-1], number)
				if number%20 == 0 {
					fmt.Fprintf(os.Stderr, "%s: %d of %d\n", l.pkg, number, len(l.mutants))
				}
			}
		})
	}
	for i := range l.mutants {
		if ctx.Err() == nil {
			numbers <- i + 1
		}
	}
	close(numbers)
	all.Wait()
}

func (l *lab) try(ctx context.Context, binary string, number, timeout int) status {
	_, work, err := l.test(ctx, binary, number, timeout)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && work > 4*l.work+time.Second:
		return timedOut
	case errors.Is(err, context.DeadlineExceeded):
		return tooSlow
	case err != nil:
		return killed
	}
	fmt.Fprintf(os.Stderr, "lives: %s\n", l.mutants[number-1].id.place())
	return lived
}

// tryAlone builds the tests with one mutant.
func (l *lab) tryAlone(ctx context.Context, m *mutant, number int) status {
	text := l.originals[m.site.file]
	changed := slices.Concat(text[:m.site.at], []byte(m.operator.String()), text[m.site.at+len(m.site.operator.String()):])
	path := filepath.Join(l.tree, m.site.file)
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		return unattempted
	}
	defer os.WriteFile(path, text, 0o600)
	binary := filepath.Join(l.tree, l.pkg, "one.test")
	if _, err := l.build(ctx, binary); err != nil {
		return uncompiled
	}
	if s := l.try(ctx, binary, number, 4); s != tooSlow {
		return s
	}
	return timedOut
}

// test runs a test binary in its package's folder, with one mutant switched on. work is the processor's time it took.
func (l *lab) test(ctx context.Context, binary string, number, timeout int) (out []byte, work time.Duration,
	err error) {
	limit := l.usual*time.Duration(l.slack*timeout) + l.grace
	ctx, cancel := context.WithTimeoutCause(ctx, limit, context.DeadlineExceeded)
	defer cancel()
	command := exec.CommandContext(ctx, binary, append([]string{"-test.failfast", "-test.paniconexit0", "-test.timeout=0"},
		l.flags...)...)
	command.Dir = filepath.Join(l.tree, l.pkg)
	command.Env = append(os.Environ(), fmt.Sprintf("MUTANT=%d", number))
	command.WaitDelay = time.Second
	out, err = command.CombinedOutput()
	if state := command.ProcessState; state != nil {
		work = state.UserTime() + state.SystemTime()
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return out, work, err
}
