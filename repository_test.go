package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A module that Dependabot does not know keeps its vulnerable dependencies.
func TestDependabotKnowsEveryModule(t *testing.T) {
	text, err := os.ReadFile(".github/dependabot.yml")
	require.NoError(t, err)
	var listed []string
	for _, found := range regexp.MustCompile(`package-ecosystem: gomod\n +directory: /(\S*)`).FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, filepath.ToSlash(filepath.Join(found[1], "go.mod")))
	}
	require.ElementsMatch(t, files(t, "go.mod"), listed)
}

// files are the paths of all files in the repository whose name ends so.
func files(t *testing.T, suffix string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", ".dev", "dist", "bin", "node_modules"}, entry.Name()):
			return fs.SkipDir
		case !entry.IsDir() && strings.HasSuffix(path, suffix):
			all = append(all, filepath.ToSlash(path))
		}
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}
