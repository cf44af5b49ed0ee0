package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
)

// lot is a file of n customers that was checked.
func lot(n int) (iter.Seq2[line, error], *batchIndex) {
	p := &batchIndex{lines: n, cases: map[string]batchEntry{}}
	all := make([]line, n)
	for i := range all {
		all[i] = line{number: i + 1, reference: fmt.Sprintf("A%d", i+1), customer: "c1"}
		p.cases[all[i].reference] = batchEntry{customer: "c1", line: i + 1}
	}
	return func(yield func(line, error) bool) {
		for _, l := range all {
			if !yield(l, nil) {
				return
			}
		}
	}, p
}

// begun is a wave that starts cases by a function, and what it wrote.
func begun(rate float64, parallel int, begin func(ctx context.Context, nth int) (bool, error)) (*batchRunner,
	*bytes.Buffer, *bytes.Buffer) {
	var written, said bytes.Buffer
	var nth atomic.Int64
	return &batchRunner{rate: rate, parallel: parallel, results: &written, common: every, out: printer{stdout: &said,
		stderr: &said},
		explain: func(err error) error { return err },
		begin:   func(ctx context.Context, _ cases.StartOptions) (bool, error) { return begin(ctx, int(nth.Add(1))) },
	}, &written, &said
}

func read(t *testing.T, written *bytes.Buffer) (all []result) {
	t.Helper()
	for decoder := json.NewDecoder(written); decoder.More(); {
		var r result
		require.NoError(t, decoder.Decode(&r))
		all = append(all, r)
	}
	return all
}

func TestNoSecondHasMoreThanTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		w, written, said := begun(5, 1, func(context.Context, int) (bool, error) {
			at = append(at, time.Since(began))
			if len(at) == 50 { // what is lost is not made up for
				<-time.After(10 * time.Second)
			}
			return false, nil
		})
		all, p := lot(101)
		require.NoError(t, w.run(t.Context(), all, p))
		require.Len(t, at, 101)
		for i := 5; i < len(at); i++ {
			require.GreaterOrEqual(t, at[i]-at[i-5], time.Second-200*time.Millisecond, "case %d", i)
		}
		require.InDelta(t, 30, time.Since(began).Seconds(), 0.5)
		require.Equal(t, summary{Lines: 101, Started: 101}, w.tally)
		require.Len(t, read(t, written), 101)
		require.Equal(t, "starter: 49/101 · 4.9 per second · 0 failed · 10 s left\n", lineOf(said, 0))
	})
}

func lineOf(out *bytes.Buffer, n int) string {
	all := strings.SplitAfter(out.String(), "\n")
	return all[min(n, len(all)-1)]
}

func TestNoMoreThanSoManyAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var under, most atomic.Int64
		w, _, _ := begun(1000, 4, func(context.Context, int) (bool, error) {
			if n := under.Add(1); n > most.Load() {
				most.Store(n)
			}
			<-time.After(time.Second)
			under.Add(-1)
			return true, nil
		})
		all, p := lot(40)
		require.NoError(t, w.run(t.Context(), all, p))
		require.EqualValues(t, 4, most.Load())
		require.InDelta(t, 10, time.Since(began).Seconds(), 0.1)
		require.Equal(t, summary{Lines: 40, Found: 40}, w.tally)
	})
}

func TestWhatTemporalCannotTakeIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		w, written, _ := begun(1000, 1, func(_ context.Context, nth int) (bool, error) {
			return false, []error{cases.ErrUnavailable, fmt.Errorf("%w (late)", cases.ErrNoAnswer), nil, // A1
				cases.ErrUnavailable, cases.ErrUnavailable, cases.ErrUnavailable, // A2
				errors.New("nobody knows"), nil}[nth-1] // A3, A4
		})
		all, p := lot(4)
		require.NoError(t, w.run(t.Context(), all, p))
		require.Equal(t, 8*time.Second, time.Since(began).Truncate(time.Second), "one second, then three")
		require.Equal(t, []result{{1, "A1", "c1", "started", ""}, {2, "A2", "c1", "failed", cases.ErrUnavailable.Error()},
			{3, "A3", "c1", "failed", "nobody knows"}, {4, "A4", "c1", "started", ""}}, read(t, written))
		require.Equal(t, summary{Lines: 4, Started: 2, Failed: 2}, w.tally)
	})
}

func TestAnAttemptHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, _ := begun(1, 1, func(ctx context.Context, _ int) (bool, error) {
			<-ctx.Done()
			return false, ctx.Err()
		})
		began := time.Now()
		all, p := lot(1)
		require.NoError(t, w.run(t.Context(), all, p))
		require.Equal(t, answerWithin, time.Since(began))
		require.Equal(t, 1, w.tally.Failed)
	})
}

func TestWhenNothingWorksItStops(t *testing.T) {
	for name, test := range map[string]struct {
		works    func(nth int) bool
		attempts int
		left     int
	}{
		"never":             {func(int) bool { return false }, 20, 80},
		"now and then":      {func(nth int) bool { return nth%20 == 0 }, 100, 0},
		"from the 31st not": {func(nth int) bool { return nth <= 30 }, 50, 50},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				w, written, _ := begun(1000, 1, func(_ context.Context, nth int) (bool, error) {
					attempts = nth
					if test.works(nth) {
						return false, nil
					}
					return false, errors.New("it is away")
				})
				all, p := lot(100)
				err := w.run(t.Context(), all, p)
				if test.left > 0 {
					require.EqualError(t, err, "stopped after 20 failures in a row; last: it is away")
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, test.attempts, attempts)
				require.Equal(t, test.left, w.tally.Left)
				require.Len(t, read(t, written), 100-test.left)
			})
		})
	}
}

// Those under way are heard to their end, and nothing is begun after a stop.
func TestAStopLeavesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var attempts atomic.Int64
		w, written, _ := begun(1000, 4, func(ctx context.Context, nth int) (bool, error) {
			if attempts.Add(1); nth == 4 { // with the fifth waiting for a place
				time.AfterFunc(500*time.Millisecond, stop)
			}
			select {
			case <-ctx.Done():
				return false, errors.New("it was cut off")
			case <-time.After(time.Second):
				return false, nil
			}
		})
		all, p := lot(100)
		require.ErrorIs(t, w.run(ctx, all, p), context.Canceled)
		require.EqualValues(t, 4, attempts.Load())
		require.Equal(t, summary{Lines: 100, Started: 4, Left: 96}, w.tally)
		require.Len(t, read(t, written), 4)
	})
}

func TestAStopDoesNotWaitForAnotherAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		began := time.Now()
		w, written, _ := begun(1000, 4, func(context.Context, int) (bool, error) {
			time.AfterFunc(500*time.Millisecond, stop)
			return false, cases.ErrUnavailable
		})
		all, p := lot(4)
		require.ErrorIs(t, w.run(ctx, all, p), context.Canceled)
		require.Less(t, time.Since(began), time.Second)
		require.Equal(t, summary{Lines: 4, Left: 4}, w.tally, "nobody knows yet")
		require.Empty(t, written.String())
	})
}

func TestAStopAfterTheLastLineIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		w, _, _ := begun(1000, 1, func(context.Context, int) (bool, error) { stop(); return false, nil })
		all, p := lot(1)
		require.NoError(t, w.run(ctx, all, p))
	})
}

type full struct{ io.Writer }

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWithoutAResultFileNothingIsStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := 0
		w, _, _ := begun(1000, 1, func(_ context.Context, nth int) (bool, error) { started = nth; return false, nil })
		w.results = full{}
		all, p := lot(10)
		require.EqualError(t, w.run(t.Context(), all, p), "cannot write the results file: no space left")
		require.Equal(t, 1, started)
		require.Equal(t, summary{Lines: 10, Left: 10}, w.tally)
	})
}

func TestAFileThatChangesStopsIt(t *testing.T) {
	for name, change := range map[string]func(*batchIndex){
		"another customer": func(p *batchIndex) { p.cases["A2"] = batchEntry{customer: "c2"} },
		"a new reference":  func(p *batchIndex) { delete(p.cases, "A2") },
		"a line less":      func(p *batchIndex) { p.lines++ },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _, _ := begun(1000, 1, func(context.Context, int) (bool, error) { return false, nil })
				all, p := lot(2)
				change(p)
				require.ErrorIs(t, w.run(t.Context(), all, p), errOtherFile)
			})
		})
	}
}

// On a terminal a line moves; a log gets one every ten seconds, and machines none.
func TestProgress(t *testing.T) {
	for name, test := range map[string]struct {
		out         printer
		first, last string
		times       int
	}{
		"a terminal": {printer{moves: true}, "\r\x1b[K0/40 · 0.0 per second · 0 failed · Ctrl-C stops", "\r\x1b[K", 79},
		"a log":      {printer{}, "starter: 20/40 · 2.0 per second · 0 failed · 10 s left\n", "failed · 10 s left\n", 1},
		"machines":   {printer{json: true}, "", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _, said := begun(1000, 1, func(context.Context, int) (bool, error) {
					<-time.After(500*time.Millisecond - time.Microsecond)
					return false, nil
				})
				w.out.moves, w.out.json = test.out.moves, test.out.json
				all, p := lot(40)
				require.NoError(t, w.run(t.Context(), all, p))
				require.True(t, strings.HasPrefix(said.String(), test.first), said.String())
				require.True(t, strings.HasSuffix(said.String(), test.last), said.String())
				require.Equal(t, test.times, strings.Count(said.String(), "/40"))
			})
		})
	}
	require.Equal(t, "0/4 · 0.0 per second · 0 failed", summary{Lines: 4, Left: 4}.progress(time.Second))
	require.Equal(t, "30/100 · 2.0 per second · 5 failed · 35 s left",
		summary{Lines: 100, Earlier: 10, Started: 10, Found: 5, Failed: 3, Conflict: 2, Left: 70}.progress(10*time.Second))
}
