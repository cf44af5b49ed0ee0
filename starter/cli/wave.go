package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"durablekyc.example/cases"
	"durablekyc.example/workflows"
)

// pauses are between the attempts at one line that Temporal could not take.
// Within an attempt, of answerWithin, the SDK has repeated it already.
var pauses = []time.Duration{time.Second, 3 * time.Second}

// maxConsecutiveFailures is how many lines may fail one after the other before the fault is
// taken for everybody's.
const maxConsecutiveFailures = 20

// How often progress is printed.
const (
	redrawEvery = 250 * time.Millisecond
	reportEvery = 10 * time.Second
)

// batchRunner starts the cases of a batch.
type batchRunner struct {
	begin    func(context.Context, cases.StartOptions) (found bool, err error)
	explain  func(error) error // as a sentence
	results  io.Writer
	common   cases.StartOptions
	rate     float64
	parallel int
	out      printer

	stop context.CancelCauseFunc

	mu     sync.Mutex
	tally  summary
	failed int // in a row
}

// tooManyFailuresError is a fault that is everybody's.
type tooManyFailuresError struct{ last error }

func (e *tooManyFailuresError) Error() string {
	return fmt.Sprintf("stopped after %d failures in a row; last: %v", maxConsecutiveFailures, e.last)
}

var errOtherFile = errors.New("the input file changed since validation")

// run starts what is not through yet, at the rate, and waits for all that it
// began. It ends with its error, or the context's, and has then left the rest.
func (w *batchRunner) run(ctx context.Context, all iter.Seq2[line, error], p *batchIndex) error {
	ctx, w.stop = context.WithCancelCause(ctx)
	defer w.stop(nil)
	w.tally.Lines, w.tally.Left = p.lines, p.lines
	done := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() { w.reportProgress(done) })
	// A lost place in the rate is not made up for, so no second has more. It is
	// the rate of starts: cases that wait for a worker reach ConnectFi as fast
	// as one takes them up.
	pace := rate.NewLimiter(rate.Limit(w.rate), 1)
	var under errgroup.Group
	under.SetLimit(w.parallel)
	for l, err := range all {
		c, known := p.cases[l.reference]
		if err != nil || !known || c.customer != l.customer {
			w.stop(errOtherFile)
			break
		}
		if c.through {
			w.skip()
			continue
		}
		if pace.Wait(ctx) != nil {
			break
		}
		under.Go(func() error { w.one(ctx, l); return nil })
	}
	_ = under.Wait() // what went wrong stopped the context
	close(done)
	telling.Wait()
	switch err := context.Cause(ctx); {
	case err == nil && w.tally.Left > 0:
		return errOtherFile
	case w.tally.Left == 0 && errors.Is(err, context.Canceled):
		return nil // stopped, with nothing left to stop
	default:
		return err
	}
}

// one brings one line through, or notes why not. Once the run is stopped, what
// is under way is heard to its end, and what Temporal could not take is left.
func (w *batchRunner) one(ctx context.Context, l line) {
	if ctx.Err() != nil {
		return
	}
	found, err := w.attempt(ctx, l.order(w.common))
	if cases.Transient(err) && ctx.Err() != nil {
		return
	}
	r := result{Line: l.number, Reference: l.reference, CustomerID: l.customer, Result: resultStarted}
	refused, isRefused := errors.AsType[*cases.RefusedError](err)
	switch {
	case isRefused && refused.Type == workflows.RefusedOtherCustomer:
		r.Result, r.Error = resultConflict, refused.Reason
	case errors.Is(err, cases.ErrEnded):
		r.Result, r.Error = resultEnded, err.Error()
	case err != nil:
		err = w.explain(err)
		r.Result, r.Error = resultFailed, err.Error()
	case found:
		r.Result = resultFound
	}
	w.note(r, err)
}

func (w *batchRunner) attempt(ctx context.Context, o cases.StartOptions) (found bool, err error) {
	for attempt := 0; ; attempt++ {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
		found, err = w.begin(within, o)
		cancel()
		if !cases.Transient(err) || attempt == len(pauses) {
			return found, err
		}
		select {
		case <-ctx.Done():
			return found, err
		case <-time.After(pauses[attempt]):
		}
	}
}

// note writes down what became of a line, and stops the run if that cannot be
// written, or if nothing has worked for a while.
func (w *batchRunner) note(r result, failure error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, err := json.Marshal(r)
	if err == nil {
		_, err = w.results.Write(append(text, '\n'))
	}
	if err != nil {
		w.stop(fmt.Errorf("cannot write the results file: %w", err))
		return // it counts as left: the next run finds its case
	}
	w.tally.Left--
	w.failed++
	switch r.Result {
	case resultStarted:
		w.tally.Started++
	case resultFound:
		w.tally.Found++
	case resultConflict:
		w.tally.Conflict++
	case resultEnded:
		w.tally.Ended++
	default:
		w.tally.Failed++
		if w.failed >= maxConsecutiveFailures {
			w.stop(&tooManyFailuresError{failure})
		}
		return
	}
	w.failed = 0
}

// skip leaves out a line that an earlier run has brought through.
func (w *batchRunner) skip() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tally.Left--
	w.tally.Earlier++
}

// reportProgress says how far it is, on a line of its own that moves or in a log.
func (w *batchRunner) reportProgress(done <-chan struct{}) {
	every := reportEvery
	if w.out.moves {
		every = redrawEvery
		defer w.out.progress("")
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for began := time.Now(); ; {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		w.mu.Lock()
		t := w.tally
		w.mu.Unlock()
		if text := t.progress(time.Since(began)); w.out.moves {
			w.out.progress(text + " · Ctrl-C stops")
		} else {
			w.out.notef("%s", text)
		}
	}
}
