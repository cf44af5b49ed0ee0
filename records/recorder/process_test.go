package recorder_test

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
	"durablekyc.example/records/verify"
)

// Variables of a process that TestKilledProcesses starts: it is this test, and a recorder.
const (
	processBucket = "RECORDER_TEST_BUCKET"
	processKey    = "RECORDER_TEST_KEY"
)

// sweep is what such a process does: it puts the golden cases on record.
func sweep(t *testing.T, address, key string) {
	t.Helper()
	l := newLab(t)
	bucket, err := store.Open(t.Context(), address)
	require.NoError(t, err)
	entries, err := log.New(bucket, key)
	require.NoError(t, err)
	r := &recorder.Recorder{Maker: l.maker, Source: l.source, Bucket: bucket, Log: entries}
	require.NoError(t, bucket.Replace(t.Context(), "began", nil))
	_, err = r.Sweep(context.Background())
	require.NoError(t, err)
}

// Recorders that are processes of their own are killed while they write: two at a time share a bucket, each is killed
// at a moment of its own, and a third one completes what they left. Each case has one bundle and one leaf.
func TestKilledProcesses(t *testing.T) {
	if address := os.Getenv(processBucket); address != "" {
		sweep(t, address, os.Getenv(processKey))
		return
	}
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	self, err := os.Executable()
	require.NoError(t, err)
	draw := rand.New(rand.NewPCG(21, 3))
	killed, partial, torn := 0, 0, 0
	for range rounds {
		l := newLab(t)
		began := filepath.Join(l.dir, "began")
		var both []*exec.Cmd
		for range 2 {
			command := exec.CommandContext(t.Context(), self, "-test.run=^TestKilledProcesses$")
			command.Env = append(os.Environ(), processBucket+"=file://"+l.dir, processKey+"="+l.private)
			require.NoError(t, command.Start())
			both = append(both, command)
		}
		require.Eventually(t, func() bool { _, err := os.Stat(began); return err == nil }, time.Minute, time.Millisecond)
		for _, command := range both {
			time.Sleep(time.Duration(draw.IntN(300)) * time.Millisecond)
			require.NoError(t, command.Process.Kill())
			if command.Wait() != nil {
				killed++
			}
		}
		n := int64(len(l.source.cases))
		if leaves, records := l.size(); leaves < n && records > 0 {
			partial++
		}
		_, err = l.recorder().Sweep(t.Context())
		require.NoError(t, err)
		leaves, records := l.size()
		require.Equal(t, n, leaves)
		require.EqualValues(t, n, records)
		for _, c := range l.source.cases {
			names, err := l.recorder().Records(t.Context(), c.Reference)
			require.NoError(t, err)
			require.Len(t, names, 1)
			evidence, err := l.recorder().Evidence(t.Context(), names[0])
			require.NoError(t, err)
			require.Equal(t, verify.Verified, l.verify(evidence).Verdict())
		}
		require.NoError(t, filepath.WalkDir(l.dir, func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".tmp") {
				torn++
			}
			return err
		}))
	}
	t.Logf("%d recorders were killed in %d rounds; %d rounds left some cases without a leaf, and %d files half written",
		killed, rounds, partial, torn)
	require.Positive(t, partial)
}
