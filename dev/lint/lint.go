package main

import (
	"context"
	"os"

	"github.com/speakeasy-api/openapi/linter"
	"github.com/speakeasy-api/openapi/openapi"
	rules "github.com/speakeasy-api/openapi/openapi/linter"
)

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
