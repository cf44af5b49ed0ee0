package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

func mutate(ctx context.Context) error {
	workers := flag.Int("workers", 2, "mutants tried at once")
	slack := flag.Int("timeout", 5,
		"how many times as long as the tests take a mutant may take; one that takes longer is tried once more, with four "+
			"times that")
	only := flag.String("only", "",
		"only the mutants in these lines, such as kyc/case.go:12,kyc/next.go:40: for work on a test")
	flag.Parse()
	allowed, err := readList("dev/mutate/living.txt")
	if err != nil {
		return err
	}
	tree, err := copyTree(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	var failures []error
	for _, pkg := range flag.Args() {
		begun := time.Now()
		mutants, err := find(tree, pkg, *only)
		if err != nil {
			return err
		}
		l := lab{tree: tree, pkg: pkg, workers: *workers, slack: *slack, grace: 10 * time.Second, mutants: mutants}
		if err := l.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", pkg, err)
		}
		failures = append(failures, check(os.Stdout, pkg, mutants, allowed, *only == ""))
		fmt.Printf("%s: %s\n", pkg, time.Since(begun).Round(time.Second))
	}
	return errors.Join(failures...)
}
