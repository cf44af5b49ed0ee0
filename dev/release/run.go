package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	version := flags.String("version", "",
		"what is released, such as 1.4.0: CHANGELOG.md and Chart.yaml must say the same")
	source := flags.String("source", "../..", "the root of the repository")
	directory := flags.String("out", "../../dist", "where it goes; what was there is replaced")
	chosen := flags.String("platforms", platforms, "separated by commas")
	licenses := flags.String("licenses", "", "write the table of licenses to this `file`, and end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *licenses != "" {
		modules, err := linked(ctx, *source)
		if err != nil {
			return err
		}
		all, err := libraries(ctx, *source, modules)
		if err != nil {
			return err
		}
		return os.WriteFile(*licenses, []byte(table(all)), 0o644)
	}
	warning, err := checkVersion(*source, *version)
	if err != nil {
		return err
	}
	if warning != "" {
		fmt.Fprintln(out, warning)
	}
	if err := os.RemoveAll(*directory); err != nil {
		return err
	}
	if err := os.MkdirAll(*directory, 0o755); err != nil {
		return err
	}
	absolute, err := filepath.Abs(*directory)
	if err != nil {
		return err
	}
	return release{version: *version, source: *source, out: absolute, told: out}.make(ctx, strings.Split(*chosen, ","))
}
