// Command mutate changes one operator of a package at a time, runs the package's own tests, and holds what they do not
// notice against living.txt, the list of the mutants that may live. docs/testing.md says how it is used and why it is
// ours.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := mutate(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
