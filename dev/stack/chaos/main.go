// Command chaos runs the system as production does, every program a process of
// its own, and does to it whatever can happen: processes are killed and paused,
// ConnectFi answers with errors, late, twice or not at all, keys are changed.
// Then it judges whether every case ended as ConnectFi says, with nothing lost
// and nothing doubled. `make chaos` runs it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"durablekyc.example/dev/stack/fleet"
)

func main() {
	var s settings
	parsed := kong.Parse(&s, kong.Name("chaos"), kong.Description("The whole system, and all that can happen to it."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if parsed.Command() == "temporal" {
		parsed.FatalIfErrorf(s.Temporal.Run(ctx))
		return
	}
	result, err := run(ctx, s, os.Stdout)
	if err == nil {
		err = fleet.WriteJSON(s.JSON, result)
	}
	parsed.FatalIfErrorf(err)
	result.print(os.Stdout)
	if len(result.Violations) > 0 {
		os.Exit(1)
	}
}
