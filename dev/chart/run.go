package main

import (
	"context"
	"fmt"
)

// run prints what the chart makes of the values, if a cluster would take it.
func run(ctx context.Context, directory string, values []string) error {
	release, err := render(directory, values...)
	if err != nil {
		return err
	}
	known, err := loadSchemas(ctx)
	if err != nil {
		return err
	}
	for _, o := range release.objects {
		if err := known.check(o); err != nil {
			return err
		}
	}
	for _, o := range release.objects {
		fmt.Printf("---\n# %s\n%s", o.template, o.text)
	}
	return nil
}
