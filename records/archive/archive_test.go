package archive_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/internal/goldens"
	"durablekyc.example/kyc"
	"durablekyc.example/records/archive"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
)

// recorded puts the golden cases on record, in a directory.
func recorded(t *testing.T) (*archive.Archive, []goldens.Case, string) {
	t.Helper()
	all, keyset := goldens.Cases(t, "../../workflows/testdata/histories")
	dir := t.TempDir()
	bucket, err := store.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	private, _, err := log.NewKey("kyc.example.com/records")
	require.NoError(t, err)
	entries, err := log.New(bucket, private)
	require.NoError(t, err)
	r := recorder.Recorder{Maker: recorder.Maker{Keyset: keyset}, Source: goldens.Source(all), Bucket: bucket,
		Log: entries}
	_, err = r.Sweep(t.Context())
	require.NoError(t, err)
	a, err := archive.Open(t.Context(), "file://"+dir, keyset)
	require.NoError(t, err)
	return a, all, dir
}

// Every golden case is found as it ended, with its notifications.
func TestEveryCaseIsFound(t *testing.T) {
	a, all, _ := recorded(t)
	events := 0
	for _, c := range all {
		r, err := a.Find(t.Context(), c.Reference)
		require.NoError(t, err, c.Reference)
		require.Equal(t, c.Reference, r.View.Reference)
		if c.Reference == "refused" { // it was held when its histories were taken
			require.Equal(t, cases.RunTerminated, r.State)
			require.Equal(t, kyc.Held, r.View.Stage)
			continue
		}
		require.Equal(t, cases.RunCompleted, r.State, c.Reference)
		require.True(t, r.View.Stage.Final(), c.Reference)
		require.NotEmpty(t, r.View.CustomerID)
		require.NotEmpty(t, r.View.Timeline)
		require.NotNil(t, r.Events)
		events += len(r.Events)
	}
	require.Positive(t, events)
	r, err := a.Find(t.Context(), "individualdeny")
	require.NoError(t, err)
	require.Equal(t, kyc.Denied, r.View.Stage)
	_, err = a.Find(t.Context(), "individual") // other references begin with it
	require.ErrorIs(t, err, cases.ErrNotFound)
}

// What is wrong with a record is said, and is no "not found": its reference must not be started again.
func TestARecordThatCannotBeRead(t *testing.T) {
	a, _, dir := recorded(t)
	object := func(reference string) string {
		found, err := filepath.Glob(filepath.Join(dir, "record", reference, "*.kyc"))
		require.NoError(t, err)
		require.Len(t, found, 1)
		return found[0]
	}
	path := object("individualdeny")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data[:len(data)-1], 0o600))
	_, err = a.Find(t.Context(), "individualdeny")
	require.ErrorContains(t, err, "is damaged: policy.json: the file is truncated")
	require.NotErrorIs(t, err, cases.ErrNotFound)

	other, err := os.ReadFile(object("individualapprove"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, other, 0o600))
	_, err = a.Find(t.Context(), "individualdeny")
	require.ErrorContains(t, err, "is damaged: it is individualapprove/")

	require.NoError(t, a.Close())
	_, err = a.Find(t.Context(), "individualapprove")
	require.ErrorIs(t, err, cases.ErrRecords)
	require.ErrorIs(t, err, cases.ErrUnavailable)
	require.True(t, strings.HasPrefix(err.Error(), "the records of closed cases cannot be read now: "), err)
}
