package taskqueue

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"durablekyc.example/cases"
	"durablekyc.example/internal/docstore"
)

const photo = "\xff\xd8\xff\xe0 the rest of a photo"

// known is what is known of cases; whoever is not in it is unknown.
type known map[string]struct {
	standing cases.Standing
	err      error
	sending  bool
	mute     error // the case's own answer
}

func (k known) CloseState(_ context.Context, reference string) (cases.Standing, error) {
	c, ok := k[reference]
	if !ok {
		return cases.Standing{}, cases.ErrNotFound
	}
	return c.standing, c.err
}

func (k known) HasPendingUploads(_ context.Context, reference string) (bool, error) {
	return k[reference].sending, k[reference].mute
}

// swept is a sweep of a bucket at a time.
func swept(t *testing.T, documents *docstore.Store, cases caseStates, now time.Time) *sweep {
	t.Helper()
	s := &sweep{cases: cases, documents: documents, grace: DefaultGrace, every: time.Hour,
		pace: rate.NewLimiter(rate.Inf, 1), now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler)}
	require.NoError(t, s.register(prometheus.NewRegistry()))
	return s
}

func bucket(t *testing.T, url string) *docstore.Store {
	t.Helper()
	documents, err := docstore.Open(t.Context(), url, keyset(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, documents.Close()) })
	return documents
}

func stored(t *testing.T, documents *docstore.Store, owner string) string {
	t.Helper()
	key, err := documents.Put(t.Context(), owner, strings.NewReader(photo), "")
	require.NoError(t, err)
	require.NoError(t, documents.PutMarker(t.Context(), key, "document", "doc_1"))
	return key
}

// left tells what there is of an owner: image, receipt, both, or nothing.
func left(t *testing.T, documents *docstore.Store, owner, key string) string {
	t.Helper()
	var found []string
	r, err := documents.Read(t.Context(), owner, key)
	if err == nil {
		require.NoError(t, r.Close())
		found = append(found, "image")
	} else {
		require.ErrorIs(t, err, docstore.ErrNotFound)
	}
	_, noted, err := documents.Marker(t.Context(), key, "document")
	require.NoError(t, err)
	if noted {
		found = append(found, "receipt")
	}
	return strings.Join(found, " ")
}

func TestWhatASweepLeaves(t *testing.T) {
	const all, nothing = "image receipt", ""
	now := time.Now()
	closed := func(ago time.Duration, undecided bool) cases.Standing {
		return cases.Standing{Closed: now.Add(-ago), Undecided: undecided}
	}
	away := errors.New("no idea")
	for name, test := range map[string]struct {
		cases known
		age   time.Duration // of everything of the owner's
		left  string
		fails bool
	}{
		"decided, long ago":        {cases: known{"A1": {standing: closed(25*time.Hour, false)}}, left: nothing},
		"decided just a grace ago": {cases: known{"A1": {standing: closed(24*time.Hour, false)}}, left: nothing},
		"decided, the grace runs": {cases: known{"A1": {standing: closed(-77*time.Hour, false)}},
			age: 100 * time.Hour, left: all},
		"ended without a decision": {cases: known{"A1": {standing: closed(time.Second, true)}}, left: nothing},
		"unknown and old":          {cases: known{}, age: 25 * time.Hour, left: nothing},
		"unknown and young":        {cases: known{}, age: 23 * time.Hour, left: all},
		"runs, young":              {cases: known{"A1": {}}, age: 47 * time.Hour, left: all},
		"runs, old":                {cases: known{"A1": {}}, age: 49 * time.Hour, left: "receipt"},
		"runs, old and on its way": {cases: known{"A1": {sending: true}}, age: 1000 * time.Hour, left: all},
		"runs, old, and does not say": {cases: known{"A1": {mute: cases.ErrNoAnswer}}, age: 1000 * time.Hour, left: all,
			fails: true},
		"runs, young, need not be asked": {cases: known{"A1": {mute: away}}, age: 47 * time.Hour, left: all},
		"Temporal does not say": {cases: known{"A1": {err: cases.ErrUnavailable}}, age: 1000 * time.Hour, left: all,
			fails: true},
		"Temporal says what nobody knows": {cases: known{"A1": {err: away}}, age: 1000 * time.Hour, left: all, fails: true},
	} {
		for kind, url := range map[string]string{"memory": "mem://", "directory": "file://" + filepath.ToSlash(t.TempDir())} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				documents := bucket(t, url)
				key := stored(t, documents, "A1")
				s := swept(t, documents, test.cases, now.Add(test.age+time.Second))
				for range 2 { // a second worker changes nothing
					_, err := s.pass(t.Context())
					require.Equal(t, test.fails, err != nil, "%v", err)
					require.Equal(t, test.left, left(t, documents, "A1", key))
				}
				owners := 0
				for range documents.Owners(t.Context()) {
					owners++
				}
				require.Equal(t, test.left != nothing, owners == 1, "the name goes with the last of it")
			})
		}
	}
}

// aged makes all files, or those of one image, as old as that.
func aged(t *testing.T, dir, contains string, age time.Duration) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(filepath.ToSlash(path), contains) {
			return err
		}
		return os.Chtimes(path, time.Time{}, time.Now().Add(-age))
	}))
}

func TestASweepTellsOldFromYoung(t *testing.T) {
	dir := t.TempDir()
	documents := bucket(t, "file://"+filepath.ToSlash(dir))
	old, young := stored(t, documents, "A1"), stored(t, documents, "A1")
	unknownOld, unknownYoung := stored(t, documents, "A2"), stored(t, documents, "A2")
	aged(t, dir, "", 50*time.Hour)
	aged(t, dir, young, 40*time.Hour)
	aged(t, dir, unknownYoung, 10*time.Hour)
	s := swept(t, documents, known{"A1": {}}, time.Now())
	done, err := s.pass(t.Context())
	require.NoError(t, err)
	require.Equal(t, tally{owners: 2, images: 1}, done)
	require.Equal(t, "receipt", left(t, documents, "A1", old))
	require.Equal(t, "image receipt", left(t, documents, "A1", young))
	require.Equal(t, "image receipt", left(t, documents, "A2", unknownOld), "the newest counts for all")
	require.Equal(t, "image receipt", left(t, documents, "A2", unknownYoung))
}

// starting is a case that is unknown when it is asked for, and stores an image
// before the answer has any effect.
type starting struct {
	known
	store func()
}

func (s starting) CloseState(ctx context.Context, reference string) (cases.Standing, error) {
	defer s.store()
	return s.known.CloseState(ctx, reference)
}

func TestACaseThatStartsMeanwhileKeepsItsImages(t *testing.T) {
	dir := t.TempDir()
	documents := bucket(t, "file://"+filepath.ToSlash(dir))
	old := stored(t, documents, "A1")
	aged(t, dir, "", 50*time.Hour)
	var fresh string
	s := swept(t, documents, starting{known{}, func() { fresh = stored(t, documents, "A1") }}, time.Now())
	_, err := s.pass(t.Context())
	require.NoError(t, err)
	require.Empty(t, left(t, documents, "A1", old))
	require.Equal(t, "image receipt", left(t, documents, "A1", fresh))
}

func TestOneOwnersTroubleIsNobodyElses(t *testing.T) {
	documents := bucket(t, "mem://")
	owners, keys := known{}, map[string]string{}
	for _, owner := range []string{"A1", "A2", "A3", "A4", "A5"} {
		keys[owner] = stored(t, documents, owner)
		c := owners[owner]
		c.standing.Closed, c.standing.Undecided = time.Now(), true
		owners[owner] = c
	}
	broken := owners["A3"]
	broken.err = errors.New("a closed case has no stage in its result")
	owners["A3"] = broken
	s := swept(t, documents, owners, time.Now())
	done, err := s.pass(t.Context())
	require.ErrorIs(t, err, broken.err)
	require.Equal(t, tally{owners: 5, deleted: 4, failed: 1}, done)
	require.Equal(t, "image receipt", left(t, documents, "A3", keys["A3"]))

	broken.err = cases.ErrUnavailable
	for owner := range owners {
		stored(t, documents, owner)
		owners[owner] = broken
	}
	done, err = s.pass(t.Context())
	require.ErrorIs(t, err, cases.ErrUnavailable)
	require.Equal(t, tally{owners: 1, failed: 1}, done, "nobody else is asked for")
}

// A worker with the wrong keyset must not empty a bucket.
func TestAWrongKeysetRemovesNothing(t *testing.T) {
	url := "file://" + filepath.ToSlash(t.TempDir())
	documents := bucket(t, url)
	key := stored(t, documents, "A1")
	s := swept(t, bucket(t, url), known{}, time.Now().Add(10000*time.Hour))
	var log bytes.Buffer
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	done, err := s.pass(t.Context())
	require.NoError(t, err)
	require.Equal(t, tally{unowned: 1}, done)
	require.Equal(t, "image receipt", left(t, documents, "A1", key))
	s.report(done, err)
	require.Contains(t, log.String(), "level=WARN")
	require.Contains(t, log.String(), "unowned=1")
}

func TestSweepsAreReportedInCounts(t *testing.T) {
	documents := bucket(t, "mem://")
	stored(t, documents, "extRefApp100")
	s := swept(t, documents, known{"extRefApp100": {standing: cases.Standing{Closed: time.Now(), Undecided: true}}},
		time.Now())
	registry := prometheus.NewRegistry()
	require.NoError(t, s.register(registry))
	again := *s
	require.NoError(t, again.register(registry), "a second worker of the process")
	var log bytes.Buffer
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	s.report(s.pass(t.Context()))
	s.report(tally{images: 3, failed: 1}, errors.New("the line went dead"))
	require.InDelta(t, 1, testutil.ToFloat64(again.removed.WithLabelValues("owner")), 0)
	require.InDelta(t, 3, testutil.ToFloat64(again.removed.WithLabelValues("image")), 0)
	require.InDelta(t, 1, testutil.ToFloat64(again.passes.WithLabelValues("complete")), 0)
	require.InDelta(t, 1, testutil.ToFloat64(again.passes.WithLabelValues("failed")), 0)
	require.Contains(t, log.String(), "deleted=1")
	require.Contains(t, log.String(), "the line went dead")
	require.NotContains(t, log.String(), "extRefApp100")
}

// asked counts who is asked for, at which time.
type asked struct{ at []time.Time }

func (a *asked) CloseState(context.Context, string) (cases.Standing, error) {
	a.at = append(a.at, time.Now())
	return cases.Standing{}, errors.New("never mind")
}

func (a *asked) HasPendingUploads(context.Context, string) (bool, error) { return false, nil }

func TestSweepsComeEveryHourWhateverHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		documents := bucket(t, "mem://")
		stored(t, documents, "A1")
		seen := &asked{}
		s := swept(t, documents, seen, time.Now())
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
		defer cancel()
		s.run(ctx)
		require.Equal(t, 10*time.Hour, time.Since(start), "it ends with its context")
		require.InDelta(t, 10, len(seen.at), 1)
		require.Less(t, seen.at[0].Sub(start), time.Minute, "soon after the start")
		for i, at := range seen.at[1:] {
			require.InDelta(t, time.Hour, at.Sub(seen.at[i]), float64(6*time.Minute))
		}
	})
}
