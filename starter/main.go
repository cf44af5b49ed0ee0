// Command starter starts cases and watches them from a terminal.
package main

import (
	"context"
	"os"
	"os/signal"

	"durablekyc.example/internal/httpserver"
	"durablekyc.example/starter/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), httpserver.StopSignals()...)
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)
	stop()
	os.Exit(code)
}
