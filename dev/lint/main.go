// Command lint reads an OpenAPI description as its readers' tools will, and
// says what is wrong with it. It is a module of its own, so that its libraries
// are nobody else's.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/speakeasy-api/openapi/linter"
	"github.com/speakeasy-api/openapi/openapi"
	rules "github.com/speakeasy-api/openapi/openapi/linter"
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

// lint finds everything that the rules do not let pass: a hint counts, too.
func lint(ctx context.Context, rulesFile, path string) (*linter.Output, error) {
	config, err := linter.LoadConfigFromFile(rulesFile)
	if err != nil {
		return nil, err
	}
	linting, err := rules.NewLinter(config)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	document, invalid, err := openapi.Unmarshal(ctx, file)
	if err != nil {
		return nil, err
	}
	return linting.Lint(ctx, linter.NewDocumentInfo(document, path), invalid, nil)
}
