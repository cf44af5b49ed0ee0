package recorder_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/goldens"
	"durablekyc.example/records/log"
	"durablekyc.example/records/store"
	"durablekyc.example/records/verify"
)

var errKilled = errors.New("killed")

// dying dies at an operation, before or after the bucket has done it, and does nothing from then on.
type dying struct {
	*store.Bucket
	left  int // operations until it dies
	after bool
}

func (d *dying) do(operation func() error) error {
	d.left--
	switch {
	case d.left >= 0:
		return operation()
	case d.left == -1 && d.after:
		_ = operation()
	}
	return errKilled
}

func (d *dying) Create(ctx context.Context, name string, data []byte) error {
	return d.do(func() error { return d.Bucket.Create(ctx, name, data) })
}

func (d *dying) Replace(ctx context.Context, name string, data []byte) error {
	return d.do(func() error { return d.Bucket.Replace(ctx, name, data) })
}

func (d *dying) Read(ctx context.Context, name string) (data []byte, err error) {
	err = d.do(func() (err error) { data, err = d.Bucket.Read(ctx, name); return err })
	return data, err
}

func (d *dying) Exists(ctx context.Context, name string) (there bool, err error) {
	err = d.do(func() (err error) { there, err = d.Bucket.Exists(ctx, name); return err })
	return there, err
}

// A recorder that is killed at any operation, before or after it is done, leaves what another one completes: each case
// has one bundle and one leaf, and evidence that verifies.
func TestARecorderThatDiesAnywhere(t *testing.T) {
	deaths := 0
	for _, after := range []bool{false, true} {
		for at := 0; ; at++ {
			l := newLab(t)
			var err error
			l.bucket, err = store.Open(t.Context(), "mem://")
			require.NoError(t, err)
			l.source.cases = []goldens.Case{l.find("individualapprove"), l.find("refused")}
			killed, r := &dying{Bucket: l.bucket, left: at, after: after}, l.recorder()
			r.Bucket = killed
			r.Log, err = log.New(killed, l.private)
			require.NoError(t, err)
			if _, err = r.Sweep(t.Context()); err == nil {
				break
			}
			require.ErrorIs(t, err, errKilled)
			deaths++
			_, err = l.recorder().Sweep(t.Context())
			require.NoError(t, err)
			leaves, records := l.size()
			require.EqualValues(t, 2, leaves, "killed at operation %d, after it: %t", at, after)
			require.Equal(t, 2, records)
			for _, c := range l.source.cases {
				names, err := l.recorder().Records(t.Context(), c.Reference)
				require.NoError(t, err)
				evidence, err := l.recorder().Evidence(t.Context(), names[0])
				require.NoError(t, err)
				require.Equal(t, verify.Verified, l.verify(evidence).Verdict())
			}
		}
	}
	t.Logf("the recorder died %d times", deaths)
	require.Greater(t, deaths, 30)
}
