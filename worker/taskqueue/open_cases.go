package taskqueue

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"durablekyc.example/cases"
	"durablekyc.example/internal/telemetry"
)

// DefaultCensusEvery is the time between two counts of the open cases. A count
// is eight calls to Temporal's visibility, which are no actions; of the 30 a
// second that a namespace of Temporal Cloud has, a worker takes an eighth of one.
const DefaultCountEvery = time.Minute

// openCaseGauges reports how many cases are open at each stage. Every worker counts, so
// nobody has to be elected and nothing is missing when one goes: dashboards take
// the largest of what they say.
type openCaseGauges struct {
	count func(context.Context, time.Time) (cases.OpenCaseCounts, error)
	every time.Duration
	log   *slog.Logger
	cases *prometheus.GaugeVec
	due   *prometheus.GaugeVec // without labels: a vector can be empty
	stuck *prometheus.GaugeVec
}

// register puts its metrics where the service's are. Two workers of one process
// count in one place.
func (c *openCaseGauges) register(registry prometheus.Registerer) (err error) {
	c.cases, err = telemetry.RegisterOrReuse(registry, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kyc_cases",
		Help: "Open cases by stage. Every worker counts all of them: use the maximum."}, []string{"stage"}))
	if err != nil {
		return err
	}
	c.due, err = telemetry.RegisterOrReuse(registry, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kyc_cases_overdue", Help: "Open cases whose deadline passed more than an hour ago. Every worker counts all " +
			"of them: use the maximum."}, nil))
	if err != nil {
		return err
	}
	c.stuck, err = telemetry.RegisterOrReuse(registry, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kyc_cases_stuck", Help: "Cases and notifiers whose workflow task has failed five times in a row. Every " +
			"worker counts all of them: use the maximum."}, nil))
	return err
}

// run counts until ctx ends.
func (c *openCaseGauges) run(ctx context.Context) {
	everyWithJitter(ctx, c.every, func() {
		if err := c.collect(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("could not count the open cases; next attempt in "+fmt.Sprint(c.every.Round(time.Second)),
				"error", err)
		}
	})
}

// collect counts once. What cannot be counted is not reported: a number of an hour ago
// would look like one of now.
func (c *openCaseGauges) collect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	counted, err := c.count(ctx, time.Now())
	if err != nil {
		c.cases.Reset()
		c.due.Reset()
		c.stuck.Reset()
		return err
	}
	for stage, n := range counted.Stages {
		c.cases.WithLabelValues(string(stage)).Set(float64(n))
	}
	c.due.WithLabelValues().Set(float64(counted.Overdue))
	if c.stuck.Reset(); counted.Stuck >= 0 {
		c.stuck.WithLabelValues().Set(float64(counted.Stuck))
	}
	return nil
}
