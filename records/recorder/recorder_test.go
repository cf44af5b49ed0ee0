package recorder_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"

	"durablekyc.example/internal/goldens"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/histories"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
	"durablekyc.example/records/verify"
)

const release = "v0.1"

// temporal is a Temporal that has the golden cases. It is a source.
type temporal struct {
	cases  []goldens.Case
	broken string // the reference of a case that cannot be read
	open   string // and of one whose notifier is open
}

func (s temporal) closedBy(c goldens.Case) recorder.Closed {
	closed := recorder.Closed{Reference: c.Reference, At: began.Add(time.Hour),
		Run: histories.Started(c.Runs[len(c.Runs)-1]).GetOriginalExecutionRunId()}
	if c.Reference == s.broken {
		closed.At = began
	}
	return closed
}

// began is when the first case was closed.
var began = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func (s temporal) Closed(_ context.Context, each func(recorder.Closed) error) error {
	for _, c := range s.cases {
		if err := each(s.closedBy(c)); err != nil {
			return err
		}
	}
	return nil
}

var errUnavailable = errors.New("Temporal is unavailable")

func (s temporal) Runs(ctx context.Context, closed recorder.Closed) (all recorder.Runs, err error) {
	switch closed.Reference {
	case s.broken:
		return all, errUnavailable
	case s.open:
		return all, recorder.ErrOpen
	}
	return goldens.Source(s.cases).Runs(ctx, closed)
}

// lab has a bucket, and what a recorder and an auditor need.
type lab struct {
	t               *testing.T
	dir             string
	bucket          *store.Bucket
	maker           recorder.Maker
	source          temporal
	private, public string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	cases, keyset := goldens.Cases(t, "../../workflows/testdata/histories")
	dir := filepath.Join(t.TempDir(), "records")
	b, err := store.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	l := &lab{t: t, dir: dir, bucket: b, source: temporal{cases: cases},
		maker: recorder.Maker{Keyset: keyset, Release: release}}
	l.private, l.public, err = log.NewKey("kyc.example.com/records")
	require.NoError(t, err)
	return l
}

// recorder is another process: it shares nothing but the bucket.
func (l *lab) recorder() *recorder.Recorder {
	l.t.Helper()
	entries, err := log.New(l.bucket, l.private)
	require.NoError(l.t, err)
	return &recorder.Recorder{Maker: l.maker, Source: l.source, Bucket: l.bucket, Log: entries}
}

func (l *lab) verify(b *bundle.Bundle) verify.Report {
	l.t.Helper()
	r, err := verify.Verifier{Key: l.public, Release: release}.File(b.Encode())
	require.NoError(l.t, err)
	return r
}

// size is how many leaves and how many records there are.
func (l *lab) size() (leaves int64, records int) {
	entries, err := log.New(l.bucket, l.public)
	require.NoError(l.t, err)
	leaves, err = entries.Size(l.t.Context())
	require.NoError(l.t, err)
	require.NoError(l.t, l.bucket.List(l.t.Context(), "record/", func(string) error { records++; return nil }))
	return leaves, records
}

// Every closed case has one record, whose evidence verifies, however often the sweep runs.
func TestASweepPutsEveryCaseOnRecord(t *testing.T) {
	l := newLab(t)
	n := len(l.source.cases)
	swept, err := l.recorder().Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, recorder.Swept{Closed: n, Recorded: n, Complete: true}, swept)
	swept, err = l.recorder().Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, recorder.Swept{Closed: n, Complete: true}, swept)
	leaves, records := l.size()
	require.EqualValues(t, n, leaves)
	require.Equal(t, n, records)

	for _, c := range l.source.cases {
		names, err := l.recorder().Records(t.Context(), c.Reference)
		require.NoError(t, err)
		require.Len(t, names, 1)
		evidence, err := l.recorder().Evidence(t.Context(), names[0])
		require.NoError(t, err)
		require.Equal(t, verify.Verified, l.verify(evidence).Verdict())
	}
	_, err = l.recorder().Records(t.Context(), "individual") // others begin with it
	require.ErrorIs(t, err, recorder.ErrNoRecord)
	_, err = l.recorder().Evidence(t.Context(), "none/none")
	require.ErrorIs(t, err, recorder.ErrNoRecord)
}

// counting counts what a log reads.
type counting struct {
	*store.Bucket
	reads int
}

func (c *counting) Read(ctx context.Context, name string) ([]byte, error) {
	c.reads++
	return c.Bucket.Read(ctx, name)
}

// A bucket is paid for by the request: what the last sweep found on record, the next one does not ask for.
func TestASweepRemembers(t *testing.T) {
	l := newLab(t)
	counted := &counting{Bucket: l.bucket}
	r := l.recorder()
	var err error
	r.Log, err = log.New(counted, l.private)
	require.NoError(t, err)
	for sweep, limit := range []int{1000, 5, 5} {
		counted.reads = 0
		swept, err := r.Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, len(l.source.cases), swept.Closed)
		require.LessOrEqual(t, counted.reads, limit, "sweep %d", sweep+1)
	}
}

// What cannot be read now keeps no other case from its record.
func TestOneCaseThatFails(t *testing.T) {
	l := newLab(t)
	l.source.broken = "refused"
	l.source.open = "notified"
	swept, err := l.recorder().Sweep(t.Context())
	require.ErrorIs(t, err, errUnavailable)
	require.ErrorContains(t, err, "cannot put case refused on record")
	require.Equal(t, recorder.Swept{Closed: len(l.source.cases), Recorded: len(l.source.cases) - 2,
		Open: 1, Failed: 1, Complete: true, Missing: began}, swept)
	l.source.broken, l.source.open = "", ""
	swept, err = l.recorder().Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, swept.Recorded)
}

// Four recorders sweep at the same time: each case has one bundle and one leaf.
func TestRecordersAtTheSameTime(t *testing.T) {
	l := newLab(t)
	var group sync.WaitGroup
	for range 4 {
		r := l.recorder()
		group.Go(func() {
			if _, err := r.Sweep(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	leaves, records := l.size()
	require.EqualValues(t, len(l.source.cases), leaves)
	require.Equal(t, len(l.source.cases), records)
}

// The bucket of an auditor who has it all, and no keyset, has no word about the customer.
func TestTheBucketHasNothingInPlaintext(t *testing.T) {
	l := newLab(t)
	_, err := l.recorder().Sweep(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.bucket.List(t.Context(), "", func(name string) error {
		data, err := l.bucket.Read(t.Context(), name)
		require.NoError(t, err)
		for _, word := range []string{"cstap_", "cstab_", "iapp_", "customerId", "webhookUrl"} {
			require.NotContains(t, name+string(data), word)
		}
		return nil
	}))
}

// The texts that applicants were shown are in the bundle, each once and under its digest. The golden cases have none:
// their images came from a terminal.
func TestConsentTexts(t *testing.T) {
	l := newLab(t)
	texts, sums := map[string]string{}, []string{}
	for _, text := range []string{"I agree to all of it", "We identify you"} {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
		texts[sum], sums = text, append(sums, sum)
	}
	c := l.find("individualstepup")
	for i, h := range c.Runs {
		plain, err := histories.Decrypt(h, l.maker.Keyset.Codec())
		require.NoError(t, err)
		for _, e := range plain.Events {
			request := e.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest().GetInput()
			if request.GetName() == "submit-documents" {
				p := request.GetArgs().GetPayloads()[0]
				consent := fmt.Sprintf(`"consent":{"text":"%s","version":"1","language":"en",`+
					`"at":"2026-11-29T00:00:00Z","notice":{"text":"%s","version":"1","language":"en"}}`, sums[0], sums[1])
				p.Data = bytes.Replace(p.Data, []byte(`"consent":{"elsewhere":true}`), []byte(consent), 1)
			}
		}
		c.Runs[i] = plain
	}
	make := func() *bundle.Bundle {
		b, err := l.maker.Make(t.Context(), c.Reference, c.Recorded())
		require.NoError(t, err)
		return b
	}
	require.Len(t, make().Manifest.Parts, 3, "a text that is not kept is not in it")
	l.maker.Text = func(_ context.Context, sum string) (string, bool, error) {
		text, kept := texts[sum]
		return text, kept, nil
	}
	parts := make().Manifest.Parts
	require.Len(t, parts, 5)
	slices.Sort(sums)
	for i, sum := range sums {
		require.Equal(t, bundle.ConsentName(sum), parts[3+i].Name)
		require.Equal(t, sum, parts[3+i].Plaintext)
	}
	l.maker.Text = func(context.Context, string) (string, bool, error) { return "", false, io.ErrClosedPipe }
	_, err := l.maker.Make(t.Context(), c.Reference, c.Recorded())
	require.ErrorIs(t, err, io.ErrClosedPipe, "a text that cannot be read is no reason for a record without it")
}

func TestAKeyOfAnotherReference(t *testing.T) {
	l := newLab(t)
	c := l.find("individualapprove")
	b, err := l.maker.Make(t.Context(), c.Reference, recorder.Runs{Case: goldens.Runs(c.Runs)})
	require.NoError(t, err)
	_, err = b.Evidence(func(wrapped []byte) ([]byte, error) { return l.maker.Unwrap("another", wrapped) }, nil, nil)
	require.Error(t, err)
	_, err = l.maker.Make(t.Context(), "another", recorder.Runs{Case: goldens.Runs(c.Runs)})
	require.ErrorContains(t, err, "history 1 is of another case")
	empty := recorder.Runs{Case: []recorder.Run{{ID: "1", History: &historypb.History{}}}}
	_, err = l.maker.Make(t.Context(), c.Reference, empty)
	require.ErrorContains(t, err, "has no WorkflowExecutionStarted event")
}

// A bundle that was damaged in the bucket is reported, and gets no leaf.
func TestADamagedRecord(t *testing.T) {
	l := newLab(t)
	closed := l.source.closedBy(l.find("individualapprove"))
	name := fmt.Sprintf("record/%s/%s.kyc", closed.Reference, closed.Run)
	require.NoError(t, l.bucket.Create(t.Context(), name, []byte("damaged")))
	require.ErrorContains(t, l.recorder().Record(t.Context(), closed),
		"the existing record is damaged: manifest.json")
	leaves, _ := l.size()
	require.Zero(t, leaves)
}
