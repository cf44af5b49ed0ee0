// Command lint reads an OpenAPI description as its readers' tools will, and
// says what is wrong with it. It is a module of its own, so that its libraries
// are nobody else's.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: lint <rules.yaml> <openapi.yaml>")
		os.Exit(2)
	}
	findings, err := lint(context.Background(), os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if len(findings.Results) > 0 {
		fmt.Print(findings.FormatText())
		os.Exit(1)
	}
}
