package goldens

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"

	"durablekyc.example/internal/encryption"
)

// Case is one case: its runs and its notifier's, oldest first and as Temporal has them.
type Case struct {
	Reference string
	Runs      []*historypb.History
	Notifier  []*historypb.History
}

// All are the runs of a case, and then those of its notifier.
func (c Case) All() []*historypb.History { return slices.Concat(c.Runs, c.Notifier) }

// named is the file of a history: the workflow's id and the number of its run.
var named = regexp.MustCompile(`^kyc-(notify-)?([a-z]+)\.\d\.json$`)

// Cases are the histories that Read returns, by their cases, in alphabetical order.
func Cases(t testing.TB, dir string) (cases []Case, keyset encryption.Keyset) {
	t.Helper()
	all, keyset := Read(t, dir, 0)
	var paths []string
	for path := range all {
		if !strings.HasPrefix(filepath.Base(path), "kyc-check-") { // it waits for a case, and is no part of it
			paths = append(paths, path)
		}
	}
	slices.Sort(paths) // no case has ten runs
	for _, path := range paths {
		part := named.FindStringSubmatch(filepath.Base(path))
		require.NotNil(t, part, path)
		i := slices.IndexFunc(cases, func(c Case) bool { return c.Reference == part[2] })
		if i < 0 {
			i, cases = len(cases), append(cases, Case{Reference: part[2]})
		}
		if part[1] == "" {
			cases[i].Runs = append(cases[i].Runs, all[path])
		} else {
			cases[i].Notifier = append(cases[i].Notifier, all[path])
		}
	}
	slices.SortFunc(cases, func(a, b Case) int { return strings.Compare(a.Reference, b.Reference) })
	require.Greater(t, len(cases), 15, "no golden cases were found")
	return cases, keyset
}
