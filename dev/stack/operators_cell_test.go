package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/internal/config"
	"durablekyc.example/kyc"
	"durablekyc.example/sandbox/simulator"
	"durablekyc.example/starter/cli"
	"durablekyc.example/workflows"
)

// cell is one case of which a button is pressed.
type cell struct {
	*operators
	number              int
	action              action
	stage               stage
	moment              moment
	kind                string
	want                string
	reference, customer string
	activity            string // the one that was paused
	err                 error
}

// message is what the receiver was sent.
type message struct {
	id, kind, fact string
}

func newOperators(t *testing.T) *operators {
	o := &operators{ctx: t.Context(), heard: map[string][]message{}, work: t.TempDir()}
	receiver := httptest.NewServer(http.HandlerFunc(o.hear))
	t.Cleanup(receiver.Close)
	o.own = beside(t, options{work: t.TempDir(), notify: receiver.URL, readsPerSecond: 500})
	return o
}

func (o *operators) hear(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Type      string
		Timestamp time.Time
		Data      struct{ Reference, Stage, Status, Outcome string }
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.heard[event.Data.Reference] = append(o.heard[event.Data.Reference],
		message{r.Header.Get("webhook-id"), event.Type, fmt.Sprint(event.Type, event.Data.Stage, event.Data.Status,
			event.Data.Outcome)})
}

func (c *cell) messages() []message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.heard[c.reference])
}

// truth is what ConnectFi says of the case; zero if it has none.
func (c *cell) truth(ctx context.Context) (simulator.ApplicationEntry, error) {
	var all []simulator.ApplicationEntry
	var said bytes.Buffer
	err := c.own.control(ctx, http.MethodGet, "/sandbox/applications?reference="+c.reference, nil, &said)
	if err == nil {
		err = json.Unmarshal(said.Bytes(), &all)
	}
	if err != nil || len(all) == 0 {
		return simulator.ApplicationEntry{}, err
	}
	return all[0], nil
}

// make is a customer who plays the stage's scenario.
func (c *cell) make(ctx context.Context) (string, error) {
	var said bytes.Buffer
	var made struct{ CustomerIDs []string }
	err := c.own.control(ctx, http.MethodPost, "/sandbox/customers",
		strings.NewReader(fmt.Sprintf(`{"type":%q,"scenario":%q}`, c.kind, c.stage.scenario)), &said)
	if err == nil {
		err = json.Unmarshal(said.Bytes(), &made)
	}
	if err != nil {
		return "", err
	}
	return made.CustomerIDs[0], nil
}

func (c *cell) until(ctx context.Context, what func(kyc.View) bool) error {
	return patiently(ctx, "what the case should be", func() (bool, error) {
		v, err := c.own.cases.Show(ctx, c.reference)
		return err == nil && what(v), nil
	})
}

func (c *cell) id() string { return workflows.ID(c.reference) }
func (c *cell) execution() *commonpb.WorkflowExecution {
	return &commonpb.WorkflowExecution{WorkflowId: c.id()}
}
func (c *cell) rpc() workflowservice.WorkflowServiceClient { return c.own.client.WorkflowService() }

func (c *cell) history(ctx context.Context, run string) (*historypb.History, error) {
	return c.own.cases.History(ctx, workflow.Execution{ID: c.id(), RunID: run})
}

// pendingActivity is the id of one, once there is one.
func (c *cell) pendingActivity(ctx context.Context) (id string, err error) {
	if c.stage.closed {
		return "1", nil
	}
	return id, patiently(ctx, "a pending activity", func() (bool, error) {
		d, err := c.own.client.DescribeWorkflowExecution(ctx, c.id(), "")
		if err == nil && len(d.GetPendingActivities()) > 0 {
			id = d.GetPendingActivities()[0].GetActivityId()
		}
		return id != "", err
	})
}

func (c *cell) starter(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(ctx, args, strings.NewReader(""), &out, &errs, config.Map(named(c.own.vars)))
	return code, out.String(), errs.String()
}

// cellTimeout bounds every wait of a cell.
const cellTimeout = 3 * time.Minute

func (c *cell) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.ctx, cellTimeout)
}

// patiently asks again and again until it is so, or ctx is over.
func patiently(ctx context.Context, what string, so func() (bool, error)) error {
	for {
		done, err := so()
		switch {
		case err != nil && ctx.Err() == nil:
			return err
		case done:
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not come", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// control asks the sandbox something that is no call of ConnectFi's.
func (s *system) control(ctx context.Context, method, path string, body io.Reader, into io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, method, s.sandbox+path, body)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return fmt.Errorf("the sandbox answers %s %s with %s", method, path, response.Status)
	}
	_, err = io.Copy(into, response.Body)
	return err
}
