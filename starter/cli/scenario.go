package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// sandboxTimeout bounds the call that creates a customer at the sandbox.
const sandboxTimeout = 10 * time.Second

// newCustomer creates an individual of a scenario at the sandbox and returns
// its id. ConnectFi itself has no such endpoint, so against it this fails.
func (a *app) newCustomer(ctx context.Context, scenario string) (string, error) {
	lookup, err := a.lookup()
	if err != nil {
		return "", err
	}
	base, _, err := lookup.Value("CONNECTFI_BASE_URL")
	switch {
	case err != nil:
		return "", err
	case base == "":
		unset := errors.New("--scenario needs the sandbox: CONNECTFI_BASE_URL is not set")
		return "", &cliError{err: unset, next: "go run ./dev"}
	}
	order, err := json.Marshal(map[string]string{"type": "individual", "scenario": scenario})
	if err != nil {
		return "", err
	}
	url := strings.TrimSuffix(base, "/") + "/sandbox/customers"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(order))
	if err != nil {
		return "", errors.New("CONNECTFI_BASE_URL is not a URL")
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Client{Timeout: sandboxTimeout}).Do(request)
	if err != nil {
		return "", &cliError{err: errors.New("cannot reach the sandbox at CONNECTFI_BASE_URL"), next: "go run ./dev"}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return "", fmt.Errorf("cannot read the sandbox's answer: %w", err)
	}
	var made struct {
		CustomerIDs []string `json:"customerIds"`
		Error       string   `json:"error"`
	}
	unreadable := json.Unmarshal(body, &made) != nil
	switch {
	case answer.StatusCode == http.StatusBadRequest && made.Error != "":
		return "", usage("start", "--scenario %q: %s", scenario, made.Error)
	case answer.StatusCode != http.StatusOK || unreadable || len(made.CustomerIDs) != 1:
		return "", &cliError{err: errors.New("--scenario needs the sandbox, but CONNECTFI_BASE_URL is not a sandbox"),
			next: "starter start --customer ID --reference REF"}
	}
	return made.CustomerIDs[0], nil
}
