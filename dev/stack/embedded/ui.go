package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
)

// UI is a running Temporal UI.
type UI struct {
	URL    string
	server *server.Server
	done   chan error
}

// UIOptions of a Temporal UI.
type UIOptions struct {
	Temporal string // address of the server
	Port     int    // 0 is any free one
	Codec    string // endpoint that opens payloads; empty shows them as they are stored
}

// StartUI serves the Temporal UI and returns once it answers.
func StartUI(ctx context.Context, o UIOptions) (*UI, error) {
	port := o.Port
	if port == 0 {
		ports, err := FreePorts(1)
		if err != nil {
			return nil, err
		}
		port = ports[0]
	}
	c := &config.Config{TemporalGRPCAddress: o.Temporal, Host: "127.0.0.1", Port: port, EnableUI: true,
		DefaultNamespace: Namespace, DisableNewsFetch: true, HideLogs: true, Codec: config.Codec{Endpoint: o.Codec}}
	u := &UI{URL: fmt.Sprintf("http://127.0.0.1:%d", port), done: make(chan error, 1),
		server: server.NewServer(server_options.WithConfigProvider(c))}
	go func() { u.done <- u.server.Start() }()
	if err := u.ready(ctx); err != nil {
		return nil, errors.Join(err, u.Stop())
	}
	return u, nil
}

// Stop ends the UI and waits for it.
func (u *UI) Stop() error {
	u.server.Stop()
	if err := <-u.done; err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (u *UI) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.URL+"/healthz", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the Temporal UI does not become ready at %s", u.URL)
		case err := <-u.done:
			u.done <- err
			return fmt.Errorf("the Temporal UI does not start: %w", err)
		case <-tick.C:
		}
	}
}
