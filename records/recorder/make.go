package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/records/account"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/facts"
	"durablekyc.example/records/histories"
)

// Keyset is what Temporal's payloads are encrypted with, and what encrypts the key of each record.
type Keyset interface {
	Encrypt(w io.Writer, context string) (io.WriteCloser, error)
	Decrypt(r io.Reader, context string) (io.Reader, error)
	Codec() converter.PayloadCodec
}

// Run is one run of a workflow, as Temporal has it.
type Run struct {
	ID      string
	History *historypb.History
}

// Runs are what is on record about a case: its runs and its notifier's, oldest first.
type Runs struct {
	Case     []Run
	Notifier []Run
}

// Maker makes bundles.
type Maker struct {
	Keyset  Keyset
	Release string // of this program

	// Text reads a text that applicants were shown, by its SHA-256 in hexadecimal; false if it is not kept. Nil has none.
	Text func(ctx context.Context, sum string) (text string, kept bool, err error)
}

// Make makes the bundle of a case, by its reference and its runs. The key that opens it is encrypted with the keyset.
func (m Maker) Make(ctx context.Context, reference string, runs Runs) (*bundle.Bundle, error) {
	all, ids, err := m.decrypt(slices.Concat(runs.Case, runs.Notifier))
	if err != nil {
		return nil, err
	}
	ofCase, _, err := histories.Split(reference, all)
	if err != nil {
		return nil, err
	}
	parts, err := newParts(all, ofCase)
	if err != nil {
		return nil, err
	}
	manifest := bundle.Manifest{
		Reference: reference, Record: Name(reference, ids[len(ofCase)-1]), Release: m.Release,
		Builds: histories.Builds(ofCase), Runs: account.Runs(all, ids), Outcome: parts.outcome,
		Flags: account.Flags(ofCase, parts.outcome, parts.replayed),
	}
	texts, err := m.texts(ctx, parts.facts)
	if err != nil {
		return nil, err
	}
	return bundle.New(manifest, slices.Concat(parts.plain, texts), func(key []byte) ([]byte, error) {
		return m.Wrap(reference, key)
	})
}

// Name is the name of a record: its reference, and the id of the run that closed the case.
func Name(reference, run string) string { return reference + "/" + run }

func (m Maker) decrypt(runs []Run) (all []*historypb.History, ids []string, err error) {
	for _, run := range runs {
		h, err := histories.Decrypt(run.History, m.Keyset.Codec())
		if err != nil {
			return nil, nil, fmt.Errorf("cannot decrypt the history of run %s: %w", run.ID, err)
		}
		if histories.Started(h) == nil {
			return nil, nil, fmt.Errorf("the history of run %s has no WorkflowExecutionStarted event", run.ID)
		}
		all, ids = append(all, h), append(ids, run.ID)
	}
	return all, ids, nil
}

// parts are the parts of a case without the texts that applicants were shown.
type parts struct {
	plain    []bundle.Plain
	facts    []facts.Fact
	outcome  bundle.Outcome
	replayed bool
}

func newParts(all, ofCase []*historypb.History) (p parts, err error) {
	policy, err := account.Policy(ofCase)
	if err != nil {
		return p, err
	}
	if err := p.step(ofCase); err != nil {
		return p, err
	}
	export, err := histories.Encode(all)
	if err != nil {
		return p, fmt.Errorf("cannot write the histories: %w", err)
	}
	lines, err := facts.Encode(p.facts)
	p.plain = []bundle.Plain{{Name: bundle.HistoriesName, Data: export},
		{Name: bundle.FactsName, Data: lines}, {Name: bundle.PolicyName, Data: policy}}
	return p, err
}

// step takes the case through its facts. A case that another build closed and this one does not replay has a record
// all the same: its histories are kept, and its outcome is what its last run ended with.
func (p *parts) step(ofCase []*historypb.History) error {
	taken, err := facts.FromHistories(ofCase)
	if err == nil {
		var stepped facts.Stepped
		if stepped, err = facts.Step(taken.Facts, taken.Policy); err == nil {
			p.facts, p.replayed, p.outcome = taken.Facts, true, account.Outcome(taken.Facts, stepped)
			return nil
		}
	}
	view, err := account.Result(ofCase)
	if view != nil {
		p.outcome = account.OutcomeOf(*view)
	}
	return err
}

// texts are those that the applicants of the case were shown, as far as they are kept, in the order of a bundle.
func (m Maker) texts(ctx context.Context, all []facts.Fact) (texts []bundle.Plain, err error) {
	if m.Text == nil {
		return nil, nil
	}
	for _, sum := range shown(all) {
		text, kept, err := m.Text(ctx, sum)
		if err != nil {
			return nil, fmt.Errorf("cannot read the text with the SHA-256 %s that applicants were shown: %w", sum, err)
		}
		if kept {
			texts = append(texts, bundle.Plain{Name: bundle.ConsentName(sum), Data: []byte(text)})
		}
	}
	return texts, nil
}

// shown are the digests of the texts that applicants agreed to, and of the notices before them, each once and in order.
func shown(all []facts.Fact) []string {
	seen := map[string]bool{}
	for _, f := range all {
		type text struct {
			Text string `json:"text"`
		}
		var submitted struct {
			Submission struct {
				Consent struct {
					text
					Notice text `json:"notice"`
				} `json:"consent"`
			} `json:"submission"`
		}
		_ = json.Unmarshal(f.Data, &submitted) // other facts have no such field
		seen[submitted.Submission.Consent.Text] = true
		seen[submitted.Submission.Consent.Notice.Text] = true
	}
	delete(seen, "") // of images without a consent of this page's
	return slices.Sorted(maps.Keys(seen))
}

// keyContext is what the key of a record is encrypted for: it opens for this reference only.
func keyContext(reference string) string { return "durablekyc record key of " + reference }

// Wrap encrypts the key of a record.
func (m Maker) Wrap(reference string, key []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := m.Keyset.Encrypt(&out, keyContext(reference))
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(key); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Unwrap decrypts the key of a record.
func (m Maker) Unwrap(reference string, wrapped []byte) ([]byte, error) {
	r, err := m.Keyset.Decrypt(bytes.NewReader(wrapped), keyContext(reference))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
