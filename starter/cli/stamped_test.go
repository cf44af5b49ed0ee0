package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/tsatest"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
)

// stampLog has the latest checkpoint stamped, as the worker does.
func stampLog(t *testing.T, variables map[string]string, a *tsatest.Authority) {
	t.Helper()
	bucket, err := store.Open(t.Context(), variables["KYC_RECORDS"])
	require.NoError(t, err)
	defer bucket.Close()
	entries, err := log.New(bucket, variables["KYC_RECORDS_KEY"])
	require.NoError(t, err)
	r := recorder.Recorder{Bucket: bucket, Log: entries}
	kept, err := r.Stamp(t.Context(), time.Now(), func(_ context.Context, request []byte) ([]byte, error) {
		return a.Sign(request)
	})
	require.NoError(t, err)
	require.True(t, kept)
}

// Evidence and packs say by when their records existed. With roots, who says so must be one that the verifier trusts.
func TestEvidenceWithATimestamp(t *testing.T) {
	variables, public := onRecord(t, "individualdeny", "notified")
	a, other := tsatest.New(t, "Time"), tsatest.New(t, "Time")
	a.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	stampLog(t, variables, a)
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("roots.pem", []byte(other.Root+a.Root), 0o600))
	require.NoError(t, os.WriteFile("other.pem", []byte(other.Root), 0o600))
	code, _, stderr := starterWith(t, variables, "evidence", "individualdeny")
	require.Zero(t, code, stderr)
	code, _, stderr = starterWith(t, variables, "exam", "--seed", "7", "--sample", "2", "--out", "pack.zip")
	require.Zero(t, code, stderr)
	for roots, says := range map[string]string{"": "was not checked: --tsa-roots FILE checks it",
		"roots.pem": "was issued under a root of --tsa-roots"} {
		code, stdout, stderr := starterWith(t, nil, "verify", "--key", public, "--tsa-roots", roots, "individualdeny.kyc",
			"pack.zip")
		require.Zero(t, code, stderr)
		require.Regexp(t, `  whole        verified
  existed by   2\S+Z, says CN=Time,O=Example
               whose certificate `+says+`
  consistent   verified
`, stdout)
		require.Equal(t, 3, strings.Count(stdout, says), "and in both of the pack")
		require.Equal(t, 1, strings.Count(stdout, "individualdeny.kyc: verified\n"))
		require.Equal(t, 1, strings.Count(stdout, "pack.zip: verified\n"))
	}
	code, stdout, _ := starterWith(t, nil, "verify", "--key", public, "--tsa-roots", "other.pem", "individualdeny.kyc",
		"pack.zip")
	require.Equal(t, 3, code)
	const untrusted = "timestamp.tst, the certificate of its authority was not issued for time-stamps under a trusted root"
	require.Contains(t, stdout, "individualdeny.kyc: does not verify\n  whole        does not verify: "+untrusted)
	require.Contains(t, stdout, "pack.zip: does not verify\n")
	require.Equal(t, 3, strings.Count(stdout, untrusted))
	require.NotContains(t, stdout, "existed by")

	code, stdout, _ = starterWith(t, nil, "--json", "verify", "--key", public, "individualdeny.kyc")
	require.Zero(t, code)
	var v struct {
		Timestamp struct {
			At        time.Time
			Authority string
			Trusted   bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &v))
	require.WithinDuration(t, a.Now(), v.Timestamp.At, time.Minute)
	require.Equal(t, "CN=Time,O=Example", v.Timestamp.Authority)
	require.False(t, v.Timestamp.Trusted)

	data, err := os.ReadFile("individualdeny.kyc")
	require.NoError(t, err)
	data[bytes.Index(data, []byte("timestamp.tst"))+1000] ^= 1
	require.NoError(t, os.WriteFile("changed.kyc", data, 0o600))
	code, stdout, _ = starterWith(t, nil, "verify", "--key", public, "changed.kyc")
	require.Equal(t, 3, code)
	require.Contains(t, stdout, "  whole        does not verify: timestamp.tst, ")
	for _, wrong := range []string{"nowhere.pem", "individualdeny.kyc"} {
		code, _, stderr = starterWith(t, nil, "verify", "--key", public, "--tsa-roots", wrong, "individualdeny.kyc")
		require.Equal(t, 2, code)
		require.Contains(t, stderr, "--tsa-roots: ")
	}
}

// Evidence without a time-stamp does not pretend to have one, whatever roots are trusted.
func TestEvidenceWithoutATimestamp(t *testing.T) {
	variables, public := onRecord(t, "individualdeny")
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("roots.pem", []byte(tsatest.New(t, "Time").Root), 0o600))
	code, _, stderr := starterWith(t, variables, "evidence", "individualdeny")
	require.Zero(t, code, stderr)
	code, stdout, stderr := starterWith(t, nil, "verify", "--key", public, "--tsa-roots", "roots.pem",
		"individualdeny.kyc")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "  existed by   not known: there is no time-stamp\n")
	code, stdout, stderr = starterWith(t, nil, "verify", "--key", public, "individualdeny.kyc")
	require.Zero(t, code, stderr)
	require.NotContains(t, stdout, "existed by")
}

// Doctor says how far the time-stamps reach, and warns where none came for two days though the log has grown.
func TestDoctorLooksAtTimestamps(t *testing.T) {
	at := time.Now()
	a := tsatest.New(t, "Time")
	a.Now = func() time.Time { return at }
	check := func(w *ward) string { _, found := w.found(t); return found["KYC_RECORDS_TSA"] }
	w := healthy(t)
	require.Empty(t, check(w))
	variables, _ := onRecord(t, "individualdeny")
	w.variables["KYC_RECORDS"], w.variables["KYC_RECORDS_KEY"] = variables["KYC_RECORDS"], variables["KYC_RECORDS_KEY"]
	require.Contains(t, check(w), "skipped: not set: records have no time-stamp")
	w.variables["KYC_RECORDS_TSA"] = a.URL
	require.Contains(t, check(w), "warning: the log has no time-stamp yet")
	at = time.Now().Add(-49 * time.Hour)
	stampLog(t, variables, a)
	require.Regexp(t, `^ok: the last time-stamp is of \S+Z and covers 1 of 1 records`, check(w))
	require.Zero(t, a.Asked(), "doctor takes no token")
	more(t, variables, 0, "notified")
	require.Regexp(t, `^warning: the last time-stamp is of \S+Z, and 1 records since then have none the worker's log`,
		check(w))
}
