// Command attach runs the sandbox, the worker and the webhook in one process, on a Temporal that runs already. `go run
// ./dev --temporal ADDRESS` builds and starts it: it links neither a Temporal server nor the drivers of clouds.
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
	kong.Parse(&f, kong.Name("dev"), kong.Description("The services on this machine, on a Temporal that runs already. "+
		"TEMPORAL_NAMESPACE, TEMPORAL_API_KEY and TEMPORAL_TLS… count, as for every program."), config.UsageExit())
	ctx, stop := signal.NotifyContext(context.Background(), httpserver.StopSignals()...)
	httpserver.IgnoreBrokenPipes()
	code, err := run(ctx, f, process{lookup: os.LookupEnv, environ: os.Environ, stdout: os.Stdout, stderr: os.Stderr})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dev: "+err.Error())
		code = 1
	}
	os.Exit(code)
}
