package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/config"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/workflows"
)

// The floor is the least that carries a check to its decision: the same calls
// of ConnectFi's, made by the same client, and nothing else. No search
// attributes, no sealing, no timeline, no deadline; a lost callback is a lost case.
const (
	floorType    = "Floor"
	floorQueue   = "floor"
	limitedQueue = "floor-limited" // with a rate, which is never reached: it turns eager activities off
	floorSignal  = "callback"
)

// floorInput is all that it needs. Within reads the status in the workflow task,
// as ours does.
type floorInput struct {
	Reference, CustomerID string
	Within                bool
}

func baseline(ctx workflow.Context, in floorInput) (connectfi.Outcome, error) {
	var f *floorActivities
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 30 * time.Second})
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 4 * time.Second})
	var a connectfi.Application
	if err := workflow.ExecuteActivity(ctx, f.Identify, in).Get(ctx, &a); err != nil {
		return "", err
	}
	for a.Status != connectfi.StatusCompleted {
		workflow.GetSignalChannel(ctx, floorSignal).Receive(ctx, nil)
		read := connectfi.StatusRequest{CustomerID: in.CustomerID, ApplicationID: a.ApplicationID}
		answer := workflow.ExecuteActivity
		if in.Within {
			answer = workflow.ExecuteLocalActivity
		}
		if err := answer(ctx, f.Read, read).Get(ctx, &a); err != nil {
			return "", err
		}
	}
	return a.Outcome, nil
}

// floorActivities call ConnectFi.
type floorActivities struct {
	connectFi *connectfi.Client
	callback  string // base URL of the receiver
}

// Identify asks whether there is an application, and else makes it.
func (f *floorActivities) Identify(ctx context.Context, in floorInput) (connectfi.Application, error) {
	page, err := f.connectFi.List(ctx, connectfi.ListRequest{CustomerID: in.CustomerID, NumberOfRecords: 200})
	if err != nil {
		return connectfi.Application{}, err
	}
	for _, a := range page.Applications {
		if a.Reference == in.Reference {
			return a, nil
		}
	}
	return f.connectFi.Identify(ctx, connectfi.IdentificationRequest{CustomerID: in.CustomerID, Reference: in.Reference,
		WebhookURL: f.callback + in.Reference})
}

// Read reads the status.
func (f *floorActivities) Read(ctx context.Context, r connectfi.StatusRequest) (connectfi.Application, error) {
	return f.connectFi.Status(ctx, r)
}

// floorProcess is its worker and the receiver of its callbacks.
type floorProcess struct {
	Listen string `help:"Address of the receiver."`
}

func (p floorProcess) run(ctx context.Context) error {
	log := slog.New(slog.DiscardHandler)
	c, err := temporalclient.Dial(ctx, temporalclient.Options{Lookup: os.LookupEnv, Logger: log})
	if err != nil {
		return err
	}
	defer c.Close()
	var to connectfi.Config
	for name, into := range map[string]*string{"CONNECTFI_BASE_URL": &to.BaseURL, "CONNECTFI_LOGIN": &to.Login,
		"CONNECTFI_PASSWORD": &to.Password} {
		if *into, _, err = config.Lookup(os.LookupEnv).Value(name); err != nil {
			return err
		}
	}
	provider, err := connectfi.New(to)
	if err != nil {
		return err
	}
	pollers := worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{})
	f := &floorActivities{connectFi: provider, callback: "http://" + p.Listen + "/"}
	for queue, rate := range map[string]float64{floorQueue: 0, limitedQueue: 1e5} {
		w := worker.New(c, queue, worker.Options{WorkflowTaskPollerBehavior: pollers, ActivityTaskPollerBehavior: pollers,
			TaskQueueActivitiesPerSecond: rate})
		w.RegisterWorkflowWithOptions(baseline, workflow.RegisterOptions{Name: floorType})
		w.RegisterActivityWithOptions(f.Identify, activity.RegisterOptions{Name: "Identify"})
		w.RegisterActivityWithOptions(f.Read, activity.RegisterOptions{Name: "Read"})
		if err := w.Start(); err != nil {
			return err
		}
		defer w.Stop()
	}
	listener, err := httpserver.Listen(p.Listen)
	if err != nil {
		return err
	}
	// As many connections as the webhook takes by default: httpserver.HTTP is for admin listeners and takes 64: with
	// the sandbox's connections, some of a lap's 64 clients would wait for a place until they time out.
	return httpserver.Timeouts{}.ServeLimited(ctx, listener, 1024, nil, floorReceiver(c), log)
}

// floorReceiver makes a signal of a callback: to the floor, or to a case of ours.
func floorReceiver(c client.Client) http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	routes.HandleFunc("POST /callbacks/{reference}", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			RequestID string
			Data      struct{ ApplicationID string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		hint := workflows.Callback{RequestID: body.RequestID, ApplicationID: body.Data.ApplicationID}
		if err := c.SignalWorkflow(r.Context(), workflows.ID(r.PathValue("reference")), "", workflows.SignalCallback,
			hint); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	routes.HandleFunc("POST /{reference}", func(w http.ResponseWriter, r *http.Request) {
		if err := c.SignalWorkflow(r.Context(), floorID(r.PathValue("reference")), "", floorSignal, nil); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	return routes
}

func floorID(reference string) string { return "floor-" + reference }
