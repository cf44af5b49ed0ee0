package verify_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"filippo.io/torchwood"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"durablekyc.example/internal/goldens"
	"durablekyc.example/internal/tsatest"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
	"durablekyc.example/records/timestamp"
	"durablekyc.example/records/verify"
)

const release = "v0.1"

// archive is a log with the golden cases on record.
type archive struct {
	t        testing.TB
	maker    recorder.Maker
	log      *log.Log
	verifier verify.Verifier
	cases    []goldens.Case

	authority *tsatest.Authority // stamps the checkpoint of each proof; nil for none
}

func newArchive(t testing.TB) *archive {
	t.Helper()
	cases, keyset := goldens.Cases(t, "../../workflows/testdata/histories")
	b, err := store.Open(t.Context(), "mem://")
	require.NoError(t, err)
	private, public, err := log.NewKey("kyc.example.com/records")
	require.NoError(t, err)
	l, err := log.New(b, private)
	require.NoError(t, err)
	return &archive{t: t, log: l, cases: cases, maker: recorder.Maker{Keyset: keyset, Release: release},
		verifier: verify.Verifier{Key: public, Release: release}}
}

func (a *archive) find(reference string) goldens.Case {
	i := slices.IndexFunc(a.cases, func(c goldens.Case) bool { return c.Reference == reference })
	require.GreaterOrEqual(a.t, i, 0, reference)
	return a.cases[i]
}

func (a *archive) make(c goldens.Case) *bundle.Bundle {
	a.t.Helper()
	b, err := a.maker.Make(a.t.Context(), c.Reference, c.Recorded())
	require.NoError(a.t, err, c.Reference)
	return b
}

// prove puts a bundle into the log and returns it as evidence.
func (a *archive) prove(b *bundle.Bundle) *bundle.Bundle {
	a.t.Helper()
	index, err := a.log.Append(a.t.Context(), b.Manifest.Record+b.Manifest.Salt, tlog.RecordHash(b.ManifestBytes()))
	require.NoError(a.t, err)
	signed, err := a.log.Checkpoint(a.t.Context())
	require.NoError(a.t, err)
	return a.provenWith(b, index, a.stamp(signed))
}

// stamp has the authority stamp something; nil without one.
func (a *archive) stamp(data []byte) []byte {
	a.t.Helper()
	if a.authority == nil {
		return nil
	}
	token, err := timestamp.Ask(a.t.Context(), data, func(_ context.Context, request []byte) ([]byte, error) {
		return a.authority.Sign(request)
	})
	require.NoError(a.t, err)
	return token
}

// provenWith is evidence with this token, and with the proof of a leaf that belongs to it.
func (a *archive) provenWith(b *bundle.Bundle, index int64, token []byte) *bundle.Bundle {
	a.t.Helper()
	proof, err := a.log.Prove(a.t.Context(), index, bundle.ProofExtra(b.ManifestBytes(), token))
	require.NoError(a.t, err)
	evidence, err := b.Evidence(func(wrapped []byte) ([]byte, error) {
		return a.maker.Unwrap(b.Manifest.Reference, wrapped)
	}, proof, token)
	require.NoError(a.t, err)
	return evidence
}

func (a *archive) evidence(reference string) *bundle.Bundle {
	return a.prove(a.make(a.find(reference)))
}

func (a *archive) verify(data []byte) verify.Report {
	a.t.Helper()
	r, err := a.verifier.File(data)
	require.NoError(a.t, err)
	return r
}

// The evidence of every golden case verifies on every level, and holds nothing of the keyset.
func TestEveryGoldenCaseVerifies(t *testing.T) {
	a := newArchive(t)
	outcomes := map[string]int{}
	for _, c := range a.cases {
		data := a.evidence(c.Reference).Encode()
		r := a.verify(data)
		require.Equal(t, verify.Verified, r.Verdict(), "%s: %s; %s; %s", c.Reference, r.Whole, r.Consistent, r.Reexecuted)
		require.Equal(t, c.Reference, r.Manifest.Reference)
		require.Len(t, r.Manifest.Runs, len(c.All()))
		outcomes[r.Manifest.Outcome.Outcome]++
		require.Less(t, len(data), 200_000)
	}
	require.Positive(t, outcomes["approved"])
	require.Positive(t, outcomes["denied"])
	require.Positive(t, outcomes[""])
}

// place is the entry of a bundle that a byte belongs to; what follows the last one belongs to it.
type place struct {
	end  int
	name string
}

func places(t testing.TB, data []byte) (all []place) {
	t.Helper()
	source := bytes.NewReader(data)
	r := tar.NewReader(source)
	for end := 0; ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			all[len(all)-1].end = len(data)
			return all
		}
		require.NoError(t, err)
		end += 512 + (int(h.Size)+511)/512*512
		all = append(all, place{end, h.Name})
	}
}

// Whatever byte of whichever evidence changes, it does not verify, and the entry that the byte is in is named.
func TestNoFlippedByteVerifies(t *testing.T) {
	a := newArchive(t)
	flips := 10_000
	if testing.Short() {
		flips = 1000
	}
	var all [][]byte
	for i, c := range a.cases {
		if i == len(a.cases)/2 { // from here on, with a time-stamp
			a.authority = tsatest.New(t, "Time")
		}
		all = append(all, a.evidence(c.Reference).Encode())
	}
	draw := rand.New(rand.NewPCG(21, 1))
	named := map[string]int{}
	for n := range flips {
		data := bytes.Clone(all[n%len(all)])
		at := draw.IntN(len(data))
		if n%4 == 0 { // what is small is drawn as often
			at = draw.IntN(8 << 10)
		}
		where := places(t, data)
		entry := where[slices.IndexFunc(where, func(p place) bool { return at < p.end })].name
		data[at] ^= byte(1 + draw.IntN(255))
		r := a.verify(data)
		require.Equal(t, verify.Refuted, r.Verdict(), "byte %d, in %s", at, entry)
		require.Equal(t, entry, r.Whole.Part, "byte %d: %s", at, r.Whole)
		require.NotEmpty(t, r.Whole.Reason)
		named[entry]++
	}
	t.Log(named)
	for _, entry := range []string{bundle.ManifestName, bundle.ProofName, bundle.TimestampName, bundle.KeyName,
		bundle.HistoriesName, bundle.FactsName, bundle.PolicyName} {
		require.Greater(t, named[entry], flips/1000, entry)
	}
}

// Every bit of a proof counts, also those that base64 has no use for.
func TestEveryBitOfAProof(t *testing.T) {
	a := newArchive(t)
	for _, reference := range []string{"individualapprove", "notified", "withdrawn"} { // the tree has some height then
		a.evidence(reference)
	}
	a.everyBit(a.evidence("refused").Encode(), bundle.ProofName, 512)
	a.authority = tsatest.New(t, "Time")
	a.everyBit(a.evidence("refused").Encode(), bundle.ProofName, 512)
}

// everyBit changes every bit of an entry from a byte of it on: the entry is named.
func (a *archive) everyBit(data []byte, entry string, from int) {
	a.t.Helper()
	where := places(a.t, data)
	i := slices.IndexFunc(where, func(p place) bool { return p.name == entry })
	require.Positive(a.t, i)
	for at := where[i-1].end + from; at < where[i].end; at++ {
		for bit := range 8 {
			changed := bytes.Clone(data)
			changed[at] ^= 1 << bit
			r := a.verify(changed)
			require.Equal(a.t, verify.Refuted, r.Whole.Verdict, "byte %d, bit %d", at, bit)
			require.Equal(a.t, entry, r.Whole.Part, "byte %d, bit %d: %s", at, bit, r.Whole)
			require.Nil(a.t, r.Timestamp)
		}
	}
}

// Another program's library takes two entries out of the bundle and the public key, and finds the same.
func TestTheProofIsVerifiedByTorchwood(t *testing.T) {
	a := newArchive(t)
	evidence := a.evidence("individualapprove")
	entries := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(evidence.Encode())); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		entries[h.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
	verifier, err := note.NewVerifier(a.verifier.Key)
	require.NoError(t, err)
	policy := torchwood.ThresholdPolicy(2, torchwood.SingleVerifierPolicy(verifier),
		torchwood.OriginPolicy(verifier.Name()))
	leaf := tlog.RecordHash(entries["manifest.json"])
	require.NoError(t, torchwood.VerifyProof(policy, leaf, entries["proof.txt"]))
	require.Error(t, torchwood.VerifyProof(policy, tlog.RecordHash([]byte("{}")), entries["proof.txt"]))
}

func TestWhatIsNotEvidence(t *testing.T) {
	a := newArchive(t)
	stored := a.make(a.find("individualapprove"))
	evidence := a.prove(stored)
	r := a.verify(stored.Encode())
	require.Equal(t, bundle.ProofName, r.Whole.Part)
	require.Contains(t, r.Whole.Reason, "a bundle from the bucket does not")

	other := a.verifier
	_, public, err := log.NewKey("kyc.example.com/records")
	require.NoError(t, err)
	other.Key = public
	r, err = other.File(evidence.Encode())
	require.NoError(t, err)
	require.Equal(t, bundle.ProofName, r.Whole.Part)
	require.Contains(t, r.Whole.Reason, "it is from another log")
	require.Equal(t, verify.NotChecked, r.Consistent.Verdict)
	require.Equal(t, verify.Refuted, r.Verdict())

	other.Key = "nonsense"
	_, err = other.File(evidence.Encode())
	require.ErrorContains(t, err, "invalid public key of the log")

	r = a.verify(nil)
	require.Equal(t, verify.Refuted, r.Verdict())
	require.Contains(t, r.Whole.String(), "does not verify: manifest.json, the file is truncated")
}

func BenchmarkVerify(b *testing.B) {
	a := newArchive(b)
	data := a.evidence("notified").Encode()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		a.verify(data)
	}
}
