package facts_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/proto"

	"durablekyc.example/internal/goldens"
	"durablekyc.example/kyc"
	"durablekyc.example/records/facts"
	"durablekyc.example/records/histories"
)

// plain are the golden cases with their payloads in plaintext.
func plain(t testing.TB) []goldens.Case {
	t.Helper()
	cases, keyset := goldens.Cases(t, "../../workflows/testdata/histories")
	var err error
	for _, c := range cases {
		for _, list := range [][]*historypb.History{c.Runs, c.Notifier} {
			for i := range list {
				list[i], err = histories.Decrypt(list[i], keyset.Codec())
				require.NoError(t, err)
				text, err := proto.Marshal(list[i])
				require.NoError(t, err)
				require.NotContains(t, string(text), "binary/encrypted")
			}
		}
	}
	return cases
}

func golden(t testing.TB, reference string) goldens.Case {
	t.Helper()
	cases := plain(t)
	i := slices.IndexFunc(cases, func(c goldens.Case) bool { return c.Reference == reference })
	require.GreaterOrEqual(t, i, 0, reference)
	return cases[i]
}

// result is the view that the last run of a case ended with.
func result(t testing.TB, runs []*historypb.History) (v kyc.View) {
	t.Helper()
	events := runs[len(runs)-1].GetEvents()
	completed := events[len(events)-1].GetWorkflowExecutionCompletedEventAttributes()
	require.NotNil(t, completed)
	require.NoError(t, json.Unmarshal(completed.GetResult().GetPayloads()[0].GetData(), &v))
	v.Webhook = ""
	return v
}

// The facts of every golden case, written and read again, make the case that the workflow ended with.
func TestFactsMakeTheCase(t *testing.T) {
	var open []string
	for _, c := range plain(t) {
		account, err := facts.FromHistories(c.Runs)
		require.NoError(t, err, c.Reference)
		text, err := facts.Encode(account.Facts)
		require.NoError(t, err)
		read, err := facts.Decode(text)
		require.NoError(t, err)
		stepped, err := facts.Step(read, account.Policy)
		require.NoError(t, err, c.Reference)
		if stepped.Decided == 0 {
			open = append(open, c.Reference)
			continue
		}
		want, err := json.Marshal(result(t, c.Runs))
		require.NoError(t, err)
		got, err := json.Marshal(stepped.Case.View())
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got), c.Reference)
	}
	require.Equal(t, []string{"refused"}, open, "every other case was closed")
}

// A fact has a name for every event of kyc's.
func TestEveryEventHasAFact(t *testing.T) {
	file, err := parser.ParseDir(token.NewFileSet(), "../../kyc", nil, 0)
	require.NoError(t, err)
	var types []string
	for _, f := range file["kyc"].Files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "apply" && fn.Recv != nil {
				types = append(types, fn.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	require.ElementsMatch(t, types, facts.EventTypes())
}

// A case whose first run Temporal has forgotten begins with what the next one was given.
func TestFactsOfACaseWhoseFirstRunsAreGone(t *testing.T) {
	c := golden(t, "carriedover")
	require.Greater(t, len(c.Runs), 3)
	account, err := facts.FromHistories(c.Runs[2:])
	require.NoError(t, err)
	require.Equal(t, facts.WhatRestored, account.Facts[0].What)
	stepped, err := facts.Step(account.Facts, account.Policy)
	require.NoError(t, err)
	require.Equal(t, kyc.Denied, stepped.Case.Stage)
	require.Equal(t, result(t, c.Runs).Version, stepped.Case.Version)
}

// A run that was given another case than the run before ended with is found.
func TestRunsFollowOneAnother(t *testing.T) {
	c := golden(t, "carriedover")
	account, err := facts.FromHistories(slices.Delete(slices.Clone(c.Runs), 1, 2))
	require.NoError(t, err)
	_, err = facts.Step(account.Facts, account.Policy)
	require.ErrorContains(t, err, "run 2 did not continue with the case that the previous run ended with")
}

// What a case that was terminated had taken in is on record; what no worker finished is not.
func TestFactsOfATerminatedCase(t *testing.T) {
	h := proto.CloneOf(golden(t, "individualreview").Runs[0])
	cut := slices.IndexFunc(h.Events, func(e *historypb.HistoryEvent) bool {
		return e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
	})
	require.Positive(t, cut)
	for last := cut; last < cut+3; last++ { // with the signal; with a task for it; with that task started
		ended := proto.CloneOf(h)
		ended.Events = append(ended.Events[:last+1], &historypb.HistoryEvent{EventId: int64(last + 2),
			EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
			Attributes: &historypb.HistoryEvent_WorkflowExecutionTerminatedEventAttributes{
				WorkflowExecutionTerminatedEventAttributes: &historypb.WorkflowExecutionTerminatedEventAttributes{}}})
		account, err := facts.FromHistories([]*historypb.History{ended})
		require.NoError(t, err)
		stepped, err := facts.Step(account.Facts, account.Policy)
		require.NoError(t, err)
		require.Equal(t, kyc.InReview, stepped.Case.Stage)
		require.Zero(t, stepped.Decided)
		require.Zero(t, stepped.Case.HintsReceived)
	}
}

func TestFaultsOfFacts(t *testing.T) {
	account, err := facts.FromHistories(golden(t, "notified").Runs)
	require.NoError(t, err)
	text, err := facts.Encode(account.Facts)
	require.NoError(t, err)
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	for name, test := range map[string]struct {
		text []string
		want string
	}{
		"none":       {nil, "fact 1: there is none"},
		"swapped":    {[]string{lines[0], lines[2], lines[1]}, "fact 2: unexpected fact 3"},
		"dropped":    {[]string{lines[0], lines[2]}, "fact 2: unexpected fact 3"},
		"repeated":   {[]string{lines[0], lines[0]}, "fact 2: unexpected fact 1"},
		"a blank":    {[]string{lines[0], " " + lines[1]}, "fact 2: not in canonical form"},
		"no end":     {[]string{strings.TrimSuffix(lines[0], "\n")}, "fact 1: not in canonical form"},
		"not a fact": {[]string{lines[0], "what\n"}, "fact 2: not a fact"},
		"a field":    {[]string{strings.Replace(lines[0], `"n":1`, `"m":1,"n":1`, 1)}, "fact 1: not a fact"},
	} {
		_, err := facts.Decode([]byte(strings.Join(test.text, "")))
		require.EqualError(t, err, test.want, name)
	}
	for name, test := range map[string]struct {
		change func([]facts.Fact) []facts.Fact
		want   string
	}{
		"no start": {func(f []facts.Fact) []facts.Fact { return f[1:] }, "fact 2: a case starts with"},
		"two starts": {func(f []facts.Fact) []facts.Fact { return slices.Insert(f, 1, f[0]) },
			"a case cannot start twice"},
		"unknown": {func(f []facts.Fact) []facts.Fact { f[1].What = "rumour"; return f },
			`fact 2: unknown fact "rumour"`},
		"a field": {func(f []facts.Fact) []facts.Fact { f[1].Data = []byte(`{"at":1}`); return f },
			"fact 2: it lacks the fields of a status_received"},
	} {
		_, err := facts.Step(test.change(slices.Clone(account.Facts)), account.Policy)
		require.ErrorContains(t, err, test.want, name)
	}
}
