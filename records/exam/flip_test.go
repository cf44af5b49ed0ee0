package exam_test

import (
	"archive/zip"
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/records/exam"
	"durablekyc.example/records/verify"
)

// entryAt is the entry of a pack that a byte belongs to, with its header and its descriptor; empty for a byte of the
// directory behind them all.
func entryAt(t *testing.T, pack []byte, at int) (name string) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(pack), int64(len(pack)))
	require.NoError(t, err)
	for _, f := range r.File {
		begins, err := f.DataOffset()
		require.NoError(t, err)
		if header := begins - 30 - int64(len(f.Name)); int64(at) >= header &&
			int64(at) < begins+int64(f.UncompressedSize64)+16 {
			name = f.Name
		}
	}
	return name
}

// Whatever byte of a pack changes, it does not verify, and the entry that the byte is in is named.
func TestNoFlippedByteOfAPackVerifies(t *testing.T) {
	flips := 2000
	if testing.Short() {
		flips = 500
	}
	a := newArchive(t, 1)
	pack := written(t, a.pack(exam.Options{Seed: "5", Sample: 2}))
	require.Equal(t, verify.Verified, a.check(pack).Verdict())
	draw := rand.New(rand.NewPCG(21, 2))
	named := map[string]int{}
	for n := range flips {
		at := draw.IntN(len(pack))
		if n%4 == 0 { // headers and the directory are small, and are drawn as often
			at = len(pack) - 1 - draw.IntN(1024)
		}
		data := bytes.Clone(pack)
		data[at] ^= byte(1 + draw.IntN(255))
		r := a.check(data)
		entry := entryAt(t, pack, at)
		require.Equal(t, verify.Refuted, r.Verdict(), "byte %d, in %s", at, entry)
		require.NotEmpty(t, r.Population.Part, "byte %d", at)
		if entry != "" {
			require.Equal(t, entry, r.Population.Part, "byte %d: %s", at, r.Population)
		}
		named[entry]++
	}
	t.Log(named)
	for _, entry := range []string{"", "index.html", "pack.json", "population.csv", "population.jsonl",
		"manifests.jsonl"} {
		require.Positive(t, named[entry], entry)
	}
}

// Whatever byte of the header of an entry changes, also one that means nothing, the entry is named.
func TestEveryByteOfTheHeadersOfAPack(t *testing.T) {
	a := newArchive(t, 1)
	pack := written(t, a.pack(exam.Options{Seed: "5", Sample: 1}))
	r, err := zip.NewReader(bytes.NewReader(pack), int64(len(pack)))
	require.NoError(t, err)
	for _, f := range r.File {
		begins, err := f.DataOffset()
		require.NoError(t, err)
		for at := begins - 30 - int64(len(f.Name)); at < begins; at++ {
			data := bytes.Clone(pack)
			data[at] ^= 1
			report := a.check(data)
			require.Equal(t, verify.Refuted, report.Verdict(), "byte %d of the header of %s", at, f.Name)
			require.Equal(t, f.Name, report.Population.Part, "byte %d: %s", at, report.Population)
		}
	}
}
