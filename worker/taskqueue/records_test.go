package taskqueue

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"

	"durablekyc.example/cases"
	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/goldens"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
)

// closedTemporal is a Temporal in which golden cases are closed. A client embedded as nil answers nothing else.
type closedTemporal struct {
	client.Client
	cases    []goldens.Case
	notifier enumspb.WorkflowExecutionStatus // of the last case's notifier
	unlisted bool                            // visibility does not have notifiers yet
}

const (
	completed = enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	continued = enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW
	running   = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
)

// infos are all runs of a workflow as visibility has them, the latest first.
func (c closedTemporal) infos(id string) (all []*workflowpb.WorkflowExecutionInfo) {
	add := func(runs []*historypb.History, last enumspb.WorkflowExecutionStatus) {
		for i, h := range runs {
			start := h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
			if id != "" && start.GetWorkflowId() != id {
				continue
			}
			status := continued
			if i == len(runs)-1 {
				status = last
			}
			all = append([]*workflowpb.WorkflowExecutionInfo{{Status: status, StartTime: h.GetEvents()[0].GetEventTime(),
				Execution: &commonpb.WorkflowExecution{WorkflowId: start.GetWorkflowId(),
					RunId: start.GetOriginalExecutionRunId()}}}, all...)
		}
	}
	for _, one := range c.cases {
		add(one.Runs, completed)
		if id != "" {
			add(one.Notifier, c.notifier)
		}
	}
	return all
}

func (c closedTemporal) ListWorkflow(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest,
) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	answer := &workflowservice.ListWorkflowExecutionsResponse{}
	switch id, byID := bytes.CutPrefix([]byte(r.Query), []byte("WorkflowId = '")); {
	case !byID:
		answer.Executions = c.infos("")
	case !c.unlisted:
		answer.Executions = c.infos(string(id[:len(id)-1]))
	}
	return answer, nil
}

func (c closedTemporal) DescribeWorkflowExecution(_ context.Context, id, _ string,
) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	infos := c.infos(id)
	if len(infos) == 0 {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: infos[0]}, nil
}

func (c closedTemporal) GetWorkflowHistory(_ context.Context, id, run string, _ bool, _ enumspb.HistoryEventFilterType,
) client.HistoryEventIterator {
	for _, one := range c.cases {
		for _, h := range one.All() {
			if h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetOriginalExecutionRunId() == run {
				left := h.GetEvents()
				i := &mocks.HistoryEventIterator{}
				i.On("HasNext").Return(func() bool { return len(left) > 0 })
				i.On("Next").Return(func() *historypb.HistoryEvent { e := left[0]; left = left[1:]; return e },
					func() error { return nil })
				return i
			}
		}
	}
	i := &mocks.HistoryEventIterator{}
	i.On("HasNext").Return(true)
	i.On("Next").Return(nil, serviceerror.NewNotFound("forgotten"))
	return i
}

// recording is a sweep over golden cases into a bucket of its own.
func recording(t *testing.T, temporal closedTemporal) (*recordSweep, *bytes.Buffer) {
	t.Helper()
	_, keyset := goldens.Cases(t, "../../workflows/testdata/histories")
	bucket, err := store.Open(t.Context(), "mem://")
	require.NoError(t, err)
	private, _, err := log.NewKey("kyc.example.com/records")
	require.NoError(t, err)
	entries, err := log.New(bucket, private)
	require.NoError(t, err)
	var said bytes.Buffer
	s := &recordSweep{every: time.Hour, now: time.Now, log: slog.New(slog.NewTextHandler(&said, nil)),
		recorder: &recorder.Recorder{Maker: recorder.Maker{Keyset: keyset}, Bucket: bucket, Log: entries,
			Source: closedCases{cases.Client{Temporal: temporal}}}}
	require.NoError(t, s.register(prometheus.NewRegistry()))
	return s, &said
}

func (s *recordSweep) once(t *testing.T) recorder.Swept {
	t.Helper()
	done, err := s.recorder.Sweep(t.Context())
	s.report(done, err)
	require.True(t, done.Complete)
	done.Complete, done.Missing = false, time.Time{}
	return done
}

// Closed cases are put on record with all their runs and their notifier's, once that has ended.
func TestClosedCasesAreRecorded(t *testing.T) {
	all, _ := goldens.Cases(t, "../../workflows/testdata/histories")
	var two []goldens.Case
	for _, c := range all {
		if c.Reference == "carriedover" || c.Reference == "notified" {
			two = append(two, c)
		}
	}
	require.Len(t, two, 2)
	s, said := recording(t, closedTemporal{cases: two, notifier: completed})
	require.Equal(t, recorder.Swept{Closed: 2, Recorded: 2}, s.once(t))
	require.Equal(t, recorder.Swept{Closed: 2}, s.once(t))
	require.Contains(t, said.String(), "closed cases put on record")
	require.EqualValues(t, 2, testutil.ToFloat64(s.written))
	require.EqualValues(t, 2, testutil.ToFloat64(s.passes.WithLabelValues("complete")))
	for _, c := range two {
		names, err := s.recorder.Records(t.Context(), c.Reference)
		require.NoError(t, err)
		evidence, err := s.recorder.Evidence(t.Context(), names[0])
		require.NoError(t, err)
		require.Len(t, evidence.Manifest.Runs, len(c.All()))
		for i, h := range c.All() {
			require.Equal(t, h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetOriginalExecutionRunId(),
				evidence.Manifest.Runs[i].Run)
		}
	}

	for _, open := range []closedTemporal{{cases: two, notifier: running},
		{cases: two, notifier: completed, unlisted: true}} {
		s, _ = recording(t, open)
		require.Equal(t, recorder.Swept{Closed: 2, Recorded: 1, Open: 1}, s.once(t))
	}
	forgotten := two[0]
	require.Equal(t, "carriedover", forgotten.Reference)
	forgotten.Runs = forgotten.Runs[2:]
	s, _ = recording(t, closedTemporal{cases: []goldens.Case{forgotten}})
	require.Equal(t, recorder.Swept{Closed: 1, Recorded: 1}, s.once(t))
}

// A case that cannot be put on record is reported, and counted.
func TestASweepThatFails(t *testing.T) {
	all, _ := goldens.Cases(t, "../../workflows/testdata/histories")
	damaged := all[0]
	damaged.Runs = []*historypb.History{{Events: append([]*historypb.HistoryEvent{}, damaged.Runs[0].GetEvents()[0])}}
	input := damaged.Runs[0].Events[0].GetWorkflowExecutionStartedEventAttributes().GetInput()
	input.GetPayloads()[0].Data = []byte("damaged")
	s, said := recording(t, closedTemporal{cases: []goldens.Case{damaged}})
	require.Equal(t, recorder.Swept{Closed: 1, Failed: 1}, s.once(t))
	require.Contains(t, said.String(), "closed cases are not on record yet")
	require.EqualValues(t, 1, testutil.ToFloat64(s.passes.WithLabelValues("failed")))
}

// A worker without a bucket of records sweeps nothing and has no metrics of it.
func TestNoRecords(t *testing.T) {
	s := &recordSweep{every: time.Hour}
	registry := prometheus.NewRegistry()
	require.NoError(t, s.register(registry))
	s.run(t.Context())
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Empty(t, families)
}

// The gauge has when the oldest case was closed that is not on record. Where closed cases cannot be listed, one that
// was closed since the last time is taken for missing.
func TestSinceWhenARecordIsMissing(t *testing.T) {
	s, _ := recording(t, closedTemporal{})
	at := func(hour int) time.Time { return time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC) }
	s.complete = at(1)
	for _, sweep := range []struct {
		began int
		done  recorder.Swept
		since time.Time
	}{
		{2, recorder.Swept{}, at(1)},                         // it could not list any: since the worker started
		{3, recorder.Swept{Complete: true}, time.Unix(0, 0)}, // every one is on record
		{4, recorder.Swept{Missing: at(0), Complete: true}, at(0)},
		{5, recorder.Swept{Missing: at(0)}, at(0)},
		{6, recorder.Swept{}, at(4)},
		{7, recorder.Swept{Complete: true}, time.Unix(0, 0)},
	} {
		s.age(at(sweep.began), sweep.done)
		require.EqualValues(t, sweep.since.Unix(), testutil.ToFloat64(s.missing.WithLabelValues()), "sweep at %d",
			sweep.began)
	}
	s.retention = func(context.Context) (time.Duration, error) { return 72 * time.Hour, nil }
	s.keep(t.Context())
	require.EqualValues(t, 259200, testutil.ToFloat64(s.kept.WithLabelValues()))
}

// The receiver of all cases is sent a checkpoint once the log has grown, once an hour, signed as notifications are. One
// that it did not take comes again under the same id.
func TestTheReceiverIsSentCheckpoints(t *testing.T) {
	all, _ := goldens.Cases(t, "../../workflows/testdata/histories")
	s, said := recording(t, closedTemporal{cases: all[:2], notifier: completed})
	secret := delivery.NewSecret()
	verifier, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	var (
		status = http.StatusServiceUnavailable
		ids    []string
		got    recorder.Checkpoint
	)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || verifier.Verify(body, r.Header) != nil || json.Unmarshal(body, &got) != nil {
			t.Errorf("not a signed checkpoint: %s", body)
		}
		ids = append(ids, r.Header.Get("webhook-id"))
		w.WriteHeader(status)
	}))
	defer receiver.Close()
	secrets, err := delivery.ParseSecrets(secret)
	require.NoError(t, err)
	hooks, err := delivery.New(delivery.Config{Secrets: secrets, AllowPrivate: true})
	require.NoError(t, err)
	s.send = sender(hooks, receiver.URL)

	s.announce(t.Context())
	require.Empty(t, ids, "the log is empty")
	s.once(t)
	s.announce(t.Context())
	require.Contains(t, said.String(), "the checkpoint of the log was not taken: the receiver answered 503")
	status = http.StatusNoContent
	s.announce(t.Context())
	require.Len(t, ids, 2)
	require.Equal(t, ids[0], ids[1])
	require.Regexp(t, `^evt_[0-9a-f]{32}$`, ids[0])
	require.Equal(t, "records.checkpoint", got.Type)
	require.EqualValues(t, 2, got.Data.Size)
	tree, err := log.VerifyCheckpoint(s.recorder.Log.PublicKey(), []byte(got.Data.Checkpoint))
	require.NoError(t, err)
	require.Equal(t, tree.Hash.String(), got.Data.Hash)

	now := time.Now()
	announce := func(in time.Duration) { require.NoError(t, s.recorder.Announce(t.Context(), now.Add(in), s.send)) }
	announce(2 * time.Hour)
	require.Len(t, ids, 2, "it has not grown")
	s.recorder.Source = closedCases{cases.Client{Temporal: closedTemporal{cases: all[:3], notifier: completed}}}
	s.once(t)
	announce(time.Minute)
	require.Len(t, ids, 2, "an hour has not passed")
	announce(2 * time.Hour)
	require.Len(t, ids, 3)
	require.NotEqual(t, ids[1], ids[2])
}
