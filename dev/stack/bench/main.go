// Command bench measures what our cases cost beside the leanest workflow that
// could do the same, on one server and in turns, every program a process of its
// own. `make bench` runs it; docs/performance.md has what came of it.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"durablekyc.example/dev/stack/fleet"
)

func main() {
	var s settings
	parsed := kong.Parse(&s, kong.Name("bench"),
		kong.Description("Our cases beside the leanest workflow that could do the same."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var r interface{ print(out io.Writer) }
	var err error
	switch parsed.Command() {
	case "temporal":
		parsed.FatalIfErrorf(s.Temporal.Run(ctx))
		return
	case "floor":
		parsed.FatalIfErrorf(s.Floor.run(ctx))
		return
	case "mixed":
		r, err = mix(ctx, s)
	case "scale":
		r, err = grow(ctx, s)
	default:
		r, err = run(ctx, s)
	}
	parsed.FatalIfErrorf(err)
	parsed.FatalIfErrorf(fleet.WriteJSON(s.JSON, r))
	r.print(os.Stdout)
}
