package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const source = `package a

const wait = 2 * 3

func (t T) first(a, b int) bool {
	if a < b {
		return a == b
	}
	if a < b {
		return a == 0 && b == 0
	}
	return false
}
`

func ids(t *testing.T, text string) (all []id) {
	t.Helper()
	mutants, err := findIn("a/a.go", []byte(text))
	require.NoError(t, err)
	for _, m := range mutants {
		all = append(all, m.id)
	}
	return all
}

func TestAMutantIsKnownByItsLineAndNotItsNumber(t *testing.T) {
	found := ids(t, source)
	require.Equal(t, []id{
		{"a/a.go", "-", "*→/", 1, "const wait = 2 * 3"},
		{"a/a.go", "first", "<→<=", 1, "if a < b {"}, {"a/a.go", "first", "<→>=", 1, "if a < b {"},
		{"a/a.go", "first", "==→!=", 1, "return a == b"},
		{"a/a.go", "first", "<→<=", 2, "if a < b {"}, {"a/a.go", "first", "<→>=", 2, "if a < b {"},
		{"a/a.go", "first", "==→!=", 1, "return a == 0 && b == 0"}, {"a/a.go", "first", "==→!=", 2,
			"return a == 0 && b == 0"},
	}, found)
	require.Equal(t, found, ids(t, strings.Replace(source, "func", "// A line more.\nfunc", 1)))
}

func TestTheListIsRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "living.txt")
	for what, test := range map[string]struct{ text, says string }{
		"good": {"# What this is.\n# In two lines.\n\na/a.go first <→<= 2\n| if a < b {\nBecause.\nAnd " +
			"more.\n\na/a.go - *→/ 1\n| const wait = 2 * 3\nBecause.\n", ""},
		"no reason":    {"a/a.go first <→<= 2\n| if a < b {\n", "a place, a line and a reason"},
		"no line":      {"a/a.go first <→<= 2\nBecause.\nAnd more.\n", "a place, a line and a reason"},
		"no number":    {"a/a.go first <→<= two\n| if a < b {\nBecause.\n", "invalid syntax"},
		"half a place": {"a/a.go first\n| if a < b {\nBecause.\n", "a place, a line and a reason"},
	} {
		t.Run(what, func(t *testing.T) {
			require.NoError(t, os.WriteFile(name, []byte(test.text), 0o600))
			allowed, err := readList(name)
			if test.says == "" {
				require.NoError(t, err)
				require.Equal(t, map[id]bool{{"a/a.go", "first", "<→<=", 2, "if a < b {"}: true, {"a/a.go", "-", "*→/", 1,
					"const wait = 2 * 3"}: true}, allowed)
				return
			}
			require.ErrorContains(t, err, test.says)
		})
	}
	_, err := readList("living.txt")
	require.NoError(t, err, "ours")
}

func TestWhatPasses(t *testing.T) {
	listed, other := id{"a/a.go", "f", "<→<=", 1, "a"}, id{"a/a.go", "g", "<→<=", 1, "b"}
	many := func(n int, s status, more ...*mutant) []*mutant {
		for range n {
			more = append(more, &mutant{status: s})
		}
		return more
	}
	one := func(s status, i id) *mutant { return &mutant{status: s, id: i} }
	for what, test := range map[string]struct {
		mutants []*mutant
		part    bool // of the package's lines
		says    string
	}{
		"all but the listed one": {many(19, killed, one(lived, listed)), false, ""},
		"one that does not end":  {many(19, killed, one(timedOut, listed)), false, ""},
		"another that does not end": {many(40, killed, one(lived, listed), one(timedOut, other)), false,
			"is not on the list"},
		"another lives": {many(40, killed, one(lived, listed), one(lived, other)), false,
			"is not on the list"},
		"another was never tried": {many(40, killed, one(lived, listed), one(unattempted, other)), false,
			"is not on the list"},
		"too few":                       {many(18, killed, one(lived, listed)), false, "94.7 %"},
		"what does not compile is none": {many(18, killed, many(40, uncompiled, one(lived, listed))...), false, "94.7 %"},
		"the listed one dies":           {many(19, killed, one(killed, listed)), false, "does not live"},
		"the listed one is gone":        {many(19, killed), false, "does not live"},
		"a part":                        {many(1, killed), true, ""},
		"a part, one lives":             {many(1, lived), true, "is not on the list"},
	} {
		t.Run(what, func(t *testing.T) {
			allowed := map[id]bool{listed: true, {"b/b.go", "f", "<→<=", 1, "a"}: true} // of another package
			err := check(io.Discard, "a", test.mutants, allowed, !test.part)
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
		})
	}
}

// A package with a mutant of every kind, and tests that notice all but what is said.
const tried = `package a

import "time"

const wait = 2 * time.Second // a constant: built by itself

var steps = []time.Duration{3 * time.Second}

func first(a, b int) (n int) {
	switch {
	case a < b:
		n++
	case a == b:
		n--
	}
	for i := 0; i < 3; i++ {
		n += -i * 2 % 5
	}
	return n + len("x"+
		"y") - 1
}

func endless(a int) bool {
	for a >
		0 { // over two lines
		a -= 1 * 1
	}
	return a == 0
}
`

const tests = `package a

import (
	"testing"
	"time"
)

func TestFirst(t *testing.T) {
	if got := []int{first(1, 2), first(2, 2), first(3, 2)}; got[0] != -4 || got[1] != -6 || got[2] != -5 {
		t.Fatal(got)
	}
	if wait != 2*time.Second || steps[0] != 3*time.Second {
		t.Fatal(wait, steps)
	}
	if !endless(3) {
		t.Fatal()
	}
}
`

// What every kind of mutant comes to: one that no test sees, one that does not end and one that does not compile among
// them.
func TestEveryMutantIsTried(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, exec.CommandContext(t.Context(), "git", "init", "-q").Run())
	for name, text := range map[string]string{"go.mod": "module a.test\n\ngo 1.26\n", "a/a.go": tried,
		"a/a_test.go": tests} {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	tree, err := copyTree(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(tree)) })
	mutants, err := find(tree, "a", "")
	require.NoError(t, err)
	l := lab{tree: tree, pkg: "a", workers: 2, slack: 1, grace: 3 * time.Second, mutants: mutants}
	require.NoError(t, l.run(t.Context()))
	not := map[string]status{}
	for _, m := range mutants {
		if m.status != killed {
			not[m.id.mutation+" "+m.id.text] = m.status
		}
	}
	require.Equal(t, map[string]status{
		"*→/ a -= 1 * 1":                 lived,
		"++→-- for i := 0; i < 3; i++ {": timedOut,
		"+→- return n + len(\"x\"+":      uncompiled,
	}, not)
	text, err := os.ReadFile(filepath.Join(tree, "a/a.go"))
	require.NoError(t, err)
	require.Equal(t, tried, string(text))
}
