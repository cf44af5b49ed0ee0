// Package taskqueue runs the cases: two workers of Temporal's,
// one for workflows and activities, one for the slow status reads alone, which
// have a rate of their own so that a crowd of waiting cases never keeps a new
// one from its identification.
package taskqueue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/nexus-rpc/sdk-go/nexus"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"durablekyc.example/activities"
	"durablekyc.example/cases"
	"durablekyc.example/cases/replay"
	"durablekyc.example/connectfi"
	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/records/recorder"
	"durablekyc.example/workflows"
)

// Config is what a worker needs. All of it is required where nothing else is said.
type Config struct {
	Temporal     client.Client
	WorkerClient client.Client // another one, of seal's WorkerConverters: what workflows and activities are run with
	ConnectFi    *connectfi.Client
	Documents    *docstore.Store
	Keys         linktoken.Keys // the newest one mints callback URLs and links

	// CallbackURL is the webhook as ConnectFi reaches it: http or https, at
	// most 400 bytes, without query.
	CallbackURL string

	// PublicURL is the webhook as applicants reach it: links to their page
	// begin with it.
	PublicURL string

	// NotifyURL receives the notifications of all cases; empty for none. NotifySecrets sign what
	// goes there and to the callers' own addresses; NotifyPrivate lets both be
	// private ones.
	NotifyURL     string
	NotifySecrets delivery.Secrets
	NotifyPrivate bool

	// ReadsPerSecond bounds the slow status reads of all workers together;
	// zero is DefaultReadsPerSecond.
	ReadsPerSecond float64

	// Grace is how long images outlive the decision of their case; zero is
	// DefaultGrace. SweepEvery is the time between two sweeps of the document
	// store; zero is DefaultSweepEvery.
	Grace      time.Duration
	SweepEvery time.Duration

	// Records puts closed cases on record, from this worker's own Temporal, every RecordEvery; zero is an hour. Nil
	// keeps no records.
	Records     *recorder.Recorder
	RecordEvery time.Duration

	// TimestampURL is the authority that stamps the checkpoints of Records (RFC 3161); empty for none.
	TimestampURL string

	// Namespace is the one that both clients are of. Its retention is what records must be written within; empty leaves
	// it out of the metrics.
	Namespace string

	// CensusEvery is the time between two counts of the open cases; zero is
	// DefaultCensusEvery.
	CountEvery time.Duration

	// Nexus handles the Nexus operations of cases, and what cases.RunChild asks; nil handles neither.
	Nexus *cases.Nexus

	// CachedCases is how many cases stay in memory between their events, of all
	// workers in this process: the first one that starts decides. Zero is
	// MaxCachedCases.
	CachedCases int

	// Deployment turns on Temporal's worker versioning under this name, with
	// BuildID for a version (empty is telemetry.Version). Empty leaves it off:
	// a versioned worker gets no task until an operator makes its version current.
	Deployment string
	BuildID    string

	// Replayer runs the replay check of a new build, with the converters of WorkerClient.
	Replayer replay.Replayer

	Logger    *slog.Logger
	Telemetry *telemetry.Telemetry
}

// DefaultReadsPerSecond suits some 400,000 cases waiting at the slowest pace
// of the default policy, six hours.
const DefaultReadsPerSecond = 20

// stopTimeout is how long tasks under way may take once the worker has to
// stop: longer than a call to ConnectFi, shorter than what a container gets.
const stopTimeout = 25 * time.Second

// Worker runs cases. See New.
type Worker struct {
	config     Config
	activities *activities.Activities
	sweep      *sweep
	openCases  *openCaseGauges
	records    *recordSweep
	nexus      []*nexus.Service
}

// New checks the configuration, all of it at once, and starts nothing.
func New(c Config) (*Worker, error) {
	var errs []error
	for _, missing := range []struct {
		is   bool
		what string
	}{
		{c.Temporal == nil || c.WorkerClient == nil, "two Temporal clients"}, {c.ConnectFi == nil, "a ConnectFi client"},
		{c.Documents == nil, "a document store"}, {c.Keys == linktoken.Keys{}, "keys for callback URLs"},
		{c.NotifySecrets == delivery.Secrets{}, "secrets to sign notifications with"},
		{c.Logger == nil, "a logger"}, {c.Telemetry == nil, "telemetry"},
	} {
		if missing.is {
			errs = append(errs, fmt.Errorf("a worker needs %s", missing.what))
		}
	}
	callback, err := callbackURL(c.CallbackURL, c.Keys)
	errs = append(errs, err)
	link, err := applicantURL(c.PublicURL, c.Keys)
	errs = append(errs, err)
	if c.NotifyURL != "" && delivery.CheckURL(c.NotifyURL) != nil {
		errs = append(errs, errors.New("KYC_NOTIFY_URL must be an http or https URL"))
	}
	if c.ReadsPerSecond < 0 {
		errs = append(errs, errors.New("the rate of status reads must not be negative"))
	}
	if c.ReadsPerSecond == 0 {
		c.ReadsPerSecond = DefaultReadsPerSecond
	}
	if c.Grace < 0 || c.SweepEvery < 0 || c.SweepEvery > 0 && c.SweepEvery < time.Minute {
		errs = append(errs, errors.New("the grace of documents must not be negative, and the sweep interval must be at "+
			"least a minute"))
	}
	if c.CachedCases < 0 {
		errs = append(errs, errors.New("the number of cached cases must not be negative"))
	}
	c.CachedCases = cmp.Or(c.CachedCases, MaxCachedCases)
	c.Grace, c.SweepEvery = cmp.Or(c.Grace, DefaultGrace), cmp.Or(c.SweepEvery, DefaultSweepEvery)
	if c.BuildID == "" {
		c.BuildID = telemetry.Version
	}
	if c.Deployment != "" && c.BuildID == telemetry.Unstamped {
		errs = append(errs, errors.New(
			"worker versioning needs a build id: set telemetry.Version with -ldflags -X"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	hooks, err := delivery.New(delivery.Config{Secrets: c.NotifySecrets, AllowPrivate: c.NotifyPrivate})
	if err != nil {
		return nil, err
	}
	cleaner := &sweep{cases: cases.Client{Temporal: c.Temporal}, documents: c.Documents, grace: c.Grace,
		every: c.SweepEvery,
		pace:  rate.NewLimiter(asksPerSecond, 1), now: time.Now, log: c.Logger}
	if err := cleaner.register(c.Telemetry.Registry); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	counter := &openCaseGauges{count: cases.Client{Temporal: c.Temporal}.OpenCaseCounts, every: cmp.Or(c.CountEvery,
		DefaultCountEvery), log: c.Logger}
	if err := counter.register(c.Telemetry.Registry); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	records := &recordSweep{recorder: c.Records, every: cmp.Or(c.RecordEvery, recordEvery), now: time.Now,
		log: c.Logger}
	if c.TimestampURL != "" {
		records.authority = authority(c.TimestampURL, stampTimeout)
	}
	if c.NotifyURL != "" {
		records.send = sender(hooks, c.NotifyURL)
	}
	if c.Namespace != "" {
		records.retention = func(ctx context.Context) (time.Duration, error) {
			return temporalclient.Retention(ctx, c.Temporal, c.Namespace)
		}
	}
	if err := records.register(c.Telemetry.Registry); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if c.Records != nil {
		c.Records.Source = closedCases{cases.Client{Temporal: c.Temporal}}
	}
	var services []*nexus.Service
	if c.Nexus != nil {
		if services, err = c.Nexus.Services(); err != nil {
			return nil, err
		}
	}
	metrics := c.Telemetry.Temporal()
	workflows.InitMetrics(func(name string, tags map[string]string) { metrics.WithTags(tags).Counter(name).Inc(0) })
	return &Worker{config: c, sweep: cleaner, openCases: counter, records: records, nexus: services,
		activities: activities.New(activities.Config{
			ConnectFi: c.ConnectFi, Documents: c.Documents, CallbackURL: callback,
			Hooks: hooks, NotifyURL: c.NotifyURL, ApplicantURL: link,
			Delivered: func(ctx context.Context, reference, run string) (json.RawMessage, error) {
				ledger, err := cases.Client{Temporal: c.Temporal}.Recall(ctx, reference, run)
				if err != nil {
					return nil, err
				}
				return json.Marshal(ledger)
			},
		})}, nil
}

// Serve runs cases until ctx ends, then takes no more tasks and finishes
// those under way: nil after a clean stop, within 30 seconds. What could not
// be finished is repeated by another worker. Meanwhile it sweeps the document
// store, counts the open cases, and puts closed ones on record.
func (w *Worker) Serve(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { w.sweep.run(ctx); return nil })
	group.Go(func() error { w.openCases.run(ctx); return nil })
	group.Go(func() error { w.records.run(ctx); return nil })
	for _, run := range w.workers() {
		group.Go(func() error {
			stop := make(chan any)
			defer context.AfterFunc(ctx, func() { close(stop) })()
			return startError(run.Run(stop))
		})
	}
	return group.Wait()
}

// Every Serve makes new workers: Temporal's cannot be started twice.
func (w *Worker) workers() []worker.Worker {
	// Ten events of a short history name the build: its version says more than
	// the SDK's checksum of the binary, and is shorter.
	worker.SetBinaryChecksum(w.config.BuildID)
	worker.SetStickyWorkflowCacheSize(w.config.CachedCases)
	carrying := worker.New(w.config.WorkerClient, workflows.TaskQueue, w.options())
	workflows.Register(carrying)
	carrying.RegisterActivity(w.activities)
	replayCheck{cases.Client{Temporal: w.config.Temporal}, w.config.Replayer, w.config.BuildID,
		w.config.Logger}.register(carrying)
	if w.config.Nexus != nil {
		w.config.Nexus.RegisterActivities(carrying)
	}
	for _, service := range w.nexus {
		carrying.RegisterNexusService(service)
	}

	limited := w.options()
	limited.DisableWorkflowWorker = true
	limited.TaskQueueActivitiesPerSecond = w.config.ReadsPerSecond
	reads := worker.New(w.config.WorkerClient, workflows.ReadsQueue, limited)
	reads.RegisterActivity(w.activities)
	return []worker.Worker{carrying, reads}
}

func (w *Worker) options() worker.Options {
	pollers := worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{})
	o := worker.Options{
		WorkerStopTimeout:          stopTimeout,
		WorkflowTaskPollerBehavior: pollers,
		ActivityTaskPollerBehavior: pollers,
	}
	if w.config.Deployment != "" {
		o.DeploymentOptions = worker.DeploymentOptions{
			UseVersioning: true,
			Version:       worker.WorkerDeploymentVersion{DeploymentName: w.config.Deployment, BuildID: w.config.BuildID},
			// A case lives for months, and golden histories and the gate
			// (starter replay --open) keep the code able to run cases of older
			// versions: they and their notifiers move on with the deployment
			// instead of keeping every old build running. docs/operations.md
			DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
		}
	}
	return o
}

// Admin is the handler of the worker's admin listener.
func (w *Worker) Admin() http.Handler {
	return httpserver.Admin(func(ctx context.Context) error { return temporalclient.Ready(ctx, w.config.Temporal) },
		w.config.Telemetry.Handler())
}

// startError says what a worker that could not start or go on needs.
func startError(err error) error {
	namespace, isNamespace := errors.AsType[*serviceerror.NamespaceNotFound](err)
	switch {
	case err == nil:
		return nil
	case isNamespace:
		return fmt.Errorf("Temporal has no namespace %q: create it or set TEMPORAL_NAMESPACE", namespace.Namespace)
	}
	return fmt.Errorf("the worker stopped: %w", err)
}
