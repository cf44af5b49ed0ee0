// Command webhook is the edge: ConnectFi's callbacks, applicants and the API come in here.
package main

import (
	"os"

	"github.com/alecthomas/kong"
	"github.com/gin-gonic/gin"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/telemetry"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	var s settings
	parser := kong.Must(&s, kong.Name("webhook"), kong.Vars{"version": telemetry.Version},
		kong.Description(description),
		config.Flags(os.LookupEnv))
	_, err := parser.Parse(httpserver.NormalizeFlags(os.Args[1:]))
	parser.FatalIfErrorf(err)
	parser.FatalIfErrorf(run(s))
}
