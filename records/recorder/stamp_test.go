package recorder_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/goldens"
	"durablekyc.example/internal/tsatest"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
	"durablekyc.example/records/verify"
)

// stamps counts how often it asks an authority.
type stamps struct {
	*tsatest.Authority
	mu    sync.Mutex
	asked int
	fails error
}

func (s *stamps) post(_ context.Context, request []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.fails != nil {
		return nil, s.fails
	}
	return s.Sign(request)
}

// grow puts one more golden case on record.
func (l *lab) grow(all []goldens.Case) {
	l.t.Helper()
	l.source.cases = all[:len(l.source.cases)+1]
	swept, err := l.recorder().Sweep(l.t.Context())
	require.NoError(l.t, err)
	require.Equal(l.t, 1, swept.Recorded)
}

// names are those of the objects under a prefix.
func (l *lab) names(prefix string) (all []string) {
	require.NoError(l.t, l.bucket.List(l.t.Context(), prefix, func(name string) error {
		all = append(all, name)
		return nil
	}))
	return all
}

// A day has one time-stamp at most, of the checkpoint that was the latest when it was asked for first, and none if the
// log has not grown.
func TestOneTimestampADay(t *testing.T) {
	l := newLab(t)
	all := l.source.cases
	l.source.cases = nil
	s := &stamps{Authority: tsatest.New(t, "Time")}
	stamp := func(now time.Time, want bool) {
		t.Helper()
		kept, err := l.recorder().Stamp(t.Context(), now, s.post)
		require.NoError(t, err)
		require.Equal(t, want, kept, "%s", now)
	}
	day := func(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }
	stamp(day(1, 8), false)
	require.Zero(t, s.asked, "the log is empty")
	l.grow(all)
	stamp(day(1, 9), true)
	stamp(day(1, 10), false)
	l.grow(all)
	stamp(day(1, 23), false)
	require.Equal(t, 1, s.asked, "it has grown, and the day has one")
	stamp(day(2, 0), true)
	stamp(day(3, 9), false)
	stamp(day(30, 9), false)
	require.Equal(t, 2, s.asked, "it has not grown")
	l.grow(all)
	stamp(day(30, 10), true)
	l.grow(all)
	stamp(day(4, 9), true) // the clock jumps back
	require.Equal(t, 4, s.asked)
	require.Equal(t, []string{"log/timestamps/00000000000000000001", "log/timestamps/00000000000000000002",
		"log/timestamps/00000000000000000003", "log/timestamps/00000000000000000004"}, l.names("log/timestamps/"))
}

// Eight recorders ask at the same time, and the log grows meanwhile: the day has one time-stamp.
func TestRecordersAgreeOnOneTimestamp(t *testing.T) {
	l := newLab(t)
	all := l.source.cases
	l.source.cases = nil
	l.grow(all)
	s := &stamps{Authority: tsatest.New(t, "Time")}
	both := make(chan struct{})
	var group, asking sync.WaitGroup
	asking.Add(8)
	kept := make([]bool, 8)
	for i := range kept {
		r := l.recorder()
		group.Go(func() {
			var err error
			kept[i], err = r.Stamp(context.Background(), began, func(ctx context.Context, request []byte) ([]byte, error) {
				asking.Done()
				<-both // no answer before every recorder has asked
				return s.post(ctx, request)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	l.grow(all)
	late, err := l.recorder().Stamp(t.Context(), began, s.post)
	require.NoError(t, err)
	close(both)
	group.Wait()
	require.Len(t, l.names("log/timestamps/"), 1)
	require.True(t, late, "it was the first one whose answer came")
	require.Equal(t, make([]bool, 8), kept)
}

// hooked calls a function before an object is created.
type hooked struct {
	*store.Bucket
	before func(name string)
}

func (h hooked) Create(ctx context.Context, name string, data []byte) error {
	h.before(name)
	return h.Bucket.Create(ctx, name, data)
}

// A recorder that is late with its claim of a day takes the checkpoint of the one that was faster.
func TestARecorderThatIsLateWithItsClaim(t *testing.T) {
	l := newLab(t)
	all := l.source.cases
	l.source.cases = nil
	l.grow(all)
	s := &stamps{Authority: tsatest.New(t, "Time")}
	late := l.recorder()
	var err error
	late.Log, err = log.New(hooked{l.bucket, func(name string) {
		require.Equal(t, "log/stamping/2026-03-01", name)
		l.grow(all)
		kept, err := l.recorder().Stamp(t.Context(), began, s.post)
		require.NoError(t, err)
		require.True(t, kept)
	}}, l.private)
	require.NoError(t, err)
	kept, err := late.Stamp(t.Context(), began, s.post)
	require.NoError(t, err)
	require.False(t, kept)
	require.Equal(t, 1, s.asked)
	require.Equal(t, []string{"log/timestamps/00000000000000000002"}, l.names("log/timestamps/"))
}

// What fails stops nothing, is tried again, and an answer that is not accepted is not kept.
func TestAnAuthorityThatFails(t *testing.T) {
	l := newLab(t)
	l.source.cases = l.source.cases[:2]
	_, err := l.recorder().Sweep(t.Context())
	require.NoError(t, err)
	s := &stamps{Authority: tsatest.New(t, "Time"), fails: errors.New("no route")}
	_, err = l.recorder().Stamp(t.Context(), began, s.post)
	require.EqualError(t, err, "the authority did not stamp the checkpoint of 2 records: no route")
	garbage := func(context.Context, []byte) ([]byte, error) { return []byte("?"), nil }
	_, err = l.recorder().Stamp(t.Context(), began, garbage)
	require.ErrorContains(t, err, "its answer is not one value in DER")
	require.Empty(t, l.names("log/timestamps/"))
	require.Nil(t, l.evidence(l.source.cases[0]).Timestamp, "evidence goes without")
	s.fails = nil
	kept, err := l.recorder().Stamp(t.Context(), began, s.post)
	require.NoError(t, err)
	require.True(t, kept)
}

// evidence is what a verifier finds of the evidence of a case.
func (l *lab) evidence(c goldens.Case) verify.Report {
	l.t.Helper()
	closed := l.source.closedBy(c)
	b, err := l.recorder().Evidence(l.t.Context(), recorder.Name(closed.Reference, closed.Run))
	require.NoError(l.t, err)
	r := l.verify(b)
	require.Equal(l.t, verify.Verified, r.Verdict(), r.Whole)
	return r
}

// Evidence has the oldest time-stamp that covers its record, however many come later.
func TestEvidenceHasTheOldestTimestamp(t *testing.T) {
	l := newLab(t)
	all := l.source.cases[:5]
	l.source.cases = nil
	at := time.Now().UTC().Truncate(time.Second)
	s := &stamps{Authority: tsatest.New(t, "Time")}
	s.Now = func() time.Time { return at }
	for day := range 2 { // two records for each day
		l.grow(all)
		l.grow(all)
		at = at.Add(time.Hour)
		kept, err := l.recorder().Stamp(t.Context(), began.AddDate(0, 0, day), s.post)
		require.NoError(t, err)
		require.True(t, kept)
	}
	l.grow(all)
	for i, stamped := range []time.Time{at.Add(-time.Hour), at.Add(-time.Hour), at, at, {}} {
		r := l.evidence(all[i])
		if stamped.IsZero() {
			require.Nil(t, r.Timestamp, "no checkpoint with a time-stamp has it yet")
			continue
		}
		require.Equal(t, stamped.Add(time.Second), r.Timestamp.At, "record %d", i)
	}

	closed := l.source.closedBy(all[0])
	require.NoError(t, l.bucket.Create(t.Context(), "log/timestamps/0", []byte("what somebody else put there")))
	for _, name := range []string{"log/timestamps/00000000000000000002", "log/checkpoints/00000000000000000002"} {
		data, err := l.bucket.Read(t.Context(), name)
		require.NoError(t, err)
		require.NoError(t, l.bucket.Replace(t.Context(), name, []byte("damaged")))
		_, err = l.recorder().Evidence(t.Context(), recorder.Name(closed.Reference, closed.Run))
		require.ErrorContains(t, err, "the time-stamp of the first 2 records in the bucket is damaged")
		require.NoError(t, l.bucket.Replace(t.Context(), name, data))
	}
}

// A recorder that is killed at any operation leaves what another one completes, on the same day.
func TestARecorderThatDiesWhileStamping(t *testing.T) {
	s := &stamps{Authority: tsatest.New(t, "Time")}
	deaths := 0
	for _, after := range []bool{false, true} {
		for at := 0; ; at++ {
			l := newLab(t)
			l.source.cases = l.source.cases[:1]
			_, err := l.recorder().Sweep(t.Context())
			require.NoError(t, err)
			killed, r := &dying{Bucket: l.bucket, left: at, after: after}, l.recorder()
			r.Log, err = log.New(killed, l.private)
			require.NoError(t, err)
			if _, err = r.Stamp(t.Context(), began, s.post); err == nil {
				break
			}
			require.ErrorIs(t, err, errKilled)
			deaths++
			_, err = l.recorder().Stamp(t.Context(), began, s.post)
			require.NoError(t, err)
			require.Len(t, l.names("log/timestamps/"), 1)
			require.NotNil(t, l.evidence(l.source.cases[0]).Timestamp)
		}
	}
	require.Greater(t, deaths, 10)
}
