// Command worker runs the cases: their workflows and activities.
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
	parser := kong.Must(&s, kong.Name("worker"), kong.Vars{"version": telemetry.Version},
		kong.Description(description),
		config.Flags(os.LookupEnv))
	_, err := parser.Parse(httpserver.NormalizeFlags(os.Args[1:]))
	parser.FatalIfErrorf(err)
	parser.FatalIfErrorf(run(s))
}
