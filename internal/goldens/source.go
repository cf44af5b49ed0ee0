package goldens

import (
	"context"
	"slices"

	historypb "go.temporal.io/api/history/v1"

	"durablekyc.example/records/histories"
	"durablekyc.example/records/recorder"
)

// Source is a recorder's source of golden cases.
type Source []Case

// Closed calls each with every case.
func (s Source) Closed(_ context.Context, each func(recorder.Closed) error) error {
	for _, c := range s {
		if err := each(recorder.Closed{Reference: c.Reference, Run: runID(c.Runs[len(c.Runs)-1])}); err != nil {
			return err
		}
	}
	return nil
}

// Runs returns the runs of a case that Closed named.
func (s Source) Runs(_ context.Context, closed recorder.Closed) (recorder.Runs, error) {
	i := slices.IndexFunc(s, func(c Case) bool { return c.Reference == closed.Reference })
	return s[i].Recorded(), nil
}

// Recorded are the runs of a case and of its notifier as a recorder takes them.
func (c Case) Recorded() recorder.Runs {
	return recorder.Runs{Case: Runs(c.Runs), Notifier: Runs(c.Notifier)}
}

// Runs are histories with the run ids that they began with.
func Runs(list []*historypb.History) (all []recorder.Run) {
	for _, h := range list {
		all = append(all, recorder.Run{ID: runID(h), History: h})
	}
	return all
}

func runID(h *historypb.History) string { return histories.RunID(h) }
