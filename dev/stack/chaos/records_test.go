package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/records/bundle"
	"durablekyc.example/records/verify"
)

// The checker of records can fail, at each thing that it is for.
func TestTheCheckerOfRecordsFindsWhatIsPlanted(t *testing.T) {
	good := verify.Level{Verdict: verify.Verified}
	bad := verify.Level{Verdict: verify.Refuted, Part: bundle.FactsName, Reason: "planted"}
	unchecked := verify.Level{Verdict: verify.NotChecked, Reason: "there are none"}
	for name, test := range map[string]struct {
		plant func(*recorded)
		says  string // empty: all is well
	}{
		"nothing":               {func(*recorded) {}, ""},
		"a case without a leaf": {func(r *recorded) { r.leaves = r.leaves[:1] }, "B/2 has 0 leaves and 1 bundles"},
		"a leaf twice":          {func(r *recorded) { r.leaves = append(r.leaves, "A/1") }, "A/1 has 2 leaves"},
		"a case without bundle": {func(r *recorded) { r.bundles = r.bundles[1:] }, "A/1 has 1 leaves and 0 bundles"},
		"a leaf of no case":     {func(r *recorded) { r.leaves = append(r.leaves, "C/3") }, "a leaf of C/3"},
		"a record that is bad": {func(r *recorded) {
			r.reports["A/1"] = verify.Report{Whole: good, Consistent: bad, Reexecuted: good}
		}, "planted"},
		"one that was not whole": {func(r *recorded) {
			r.reports["A/1"] = verify.Report{Whole: bad, Consistent: unchecked, Reexecuted: unchecked}
		}, "whole does not"},
		"one without facts": {func(r *recorded) {
			r.reports["A/1"] = verify.Report{Whole: good, Consistent: unchecked, Reexecuted: unchecked}
		}, "there are none"},
		"one that no worker took up": {func(r *recorded) {
			r.reports["A/1"] = verify.Report{Whole: good, Consistent: unchecked, Reexecuted: unchecked,
				Manifest: bundle.Manifest{Flags: []string{bundle.FlagNotReplayed}}}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			whole := verify.Report{Whole: good, Consistent: good, Reexecuted: good}
			r := recorded{closed: []string{"A/1", "B/2"}, leaves: []string{"A/1", "B/2"}, bundles: []string{"A/1", "B/2"},
				reports: map[string]verify.Report{"A/1": whole, "B/2": whole}}
			test.plant(&r)
			var said []string
			for _, v := range examineRecords(r) {
				said = append(said, v.What)
			}
			if test.says == "" {
				require.Empty(t, said)
				return
			}
			require.Contains(t, strings.Join(said, "\n"), test.says)
		})
	}
}
