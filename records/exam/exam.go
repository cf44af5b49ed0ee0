// Package exam makes and checks the pack that an examiner is given: every record between two checkpoints of the log,
// the proof that these are all, and the evidence of a sample that the examiner's own seed draws.
//
//	index.html          one page for a person
//	pack.json           Info
//	population.csv      a row for each record, in the order of the log
//	population.jsonl    the same rows
//	manifests.jsonl     the manifests of these records, one on a line: what the leaves of the log are hashes of
//	evidence/N.kyc      the evidence of the record at index N of the log, for each one of the sample
package exam

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/records/bundle"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
)

// Format is the format of packs that this package writes, and the only one that it reads.
const Format = 1

// Options say what a pack is of.
type Options struct {
	From, To time.Time // of the ends of cases: From is in it, To is not. Zero is no bound
	Seed     string    // of the sample, from the examiner
	Sample   int       // how many records are drawn
	Release  string    // of this program
}

// includes reports whether an end is in the period. A case without one, which was ended in Temporal, is in every one.
func (o Options) includes(end time.Time) bool {
	return end.IsZero() || (o.From.IsZero() || !end.Before(o.From)) && (o.To.IsZero() || end.Before(o.To))
}

// Info is what a pack is of.
type Info struct {
	Format     int       `json:"format"`
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`
	Seed       string    `json:"seed"`
	Sample     int       `json:"sample"` // so many were asked for
	Rule       string    `json:"rule"`   // Rule
	Release    string    `json:"release"`
	First      int64     `json:"first"`      // index of the first leaf: so many are before it
	Size       int64     `json:"size"`       // of the log with the last one
	Before     string    `json:"before"`     // the signed checkpoint of the first First leaves; empty if First is 0
	Edge       []string  `json:"edge"`       // hashes of the tree of these, to go on from: see log.Edge
	Checkpoint string    `json:"checkpoint"` // the signed checkpoint of Size leaves
}

// Pack is a pack. Manifests and Rows are in the order of the log.
type Pack struct {
	Info      Info
	Manifests [][]byte
	Rows      []Row
	Evidence  map[int64][]byte // by index

	shown []byte // the page, as it was read
}

func (i Info) options() Options {
	return Options{From: i.From, To: i.To, Seed: i.Seed, Sample: i.Sample, Release: i.Release}
}

// reading is how many records are read at once.
const reading = 16

// Make makes a pack of the log of r. It reads every record that may be of the period. Nothing is written but, with a
// private key, a checkpoint of what the log has now.
func Make(ctx context.Context, r *recorder.Recorder, o Options) (*Pack, error) {
	signed, err := r.Log.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	if signed == nil {
		return nil, errors.New("no case is on record")
	}
	tree, err := log.VerifyCheckpoint(r.Log.PublicKey(), signed)
	if err != nil {
		return nil, fmt.Errorf("the checkpoint of the log is not signed with its key: %w", err)
	}
	p := &Pack{Info: Info{Format: Format, From: o.From, To: o.To, Seed: o.Seed, Sample: o.Sample, Rule: Rule,
		Release: o.Release, Size: tree.N}, Evidence: map[int64][]byte{}}
	if err := p.bound(ctx, r, o); err != nil {
		return nil, err
	}
	if err := p.read(ctx, r, o); err != nil {
		return nil, err
	}
	for _, index := range Draw(p.Rows, o.Seed, o.Sample) {
		evidence, err := r.Evidence(ctx, p.Rows[index-p.Info.First].Record)
		if err != nil {
			return nil, err
		}
		p.Evidence[index] = evidence.Encode()
	}
	return p, nil
}

// bound finds the two checkpoints that every record of the period is between, as close as they can be.
func (p *Pack) bound(ctx context.Context, r *recorder.Recorder, o Options) error {
	first, end := int64(0), p.Info.Size
	if !o.From.IsZero() || !o.To.IsZero() {
		in := make([]bool, p.Info.Size)
		err := p.each(ctx, r, func(index int64, b *bundle.Bundle, _ tlog.Hash) error {
			ended := b.Manifest.Outcome.EndedAt
			in[index] = !ended.IsZero() && o.includes(ended)
			return nil
		})
		if err != nil {
			return err
		}
		if first = int64(slices.Index(in, true)); first < 0 {
			return errors.New("no case on record ended in this period")
		}
		for end = p.Info.Size; !in[end-1]; end-- {
		}
	}
	var sizes []int64
	err := r.Bucket.List(ctx, "log/checkpoints/", func(name string) error {
		size, err := strconv.ParseInt(strings.TrimPrefix(name, "log/checkpoints/"), 10, 64)
		if err == nil {
			sizes = append(sizes, size)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, size := range sizes { // in ascending order
		if size <= first {
			p.Info.First = size
		}
		if size >= end {
			p.Info.Size = min(p.Info.Size, size)
		}
	}
	return p.vouch(ctx, r)
}

// vouch takes the checkpoints and the edge of the tree between them.
func (p *Pack) vouch(ctx context.Context, r *recorder.Recorder) error {
	signed, err := r.Log.CheckpointOf(ctx, p.Info.Size)
	if err != nil {
		return err
	}
	p.Info.Checkpoint = string(signed)
	if p.Info.First == 0 {
		return nil
	}
	if signed, err = r.Log.CheckpointOf(ctx, p.Info.First); err != nil {
		return err
	}
	p.Info.Before = string(signed)
	edge, err := r.Log.Edge(ctx, p.Info.First)
	for _, hash := range edge {
		p.Info.Edge = append(p.Info.Edge, hash.String())
	}
	return err
}

// read reads the population.
func (p *Pack) read(ctx context.Context, r *recorder.Recorder, o Options) error {
	n := p.Info.Size - p.Info.First
	p.Manifests, p.Rows = make([][]byte, n), make([]Row, n)
	return p.each(ctx, r, func(index int64, b *bundle.Bundle, leaf tlog.Hash) error {
		parts, err := r.Unlock(b)
		if err != nil {
			return fmt.Errorf("the record %s cannot be opened: %w", b.Manifest.Record, err)
		}
		at := index - p.Info.First
		p.Manifests[at] = b.ManifestBytes()
		p.Rows[at] = rowOf(index, b.Manifest, leaf, parts[bundle.FactsName], o)
		return nil
	})
}

// each calls take with every record from First to Size, several at once.
func (p *Pack) each(ctx context.Context, r *recorder.Recorder,
	take func(int64, *bundle.Bundle, tlog.Hash) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(reading)
	for index := p.Info.First; index < p.Info.Size && ctx.Err() == nil; index++ {
		group.Go(func() error {
			record, leaf, err := r.Log.Leaf(ctx, index)
			if err != nil {
				return err
			}
			b, err := r.Stored(ctx, record)
			if err != nil {
				return fmt.Errorf("the record %s cannot be read: %w", record, err)
			}
			if tlog.RecordHash(b.ManifestBytes()) != leaf {
				return fmt.Errorf("the record %s is not the one that the log has a leaf of", record)
			}
			return take(index, b, leaf)
		})
	}
	return group.Wait()
}
