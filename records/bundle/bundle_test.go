package bundle_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/records/bundle"
)

func sample(reference string) (bundle.Manifest, []bundle.Plain) {
	run := bundle.Run{Workflow: "kyc-" + reference, Run: "run-1", Type: "KYC", Events: 9, Close: "COMPLETED"}
	m := bundle.Manifest{Reference: reference, Record: reference + "/run-1", Release: "v0",
		Flags: []string{}, Builds: []string{"dev"}, Runs: []bundle.Run{run}}
	return m, []bundle.Plain{
		{Name: bundle.HistoriesName, Data: []byte("histories")},
		{Name: bundle.FactsName, Data: bytes.Repeat([]byte("facts\n"), 200)},
		{Name: bundle.PolicyName, Data: []byte("{}")},
		{Name: bundle.ConsentName("aa"), Data: []byte("I agree")},
		{Name: bundle.ConsentName("bb"), Data: nil},
	}
}

// flip stands for a keyset.
func flip(key []byte) ([]byte, error) {
	out := bytes.Clone(key)
	for i := range out {
		out[i] ^= 0xff
	}
	return out, nil
}

func evidence(t *testing.T, reference string) *bundle.Bundle { return evidenceWith(t, reference, nil) }

// evidenceWith is evidence with a time-stamp.
func evidenceWith(t *testing.T, reference string, timestamp []byte) *bundle.Bundle {
	t.Helper()
	m, parts := sample(reference)
	b, err := bundle.New(m, parts, flip)
	require.NoError(t, err)
	e, err := b.Evidence(flip, []byte("a proof"), timestamp)
	require.NoError(t, err)
	return e
}

func TestABundleIsReadAsItWasWritten(t *testing.T) {
	m, parts := sample("A1")
	b, err := bundle.New(m, parts, flip)
	require.NoError(t, err)
	stored, err := bundle.Read(b.Encode(), nil)
	require.NoError(t, err)
	require.Equal(t, b, stored)
	_, err = stored.Open()
	require.ErrorIs(t, err, bundle.ErrNoKey)

	handed, err := stored.Evidence(flip, []byte("a proof"), nil)
	require.NoError(t, err)
	first, again := handed.Encode(), handed.Encode()
	require.Equal(t, first, again, "the same bundle is always the same bytes")
	read, err := bundle.Read(handed.Encode(), nil)
	require.NoError(t, err)
	require.Equal(t, b.ManifestBytes(), read.ManifestBytes(), "what is handed out has the manifest that the log has")
	require.Equal(t, []byte("a proof"), read.Proof())
	opened, err := read.Open()
	require.NoError(t, err)
	for _, p := range parts {
		require.Equal(t, string(p.Data), string(opened[p.Name]), p.Name)
	}
}

// Any program for tars lists the entries, in their order and without a time.
func TestABundleIsATar(t *testing.T) {
	r := tar.NewReader(bytes.NewReader(evidenceWith(t, "A1", []byte("a token")).Encode()))
	var names []string
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.Zero(t, h.ModTime.Unix())
		names = append(names, h.Name)
	}
	require.Equal(t, []string{"manifest.json", "proof.txt", "timestamp.tst", "key", "histories.pb", "facts.jsonl",
		"policy.json", bundle.ConsentName("aa"), bundle.ConsentName("bb")}, names)
}

// The same parts of two cases have nothing in common, and no digest that could be guessed.
func TestTwoBundlesOfTheSamePartsDiffer(t *testing.T) {
	a, b := evidence(t, "A1"), evidence(t, "A1")
	require.NotEqual(t, a.Manifest.Salt, b.Manifest.Salt)
	require.NotEqual(t, a.Manifest.Commitment, b.Manifest.Commitment)
	for i := range a.Manifest.Parts {
		require.NotEqual(t, a.Manifest.Parts[i].Encrypted, b.Manifest.Parts[i].Encrypted)
		require.Equal(t, a.Manifest.Parts[i].Plaintext, b.Manifest.Parts[i].Plaintext)
	}
}

// entries splits a bundle into its entries, each with its header and padding; the last one is the end.
func entries(t *testing.T, data []byte) (names []string, parts map[string][]byte) {
	t.Helper()
	parts = map[string][]byte{}
	for rest := data; ; {
		h, err := tar.NewReader(bytes.NewReader(rest)).Next()
		if errors.Is(err, io.EOF) {
			parts["end"] = rest
			return append(names, "end"), parts
		}
		require.NoError(t, err)
		n := 512 + (int(h.Size)+511)/512*512
		names, parts[h.Name], rest = append(names, h.Name), rest[:n], rest[n:]
	}
}

func join(parts map[string][]byte, names ...string) (data []byte) {
	for _, name := range names {
		data = append(data, parts[name]...)
	}
	return data
}

func TestEveryFaultHasItsPartAndOneSentence(t *testing.T) {
	data := evidence(t, "A1").Encode()
	names, parts := entries(t, data)
	m, plain := sample("A1")
	stored, err := bundle.New(m, plain, flip)
	require.NoError(t, err)
	_, wrapped := entries(t, stored.Encode())
	_, other := entries(t, evidence(t, "B2").Encode())
	without := func(leftOut string) (kept []string) {
		for _, name := range names {
			if name != leftOut {
				kept = append(kept, name)
			}
		}
		return kept
	}
	replaced := func(name string, by []byte) []byte {
		changed := map[string][]byte{}
		maps.Copy(changed, parts)
		changed[name] = by
		return join(changed, names...)
	}
	for name, test := range map[string]struct {
		data           []byte
		part, sentence string
	}{
		"empty": {nil, "manifest.json", "truncated before it"},
		"cut within a part": {
			data[:len(data)-1024-300],
			bundle.ConsentName("bb"), "truncated: 300 bytes are missing",
		},
		"cut before a part": {
			join(parts, "manifest.json", "proof.txt", "key"),
			"histories.pb", "truncated before it",
		},
		"cut at the end": {
			data[:len(data)-1],
			bundle.ConsentName("bb"), "truncated in the 1024 bytes after it",
		},
		"padded": {
			append(bytes.Clone(data), 0),
			bundle.ConsentName("bb"), "1 bytes after the end",
		},
		"padded with a tar": {
			append(bytes.Clone(data), data...),
			bundle.ConsentName("bb"), "bytes after the end",
		},
		"two keys": {
			join(parts, append([]string{"manifest.json", "proof.txt", "key"}, names[2:]...)...),
			"key", "two keys",
		},
		"a key of the bucket": {
			slices.Concat(join(parts, names[:3]...), wrapped["key.wrapped"], join(parts, names[3:]...)),
			"key.wrapped", "two keys",
		},
		"no key": {join(parts, without("key")...), "key", "another entry replaces it"},
		"the key of another": {
			replaced("key", other["key"]),
			"key", "does not match the commitment in the manifest",
		},
		"a part of another": {
			replaced("histories.pb", other["histories.pb"]),
			"histories.pb", "does not match the digest in the manifest",
		},
		"a part is missing": {
			join(parts, without("facts.jsonl")...),
			"facts.jsonl", "missing, or policy.json is out of order",
		},
		"the last is missing": {
			join(parts, without(bundle.ConsentName("bb"))...),
			bundle.ConsentName("bb"), "it is missing",
		},
		"a part twice": {
			join(parts, "manifest.json", "proof.txt", "key", "histories.pb", "histories.pb", "facts.jsonl"),
			"histories.pb", "duplicate entry",
		},
		"the last twice": {
			append(join(parts, without("end")...), join(parts, bundle.ConsentName("bb"), "end")...),
			bundle.ConsentName("bb"), "duplicate entry",
		},
		"two parts swapped": {
			join(parts, "manifest.json", "proof.txt", "key", "facts.jsonl", "histories.pb", "policy.json"),
			"histories.pb", "facts.jsonl is out of order",
		},
		"an unknown part": {
			append(join(parts, without("end")...), append(renamed(t, parts["key"], "extra"), parts["end"]...)...),
			bundle.ConsentName("bb"), "does not list",
		},
		"the manifest twice": {
			join(parts, append([]string{"manifest.json"}, names...)...),
			"manifest.json", "duplicate entry",
		},
		"another manifest": {
			replaced("manifest.json", other["manifest.json"]),
			"key", "does not match the commitment in the manifest",
		},
		"not a tar": {[]byte(strings.Repeat("x", 2000)), "manifest.json", "header is damaged"},
		"a newer format": {
			replaced("manifest.json", remade(t, parts["manifest.json"], func(m map[string]any) { m["format"] = 2 })),
			"manifest.json", "its format 2 is newer than this program supports (1)",
		},
		"an unknown field": {
			replaced("manifest.json", remade(t, parts["manifest.json"], func(m map[string]any) { m["more"] = 2 })),
			"manifest.json", "wrong fields for format 1",
		},
		"not canonical": {
			replaced("manifest.json", spaced(t, parts["manifest.json"])),
			"manifest.json", "not in canonical form",
		},
		"a manifest not in it": {
			replaced("manifest.json", remade(t, parts["manifest.json"], dropPart)),
			"manifest.json", `does not list "policy.json"`,
		},
		"listed out of order": {
			replaced("manifest.json", remade(t, parts["manifest.json"], swapConsents)),
			"manifest.json", "twice or out of order",
		},
	} {
		_, err := bundle.Read(test.data, nil)
		var fault *bundle.PartError
		require.ErrorAs(t, err, &fault, name)
		require.Equal(t, test.part, fault.Part, "%s: %s", name, err)
		require.Contains(t, fault.Reason, test.sentence, name)
		require.NotContains(t, fault.Reason, "\n")
	}
}

func dropPart(m map[string]any)     { m["parts"] = m["parts"].([]any)[:2] }
func swapConsents(m map[string]any) { p := m["parts"].([]any); p[3], p[4] = p[4], p[3] }

// remade is the manifest's entry with its contents changed, keys in alphabetical order.
func remade(t *testing.T, entry []byte, change func(map[string]any)) []byte {
	t.Helper()
	m := map[string]any{}
	require.NoError(t, json.Unmarshal(content(t, entry), &m))
	change(m)
	text, err := json.Marshal(m)
	require.NoError(t, err)
	return packed(t, bundle.ManifestName, text)
}

func spaced(t *testing.T, entry []byte) []byte {
	return packed(t, bundle.ManifestName, append([]byte(" "), content(t, entry)...))
}

func renamed(t *testing.T, entry []byte, name string) []byte {
	return packed(t, name, content(t, entry))
}

func content(t *testing.T, entry []byte) []byte {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(entry))
	_, err := r.Next()
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return data
}

func packed(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	h := tar.Header{Name: name, Size: int64(len(data)), Mode: 0o444, Format: tar.FormatUSTAR}
	require.NoError(t, w.WriteHeader(&h))
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	return out.Bytes()
}

// Whatever byte changes, a bundle is not read: the manifest alone is for the log to vouch for.
func TestNoByteMayChange(t *testing.T) {
	b := evidenceWith(t, "A1", []byte("a token"))
	data := b.Encode()
	draw := rand.New(rand.NewPCG(1, 2))
	vouched := func(manifest, proof, timestamp []byte) error {
		if !bytes.Equal(manifest, b.ManifestBytes()) || !bytes.Equal(proof, b.Proof()) ||
			string(timestamp) != "a token" {
			return errors.New("not vouched for")
		}
		return nil
	}
	for range 5000 {
		changed := bytes.Clone(data)
		changed[draw.IntN(len(data))] ^= byte(1 + draw.IntN(255))
		_, err := bundle.Read(changed, vouched)
		require.Error(t, err)
	}
}

// A second key for the same encrypted bytes does not pass for the first.
func TestTheManifestCommitsToTheKey(t *testing.T) {
	m, parts := sample("A1")
	b, err := bundle.New(m, parts, flip)
	require.NoError(t, err)
	_, err = b.Evidence(func([]byte) ([]byte, error) { return make([]byte, bundle.KeySize), nil }, nil, nil)
	require.ErrorContains(t, err, "does not match the commitment in the manifest")
}

func TestPartsHaveOneOrder(t *testing.T) {
	m, parts := sample("A1")
	parts[0], parts[1] = parts[1], parts[0]
	_, err := bundle.New(m, parts, flip)
	require.ErrorContains(t, err, "unexpected part")
}
