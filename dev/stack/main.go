// Command stack runs the whole system in one process: an embedded Temporal and
// its UI, the stand-in for ConnectFi, the worker and the webhook. `go run
// ./dev` in the root module builds and starts it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"
	"github.com/gin-gonic/gin"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/httpserver"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	var f flags
	kong.Parse(&f, kong.Name("dev"), kong.Description("The whole system on this machine."),
		config.UsageExit())
	ctx, stop := signal.NotifyContext(context.Background(), httpserver.StopSignals()...)
	httpserver.IgnoreBrokenPipes()
	code, err := run(ctx, f)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dev: "+err.Error())
		code = 1
	}
	os.Exit(code)
}
