//go:build !race

package exam_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/records/exam"
	"durablekyc.example/records/verify"
)

// A pack of 10,000 records with a sample of 25 takes less than a minute, and one case that is left out is found.
func TestAPackOfTenThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	a := newArchive(t, 0)
	a.synthesize(10_000, 1000)
	began := time.Now()
	p := a.pack(exam.Options{From: synthetic, To: synthetic.AddDate(1, 0, 0), Seed: "42", Sample: 25})
	data := written(t, p)
	t.Logf("made in %s, %d bytes", time.Since(began).Round(time.Millisecond), len(data))
	require.Less(t, time.Since(began), time.Minute)
	require.Len(t, p.Rows, 10_000)
	require.Len(t, p.Evidence, 25)
	began = time.Now()
	r := a.check(data)
	t.Logf("checked in %s", time.Since(began).Round(time.Millisecond))
	require.Equal(t, verify.Verified, r.Population.Verdict, r.Population)
	require.Equal(t, verify.Verified, r.Sample.Verdict, r.Sample)
	p.Rows, p.Manifests = slices.Delete(p.Rows, 7000, 7001), slices.Delete(p.Manifests, 7000, 7001)
	require.Contains(t, a.check(written(t, p)).Population.String(), "1 of the 10000 records that the log has")
}
