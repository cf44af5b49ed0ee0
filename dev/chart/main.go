// Command chart renders the Helm chart as a cluster would get it, and holds
// every object against the schemas of Kubernetes and of the operators that it
// can make use of, with no cluster at hand. It is a module of its own, so that
// Helm's libraries are nobody else's.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: chart <directory of the chart> <values.yaml> [<more values.yaml>]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1], os.Args[2:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
