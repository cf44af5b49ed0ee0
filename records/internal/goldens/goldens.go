// Package goldens reads the golden histories of the repository for tests of records: real cases, with their payloads
// in plaintext.
package goldens

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// Case is one case: its runs and its notifier's, as Temporal has them.
type Case struct {
	Reference string
	Runs      []*historypb.History
	Notifier  []*historypb.History
}

// All are the histories of a case and its notifier in the order of a bundle.
func (c Case) All() []*historypb.History { return slices.Concat(c.Runs, c.Notifier) }

var name = regexp.MustCompile(`^kyc-(notify-)?([a-z]+)\.(\d+)\.json$`)

// Read returns every case and the text of the keyset that encrypted it. root is the way to the root of the repository.
func Read(t testing.TB, root string) (cases []Case, keyset string) {
	t.Helper()
	dir := filepath.Join(root, "workflows", "testdata", "histories")
	text, err := os.ReadFile(filepath.Join(dir, "keyset.json"))
	require.NoError(t, err)
	require.True(t, json.Valid(text))
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	require.NoError(t, err)
	slices.Sort(paths) // no case has ten runs
	for _, path := range paths {
		part := name.FindStringSubmatch(filepath.Base(path))
		require.NotNil(t, part, path)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		h := &historypb.History{}
		require.NoError(t, protojson.Unmarshal(text, h), path)
		i := slices.IndexFunc(cases, func(c Case) bool { return c.Reference == part[2] })
		if i < 0 {
			i, cases = len(cases), append(cases, Case{Reference: part[2]})
		}
		if part[1] == "" {
			cases[i].Runs = append(cases[i].Runs, h)
		} else {
			cases[i].Notifier = append(cases[i].Notifier, h)
		}
	}
	require.Greater(t, len(cases), 15, "no golden histories were found")
	return cases, strings.TrimSpace(string(text))
}
