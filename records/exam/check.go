package exam

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"durablekyc.example/records/bundle"
	"durablekyc.example/records/log"
	"durablekyc.example/records/verify"
)

// Report is what is known of a pack.
type Report struct {
	Info       Info         `json:"info"`       // zero if it cannot be read
	Records    int          `json:"records"`    // of the population
	Population verify.Level `json:"population"` // the rows are the records between the checkpoints, all of them
	Sample     verify.Level `json:"sample"`     // the evidence is of those that the seed draws, and its rows say the same
	Evidence   []Evidence   `json:"evidence"`
}

// Evidence is what is known of the evidence of one record of the sample.
type Evidence struct {
	Name      string        `json:"name"`
	Reference string        `json:"reference"`
	Report    verify.Report `json:"report"`
}

// Verdict is that of the report: Refuted if anything is, Verified if everything is.
func (r Report) Verdict() verify.Verdict {
	verdicts := []verify.Verdict{r.Population.Verdict, r.Sample.Verdict}
	for _, e := range r.Evidence {
		verdicts = append(verdicts, e.Report.Verdict())
	}
	return verify.Overall(verdicts...)
}

// Check checks a pack without network, Temporal or keyset. The error is about the verifier's key, not about the pack.
func Check(v verify.Verifier, data []byte) (Report, error) {
	if _, err := log.Policy(v.Key); err != nil {
		return Report{}, fmt.Errorf("invalid public key of the log: %w", err)
	}
	r := Report{Sample: verify.Level{Verdict: verify.NotChecked, Reason: "the level above does not verify"}}
	p, err := Read(data)
	if err == nil {
		r.Info, r.Records = p.Info, len(p.Rows)
		err = p.population(v.Key)
	}
	if r.Population = verify.LevelOf(err); err != nil {
		return r, nil
	}
	r.Population = p.checkPage(v.Release)
	opened, err := p.drawn(v, &r)
	if err != nil {
		return r, err
	}
	r.Sample = verify.LevelOf(p.sampled(opened))
	return r, nil
}

// checkPage compares the page with the one that this program makes of the same rows. Another release may have made
// another one.
func (p *Pack) checkPage(release string) verify.Level {
	var page bytes.Buffer
	err := p.page(&page)
	switch {
	case err == nil && bytes.Equal(page.Bytes(), p.shown):
		return verify.LevelOf(nil)
	case p.Info.Release != release:
		return verify.Level{Verdict: verify.NotChecked, Part: PageName,
			Reason: "this program makes another page of the same rows; release " + p.Info.Release + " made the pack"}
	}
	return verify.LevelOf(fault(PageName, "it is not the page of these rows"))
}

// population checks that the manifests are the leaves between two checkpoints, none left out, and that the rows say
// what the manifests say.
func (p *Pack) population(key string) error {
	want := p.Info.Size - p.Info.First
	if p.Info.First < 0 || want <= 0 {
		return fault(InfoName, "it is of no record")
	}
	tree, err := log.VerifyCheckpoint(key, []byte(p.Info.Checkpoint))
	if err != nil || tree.N != p.Info.Size {
		return fault(InfoName, "the last checkpoint is not one of %d leaves that the log's key signed", p.Info.Size)
	}
	if n := int64(len(p.Manifests)); n < want {
		return fault(ManifestsName, "%d of the %d records that the log has between the checkpoints were left out",
			want-n, want)
	} else if n > want {
		return fault(ManifestsName, "there are %d more than the log has between the checkpoints", n-want)
	}
	if len(p.Rows) != len(p.Manifests) {
		return fault(RowsName, "it has %d rows, and the log has %d records between the checkpoints", len(p.Rows), want)
	}
	for i, manifest := range p.Manifests {
		if err := p.same(p.Info.First+int64(i), manifest, p.Rows[i]); err != nil {
			return err
		}
	}
	return p.whole(key, tree)
}

// same compares a row with its manifest.
func (p *Pack) same(index int64, manifest []byte, row Row) error {
	line := index - p.Info.First + 1
	m, err := bundle.ReadManifest(manifest)
	if err != nil {
		return fault(ManifestsName, "line %d is not a manifest", line)
	}
	want := rowOf(index, m, tlog.RecordHash(manifest), nil, p.Info.options())
	want.Kind, want.Opened, want.Documents, want.Consents = row.Kind, row.Opened, row.Documents, row.Consents
	if want != row && !equal(want, row) {
		return fault(RowsName, "row %d is not what the manifest of the record %s says", line, m.Record)
	}
	return nil
}

// equal compares rows as they are written: a time that was read has another form in memory.
func equal(a, b Row) bool {
	one, err := json.Marshal(a)
	other, also := json.Marshal(b)
	return err == nil && also == nil && string(one) == string(other)
}

// whole goes on from the first checkpoint with the manifests, and must come to the last one.
func (p *Pack) whole(key string, want tlog.Tree) error {
	stored := map[int64]tlog.Hash{}
	indexes := log.EdgeIndexes(p.Info.First)
	if len(p.Info.Edge) != len(indexes) {
		return fault(InfoName, "it does not have the edge of the first checkpoint")
	}
	for i, text := range p.Info.Edge {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return fault(InfoName, "the edge of the first checkpoint is damaged")
		}
		stored[indexes[i]] = hash
	}
	read := tlog.HashReaderFunc(func(indexes []int64) (all []tlog.Hash, err error) {
		for _, i := range indexes {
			hash, found := stored[i]
			if !found {
				return nil, errors.New("a hash of the tree is missing")
			}
			all = append(all, hash)
		}
		return all, nil
	})
	if p.Info.First > 0 {
		before, err := log.VerifyCheckpoint(key, []byte(p.Info.Before))
		if err != nil || before.N != p.Info.First {
			return fault(InfoName, "the first checkpoint is not one of %d leaves that the log's key signed", p.Info.First)
		}
		if hash, err := tlog.TreeHash(before.N, read); err != nil || hash != before.Hash {
			return fault(InfoName, "the edge is not that of the first checkpoint")
		}
	}
	for i, manifest := range p.Manifests {
		index := p.Info.First + int64(i)
		hashes, err := tlog.StoredHashesForRecordHash(index, tlog.RecordHash(manifest), read)
		if err != nil {
			return fault(ManifestsName, "the tree cannot be built from line %d on", i+1)
		}
		for j, hash := range hashes {
			stored[tlog.StoredHashIndex(0, index)+int64(j)] = hash
		}
	}
	if hash, err := tlog.TreeHash(want.N, read); err != nil || hash != want.Hash {
		return fault(ManifestsName, "these are not the records that the log has between the checkpoints: one was left "+
			"out, put in or changed")
	}
	return nil
}

// drawn verifies the evidence, and returns the facts of each that verifies by its index.
func (p *Pack) drawn(v verify.Verifier, r *Report) (map[int64][]byte, error) {
	opened := map[int64][]byte{}
	for _, index := range slices.Sorted(maps.Keys(p.Evidence)) {
		report, err := v.File(p.Evidence[index])
		if err != nil {
			return nil, err
		}
		e := Evidence{Name: evidenceName(index), Report: report}
		if at := index - p.Info.First; at >= 0 && at < int64(len(p.Rows)) {
			e.Reference = p.Rows[at].Reference
		}
		r.Evidence = append(r.Evidence, e)
		if report.Whole.Verdict != verify.Verified {
			continue
		}
		b, err := bundle.Read(p.Evidence[index], nil)
		if err != nil {
			continue // which the report has
		}
		leaf := tlog.RecordHash(b.ManifestBytes())
		at := index - p.Info.First
		if at < 0 || at >= int64(len(p.Rows)) || hex.EncodeToString(leaf[:]) != p.Rows[at].Leaf {
			continue
		}
		if parts, err := b.Open(); err == nil {
			opened[index] = append([]byte{}, parts[bundle.FactsName]...)
		}
	}
	return opened, nil
}

// sampled checks that the evidence is of the sample that the seed draws, and that the rows say what it says.
func (p *Pack) sampled(opened map[int64][]byte) error {
	want := Draw(p.Rows, p.Info.Seed, p.Info.Sample)
	if p.Info.Rule != Rule {
		return fault(InfoName, "its rule of the sample is not the one that this program knows")
	}
	for _, index := range want {
		reference := p.Rows[index-p.Info.First].Reference
		lines, found := opened[index]
		switch {
		case p.Evidence[index] == nil:
			return fault(evidenceName(index), "the seed draws %s, and its evidence was left out", reference)
		case !found:
			return fault(evidenceName(index), "it is not the evidence of %s", reference)
		}
		row := p.Rows[index-p.Info.First]
		m, err := bundle.ReadManifest(p.Manifests[index-p.Info.First])
		if err != nil {
			return err
		}
		leaf, err := hex.DecodeString(row.Leaf)
		if err != nil {
			return err
		}
		if !equal(row, rowOf(index, m, tlog.Hash(leaf), lines, p.Info.options())) {
			return fault(RowsName, "the row of %s is not what its evidence says", reference)
		}
	}
	if more := len(p.Evidence) - len(want); more > 0 {
		return fault("the pack", "it has evidence of %d records that the seed does not draw", more)
	}
	return nil
}
