package recorder_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/goldens"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
	"durablekyc.example/records/verify"
)

// refusing is a bucket that writes nothing from some point on.
type refusing struct {
	*store.Bucket
	left int // writes until then
	err  error
}

func (r *refusing) write(do func() error) error {
	if r.left--; r.left < 0 {
		return fmt.Errorf("the bucket of records cannot be written: %w", r.err)
	}
	return do()
}

func (r *refusing) Create(ctx context.Context, name string, data []byte) error {
	return r.write(func() error { return r.Bucket.Create(ctx, name, data) })
}

func (r *refusing) Replace(ctx context.Context, name string, data []byte) error {
	return r.write(func() error { return r.Bucket.Replace(ctx, name, data) })
}

// Whatever a recorder meets, it says it in one sentence for each case. Once that is over, the next sweep completes the
// records of all cases.
func TestWhatARecorderMeets(t *testing.T) {
	file := func(l *lab, name string) string { return filepath.Join(l.dir, filepath.FromSlash(name)) }
	write := func(name, text string) func(*lab, *recorder.Recorder) func() {
		return func(l *lab, _ *recorder.Recorder) func() {
			before, err := os.ReadFile(file(l, name))
			require.NoError(l.t, err)
			require.NoError(l.t, os.WriteFile(file(l, name), []byte(text), 0o600))
			return func() { require.NoError(l.t, os.WriteFile(file(l, name), before, 0o600)) }
		}
	}
	refuse := func(left int, reason error) func(*lab, *recorder.Recorder) func() {
		return func(l *lab, r *recorder.Recorder) func() {
			b := &refusing{l.bucket, left, reason}
			var err error
			r.Bucket = b
			r.Log, err = log.New(b, l.private)
			require.NoError(l.t, err)
			return func() {}
		}
	}
	for name, test := range map[string]struct {
		meet   func(*lab, *recorder.Recorder) func() // and what ends it
		says   string
		failed int
	}{
		"a full bucket":                {refuse(0, syscall.ENOSPC), "cannot be written: no space left on device", 2},
		"a bucket that is full midway": {refuse(4, syscall.ENOSPC), "cannot be written: no space left on device", 1},
		"a bucket that is read-only":   {refuse(0, syscall.EROFS), "cannot be written: read-only file system", 2},
		"a leaf that is cut":           {write("log/leaf/00000000000000000001", "abc"), "leaf 1 of the log is damaged", 1},
		"a checkpoint that is damaged": {write("log/checkpoint", "nonsense"), "checkpoint is not signed with its key", 2},
		"a checkpoint that is lost":    {lost("log/checkpoint"), "", 0},
		"a leaf that is lost":          {lost("log/leaf/00000000000000000001"), log.ErrLost.Error(), 1},
		"a directory that is gone":     {unmounted, "cannot be read: the directory ", 4},
		"a log that has another key": {func(l *lab, r *recorder.Recorder) func() {
			private, _, err := log.NewKey("kyc.example.com/records")
			require.NoError(l.t, err)
			r.Log, err = log.New(l.bucket, private)
			require.NoError(l.t, err)
			return func() {}
		}, "checkpoint is not signed with its key", 2},
		"a keyset without the cases' key": {func(l *lab, r *recorder.Recorder) func() {
			text, err := encryption.NewKeyset()
			require.NoError(l.t, err)
			r.Keyset, err = encryption.ParseKeyset(text)
			require.NoError(l.t, err)
			return func() {}
		}, "cannot decrypt the history of run", 2},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			all := []goldens.Case{l.find("individualapprove"), l.find("refused"), l.find("notified"), l.find("withdrawn")}
			l.source.cases = all[:2]
			_, err := l.recorder().Sweep(t.Context())
			require.NoError(t, err)
			l.source.cases = all
			r := l.recorder()
			end := test.meet(l, r)
			swept, err := r.Sweep(t.Context())
			require.Equal(t, test.failed, swept.Failed, "%v", err)
			if test.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.says)
				for line := range strings.Lines(err.Error()) {
					require.Less(t, len(line), 300)
				}
			}
			end()
			_, err = l.recorder().Sweep(t.Context())
			require.NoError(t, err)
			leaves, records := l.size()
			require.EqualValues(t, len(all), leaves)
			require.Equal(t, len(all), records)
			for _, c := range all {
				names, err := l.recorder().Records(t.Context(), c.Reference)
				require.NoError(t, err)
				evidence, err := l.recorder().Evidence(t.Context(), names[0])
				require.NoError(t, err)
				require.Equal(t, verify.Verified, l.verify(evidence).Verdict())
			}
		})
	}
}

// lost takes an object away, and puts it back.
func lost(name string) func(*lab, *recorder.Recorder) func() {
	return func(l *lab, _ *recorder.Recorder) func() {
		path := filepath.Join(l.dir, filepath.FromSlash(name))
		require.NoError(l.t, os.Rename(path, path+".tmp"))
		return func() { require.NoError(l.t, os.Rename(path+".tmp", path)) }
	}
}

// unmounted takes the whole bucket away while a recorder runs, and puts it back.
func unmounted(l *lab, _ *recorder.Recorder) func() {
	require.NoError(l.t, os.Rename(l.dir, l.dir+".away"))
	return func() {
		require.NoError(l.t, os.RemoveAll(l.dir))
		require.NoError(l.t, os.Rename(l.dir+".away", l.dir))
	}
}

// A clock that jumped ahead and came back keeps no checkpoint from the receiver.
func TestAClockThatJumps(t *testing.T) {
	l := newLab(t)
	l.source.cases = l.source.cases[:1]
	r := l.recorder()
	_, err := r.Sweep(t.Context())
	require.NoError(t, err)
	sent := 0
	send := func(context.Context, string, []byte) error { sent++; return nil }
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	require.NoError(t, r.Announce(t.Context(), now.AddDate(30, 0, 0), send))
	require.Equal(t, 1, sent)
	l.source.cases = newLab(t).source.cases[:2]
	r = l.recorder()
	_, err = r.Sweep(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Announce(t.Context(), now, send))
	require.Equal(t, 2, sent)
	require.NoError(t, r.Announce(t.Context(), now.Add(time.Minute), send))
	require.Equal(t, 2, sent)
}
