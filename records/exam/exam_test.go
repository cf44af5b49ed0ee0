package exam_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"durablekyc.example/internal/goldens"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/exam"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
	"durablekyc.example/records/verify"
)

const release = "v0.1"

// archive is a log with golden cases, put on record in three sweeps: it has three checkpoints.
type archive struct {
	t        testing.TB
	records  *recorder.Recorder
	verifier verify.Verifier
	count    int
}

func newArchive(t testing.TB, sweeps int) *archive {
	t.Helper()
	all, keyset := goldens.Cases(t, "../../workflows/testdata/histories")
	bucket, err := store.Open(t.Context(), "mem://")
	require.NoError(t, err)
	private, public, err := log.NewKey("kyc.example.com/records")
	require.NoError(t, err)
	entries, err := log.New(bucket, private)
	require.NoError(t, err)
	a := &archive{t: t, verifier: verify.Verifier{Key: public, Release: release}, count: len(all)}
	for i := range sweeps {
		some := goldens.Source(all[i*len(all)/sweeps : (i+1)*len(all)/sweeps])
		a.records = &recorder.Recorder{Maker: recorder.Maker{Keyset: keyset, Release: release}, Source: some,
			Bucket: bucket, Log: entries}
		_, err = a.records.Sweep(t.Context())
		require.NoError(t, err)
	}
	if sweeps == 0 {
		a.records = &recorder.Recorder{Maker: recorder.Maker{Keyset: keyset, Release: release}, Bucket: bucket,
			Log: entries}
	}
	return a
}

func (a *archive) pack(o exam.Options) *exam.Pack {
	a.t.Helper()
	o.Release = release
	p, err := exam.Make(a.t.Context(), a.records, o)
	require.NoError(a.t, err)
	return p
}

func written(t testing.TB, p *exam.Pack) []byte {
	t.Helper()
	var data bytes.Buffer
	require.NoError(t, p.Write(&data))
	return data.Bytes()
}

func (a *archive) check(data []byte) exam.Report {
	a.t.Helper()
	r, err := exam.Check(a.verifier, data)
	require.NoError(a.t, err)
	return r
}

// A pack of the whole log, and one of a part between two checkpoints, verify.
func TestAPackVerifies(t *testing.T) {
	a := newArchive(t, 3)
	p := a.pack(exam.Options{Seed: "2026-11-30 Ferris", Sample: 5})
	require.Len(t, p.Rows, a.count)
	require.Len(t, p.Evidence, 5)
	data := written(t, p)
	require.Equal(t, data, written(t, p), "the same pack is the same bytes")
	require.True(t, exam.Is(data))
	r := a.check(data)
	require.Equal(t, verify.Verified, r.Verdict(), "%+v", r)
	require.Equal(t, a.count, r.Records)
	require.Len(t, r.Evidence, 5)
	require.Contains(t, fmt.Sprint(p.Rows), "license=1", "documents by their type")

	// The golden cases ended one after another: a period in the middle is between two checkpoints.
	ends := []time.Time{}
	for _, row := range p.Rows {
		ends = append(ends, row.Ended)
	}
	third := len(ends) / 3
	from, to := slices.MinFunc(ends[third:2*third], time.Time.Compare), slices.MaxFunc(ends[third:2*third],
		time.Time.Compare)
	part := a.pack(exam.Options{From: from, To: to.Add(time.Second), Seed: "1", Sample: 3})
	r = a.check(written(t, part))
	require.Equal(t, verify.Verified, r.Verdict(), "%+v", r)
	for _, row := range part.Rows {
		inside := row.Ended.IsZero() || !row.Ended.Before(from) && row.Ended.Before(to.Add(time.Second))
		require.Equal(t, inside, row.InPeriod)
	}

	_, err := exam.Make(t.Context(), a.records, exam.Options{From: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)})
	require.ErrorContains(t, err, "no case on record ended in this period")
	_, err = exam.Make(t.Context(), newArchive(t, 0).records, exam.Options{})
	require.ErrorContains(t, err, "no case is on record")
}

// A pack that begins behind a checkpoint is proven to go on from it.
func TestAPackOfTheEndOfTheLog(t *testing.T) {
	a := newArchive(t, 0)
	a.synthesize(700, 300)
	p := a.pack(exam.Options{From: synthetic.Add(650 * time.Minute), Seed: "1"})
	require.EqualValues(t, 600, p.Info.First)
	require.EqualValues(t, 700, p.Info.Size)
	require.Len(t, p.Rows, 100)
	r := a.check(written(t, p))
	require.Equal(t, verify.Verified, r.Verdict(), "%+v", r)
	p.Info.Edge[0], p.Info.Edge[1] = p.Info.Edge[1], p.Info.Edge[0]
	require.Contains(t, a.check(written(t, p)).Population.String(), "pack.json, the edge is not that of the first")
}

// Whatever is left out, put in or changed is found and named.
func TestAPackThatWasChanged(t *testing.T) {
	a := newArchive(t, 3)
	other := newArchive(t, 1)
	for name, test := range map[string]struct {
		change func(p *exam.Pack)
		says   string
	}{
		"a case left out": {func(p *exam.Pack) {
			p.Rows, p.Manifests = slices.Delete(p.Rows, 3, 4), slices.Delete(p.Manifests, 3, 4)
		}, "manifests.jsonl, 1 of the %d records that the log has between the checkpoints were left out"},
		"a row left out": {func(p *exam.Pack) { p.Rows = slices.Delete(p.Rows, 3, 4) },
			"population.jsonl, it has %[2]d rows, and the log has %[1]d records between the checkpoints"},
		"a case put in the place of another": {func(p *exam.Pack) {
			p.Manifests[3] = p.Manifests[4]
			p.Rows[3] = p.Rows[4]
			p.Rows[3].Index = 3
		}, "manifests.jsonl, these are not the records that the log has between the checkpoints"},
		"two cases swapped": {func(p *exam.Pack) {
			p.Manifests[3], p.Manifests[4] = p.Manifests[4], p.Manifests[3]
			p.Rows[3], p.Rows[4] = p.Rows[4], p.Rows[3]
			p.Rows[3].Index, p.Rows[4].Index = 3, 4
		}, "manifests.jsonl, these are not the records"},
		"an outcome changed": {func(p *exam.Pack) { p.Rows[3].Outcome = "approved?" },
			"population.jsonl, row 4 is not what the manifest"},
		"a shorter log": {func(p *exam.Pack) {
			p.Info.Size--
			p.Rows, p.Manifests = p.Rows[:len(p.Rows)-1], p.Manifests[:len(p.Manifests)-1]
		}, "pack.json, the last checkpoint is not one of"},
		"the checkpoint of another log": {func(p *exam.Pack) {
			p.Info.Checkpoint = other.pack(exam.Options{}).Info.Checkpoint
		}, "pack.json, the last checkpoint is not one of"},
		"another seed": {func(p *exam.Pack) { p.Info.Seed = "7" }, "the seed draws"},
		"evidence left out": {func(p *exam.Pack) {
			for index := range p.Evidence {
				delete(p.Evidence, index)
				break
			}
		}, "and its evidence was left out"},
		"evidence of another case": {func(p *exam.Pack) {
			var indexes []int64
			for index := range p.Evidence {
				indexes = append(indexes, index)
			}
			p.Evidence[indexes[0]] = p.Evidence[indexes[1]]
		}, "it is not the evidence of"},
		"more evidence than drawn": {func(p *exam.Pack) { p.Info.Sample-- }, "that the seed does not draw"},
		"documents of a row": {func(p *exam.Pack) {
			for index := range p.Evidence {
				p.Rows[index].Documents = "passport=9"
			}
		}, "is not what its evidence says"},
	} {
		p := a.pack(exam.Options{Seed: "5", Sample: 4})
		test.change(p)
		r := a.check(written(t, p))
		require.Equal(t, verify.Refuted, r.Verdict(), name)
		said := r.Population.String() + "\n" + r.Sample.String()
		if strings.Contains(test.says, "%") {
			test.says = fmt.Sprintf(strings.ReplaceAll(test.says, "the %d", "the %[1]d"), a.count, a.count-1)
		}
		require.Contains(t, said, test.says, name)
	}
}

// The file of a pack that is cut, padded or has other entries does not verify.
func TestThePackAsAFile(t *testing.T) {
	a := newArchive(t, 1)
	p := a.pack(exam.Options{Seed: "5", Sample: 2})
	whole := written(t, p)
	again := func(change func(name string, data []byte) []byte) []byte {
		from, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
		require.NoError(t, err)
		var to bytes.Buffer
		w := zip.NewWriter(&to)
		for _, f := range from.File {
			r, err := f.Open()
			require.NoError(t, err)
			data, err := io.ReadAll(r)
			require.NoError(t, err)
			if data = change(f.Name, data); data == nil {
				continue
			}
			e, err := w.CreateHeader(&zip.FileHeader{Name: f.Name})
			require.NoError(t, err)
			_, err = e.Write(data)
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		return to.Bytes()
	}
	replaced := func(entry, old, new string) []byte {
		return again(func(name string, data []byte) []byte {
			if name == entry {
				require.Contains(t, string(data), old)
				return bytes.Replace(data, []byte(old), []byte(new), 1)
			}
			return data
		})
	}
	without := func(entry string) []byte {
		return again(func(name string, data []byte) []byte {
			if name == entry {
				return nil
			}
			return data
		})
	}
	for _, test := range []struct {
		data []byte
		says string
	}{
		{whole[:len(whole)/2], "the pack, it is cut off or is not a zip"},
		{without("population.csv"), "population.csv, it is missing"},
		{replaced("population.csv", "approved", "denied"), "population.csv, it is not what this pack has there"},
		{replaced("index.html", "approved", "denied"), "index.html, it is not the page of these rows"},
		{replaced("pack.json", `"format": 1`, `"format": 2`), "pack.json, its format is 2, and this program reads 1"},
		{replaced("manifests.jsonl", "approved", "Approved"), "population.jsonl, row "},
		{replaced("population.jsonl", "{", "["), "population.jsonl, line 1 is not a row"},
	} {
		r := a.check(test.data)
		require.Equal(t, verify.Refuted, r.Verdict(), test.says)
		require.Contains(t, r.Population.String(), test.says)
	}
	_, err := exam.Check(verify.Verifier{Key: "nonsense"}, whole)
	require.ErrorContains(t, err, "invalid public key of the log")
}

var synthetic = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// synthesize puts records on record that have the parts of a golden case under references of their own. A checkpoint is
// signed after every so many. They end a minute apart.
func (a *archive) synthesize(n, checkpoint int) {
	a.t.Helper()
	all, _ := goldens.Cases(a.t, "../../workflows/testdata/histories")
	i := slices.IndexFunc(all, func(c goldens.Case) bool { return c.Reference == "notified" })
	made, err := a.records.Make(a.t.Context(), "notified", all[i].Recorded())
	require.NoError(a.t, err)
	parts, err := a.records.Unlock(made)
	require.NoError(a.t, err)
	var plain []bundle.Plain
	for _, p := range made.Manifest.Parts {
		plain = append(plain, bundle.Plain{Name: p.Name, Data: parts[p.Name]})
	}
	for i := range n {
		m := made.Manifest
		m.Reference = fmt.Sprintf("case%06d", i)
		m.Record, m.Outcome.EndedAt = m.Reference+"/run", synthetic.Add(time.Duration(i)*time.Minute)
		b, err := bundle.New(m, plain, func(key []byte) ([]byte, error) { return a.records.Wrap(m.Reference, key) })
		require.NoError(a.t, err)
		require.NoError(a.t, a.records.Bucket.Create(a.t.Context(), "record/"+m.Record+".kyc", b.Encode()))
		_, err = a.records.Log.Append(a.t.Context(), m.Record, tlog.RecordHash(b.ManifestBytes()))
		require.NoError(a.t, err)
		if (i+1)%checkpoint == 0 || i == n-1 {
			_, err = a.records.Log.Checkpoint(a.t.Context())
			require.NoError(a.t, err)
		}
	}
}
