// Command sandbox is a ConnectFi to develop against.
package main

import (
	"os"

	"github.com/alecthomas/kong"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/telemetry"
)

func main() {
	var s settings
	parser := kong.Must(&s, kong.Name("sandbox"), kong.Vars{"version": telemetry.Version}, config.UsageExit(),
		kong.Description("Simulates the documented part of ConnectFi's API. GET /sandbox/ lists scenarios and faults."),
		kong.Resolvers(config.Resolver(os.LookupEnv)))
	_, err := parser.Parse(httpserver.NormalizeFlags(os.Args[1:]))
	parser.FatalIfErrorf(err)
	parser.FatalIfErrorf(run(s))
}
