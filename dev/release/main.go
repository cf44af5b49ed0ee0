// Command release makes what a release consists of: the programs for every
// platform, the chart, and what is in them and under which licenses. The same
// commit makes the same bytes, in any directory, on any machine and at any
// time. It is a module of its own, as it is no part of what it releases.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}
