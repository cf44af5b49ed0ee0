package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"durablekyc.example/kyc"
	"durablekyc.example/records/account"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/facts"
	"durablekyc.example/records/histories"
)

// consistent checks that the facts are those of the histories, that a case stepped over them under the policy ends as
// the histories say, and that the manifest says the same.
func (c *checker) consistent() *fault {
	if f := c.read(); f != nil {
		return f
	}
	policy, f := c.policy()
	if f != nil {
		return f
	}
	outcome, replayed, f := c.outcome(policy)
	if f != nil {
		return f
	}
	if f := c.describes(outcome, replayed); f != nil {
		return f
	}
	if f := c.consents(); f != nil {
		return f
	}
	if !replayed {
		return &fault{part: bundle.FactsName, unchecked: true,
			reason: "there are none: release " + c.manifest.Release + " wrote the record without facts, as it could not " +
				"replay the case"}
	}
	return nil
}

// consents compares each consent text with the digest in its name.
func (c *checker) consents() *fault {
	for _, p := range c.manifest.Parts {
		if strings.HasPrefix(p.Name, bundle.ConsentPrefix) && p.Name != bundle.ConsentName(p.Plaintext) {
			return &fault{part: p.Name, reason: "does not match its digest"}
		}
	}
	return nil
}

func (c *checker) policy() (p kyc.Policy, f *fault) {
	text, err := account.Policy(c.ofCase)
	if err != nil {
		return p, &fault{part: bundle.HistoriesName, place: at(1, 1), reason: err.Error()}
	}
	if at := differs(text, c.opened[bundle.PolicyName]); at >= 0 {
		return p, &fault{part: bundle.PolicyName,
			reason: fmt.Sprintf("byte %d differs from the policy in history 1, event 1", at)}
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, &fault{part: bundle.PolicyName, reason: "not a policy"}
	}
	return p, nil
}

// outcome steps the case. replayed is false for a record whose writer could not take the facts from the histories.
func (c *checker) outcome(policy kyc.Policy) (o bundle.Outcome, replayed bool, f *fault) {
	result, err := account.Result(c.ofCase)
	if err != nil {
		return o, false, &fault{part: bundle.HistoriesName, reason: err.Error()}
	}
	if len(c.opened[bundle.FactsName]) == 0 {
		if result != nil {
			o = account.OutcomeOf(*result)
		}
		return o, false, nil
	}
	stated, err := facts.Decode(c.opened[bundle.FactsName])
	if err != nil {
		return o, true, factFault(err)
	}
	if f := c.sameFacts(stated); f != nil {
		return o, true, f
	}
	stepped, err := facts.Step(stated, policy)
	if err != nil {
		return o, true, factFault(err)
	}
	if result != nil {
		if f := sameView(*result, stepped.Case.View(), len(c.ofCase)); f != nil {
			return o, true, f
		}
	}
	return account.Outcome(stated, stepped), true, nil
}

// sameFacts compares the facts with what this build takes from the histories.
func (c *checker) sameFacts(stated []facts.Fact) *fault {
	taken, err := facts.FromHistories(c.ofCase)
	if err != nil {
		return c.otherRelease(&fault{part: bundle.HistoriesName,
			reason: "this build cannot replay it, so its facts could not be checked"})
	}
	for i, want := range taken.Facts {
		n := min(i, len(stated)-1)
		place := fmt.Sprintf("fact %d (%s)", i+1, at(want.Run, want.Event))
		if i >= len(stated) {
			return &fault{part: bundle.FactsName, place: place, reason: "it is missing"}
		}
		wanted, err := facts.Encode([]facts.Fact{want})
		got, also := facts.Encode([]facts.Fact{stated[n]})
		if err != nil || also != nil {
			return &fault{part: bundle.FactsName, place: place, reason: "not a fact"}
		}
		if at := differs(wanted, got); at >= 0 {
			return c.otherRelease(&fault{part: bundle.FactsName, place: place,
				reason: fmt.Sprintf("byte %d differs from the history", at)})
		}
	}
	if extra := len(stated) - len(taken.Facts); extra > 0 {
		return &fault{part: bundle.FactsName, place: fmt.Sprintf("fact %d", len(taken.Facts)+1),
			reason: "the history has no such fact"}
	}
	return nil
}

// sameView compares the case as it was stepped with the result of its last run.
func sameView(result, stepped kyc.View, run int) *fault {
	want, err := json.Marshal(result)
	got, also := json.Marshal(stepped)
	if err != nil || also != nil || !bytes.Equal(want, got) {
		return &fault{part: bundle.FactsName, reason: fmt.Sprintf(
			"the case stepped over them differs from the result of history %d in byte %d", run, differs(want, got))}
	}
	return nil
}

// describes compares the manifest with what the parts say.
func (c *checker) describes(o bundle.Outcome, replayed bool) *fault {
	var ids []string
	for _, r := range c.manifest.Runs {
		ids = append(ids, r.Run)
	}
	if len(ids) != len(c.all) {
		return &fault{part: bundle.ManifestName,
			reason: fmt.Sprintf("it lists %d runs, but there are %d histories", len(ids), len(c.all))}
	}
	for i, h := range c.all {
		if histories.RunID(h) != ids[i] {
			return &fault{part: bundle.ManifestName,
				reason: fmt.Sprintf("run %s is not the one of history %d", ids[i], i+1)}
		}
	}
	for _, field := range []struct {
		name            string
		stated, derived any
	}{
		{"record", c.manifest.Record, c.manifest.Reference + "/" + ids[len(c.ofCase)-1]},
		{"outcome", c.manifest.Outcome, o},
		{"flags", c.manifest.Flags, account.Flags(c.ofCase, o, replayed)},
		{"runs", c.manifest.Runs, account.Runs(c.all, ids)},
		{"builds", c.manifest.Builds, histories.Builds(c.ofCase)},
	} {
		stated, err := json.Marshal(field.stated)
		derived, also := json.Marshal(field.derived)
		if err != nil || also != nil || !bytes.Equal(stated, derived) {
			return &fault{part: bundle.ManifestName, place: field.name, reason: "does not match the other parts"}
		}
	}
	return nil
}

func factFault(err error) *fault {
	f := &fault{part: bundle.FactsName, reason: err.Error()}
	if fact, isFact := errors.AsType[*facts.Error](err); isFact {
		f.place, f.reason = fmt.Sprintf("fact %d", fact.N), fact.Reason
	}
	return f
}

// differs is the index of the first byte in which two texts differ; -1 if they are the same.
func differs(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}
