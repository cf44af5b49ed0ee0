package repository

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// A module that Dependabot does not know keeps its vulnerable dependencies.
func TestDependabotKnowsEveryModule(t *testing.T) {
	text, err := os.ReadFile(".github/dependabot.yml")
	require.NoError(t, err)
	var listed []string
	entry := regexp.MustCompile(`package-ecosystem: gomod\n +directory: /(\S*)`)
	for _, found := range entry.FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, filepath.ToSlash(filepath.Join(found[1], "go.mod")))
	}
	require.ElementsMatch(t, files(t, "go.mod"), listed)
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	anchor  = regexp.MustCompile(`<a id="([^"]+)">`)
)

// A link in a document leads to a file that exists and to a heading in it.
func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	for _, path := range files(t, ".md") {
		for _, found := range link.FindAllStringSubmatch(fence.ReplaceAllString(document(t, path), ""), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			name, part, _ := strings.Cut(found[1], "#")
			target := path
			if name != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(path), name))
				_, err := os.Stat(target)
				require.NoError(t, err, "%s links to %s", path, found[1])
			}
			if part != "" {
				require.Contains(t, anchors(document(t, target)), part, "%s links to %s", path, found[1])
			}
		}
	}
}

// anchors are the parts of a document that a link can name, spelled as GitHub spells headings.
func anchors(text string) (all []string) {
	for _, found := range anchor.FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	for _, found := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, found[1]))
	}
	return all
}

// A reader finishes short pages and short paragraphs, in a terminal, too.
func TestDocumentsStayReadable(t *testing.T) {
	for path, limit := range map[string]int{"README.md": 1100, "ARCHITECTURE.md": 1500} {
		require.LessOrEqual(t, len(strings.Fields(document(t, path))), limit, "words of %s", path)
	}
	for _, path := range files(t, ".md") {
		for n, line := range strings.Split(document(t, path), "\n") {
			if !strings.HasPrefix(line, "|") {
				require.LessOrEqual(t, len([]rune(line)), 120, "%s:%d", path, n+1)
			}
		}
	}
	for paragraph := range strings.SplitSeq(fence.ReplaceAllString(document(t, "README.md"), ""), "\n\n") {
		if !strings.HasPrefix(paragraph, "|") && !strings.HasPrefix(paragraph, "- ") {
			require.LessOrEqual(t, len(strings.Fields(paragraph)), 60, paragraph)
		}
	}
}

// A table whose rows differ in length is no table for GitHub.
func TestTablesHaveTheirColumns(t *testing.T) {
	code := regexp.MustCompile("`[^`]*`")
	for _, path := range files(t, ".md") {
		columns := 0
		for n, line := range strings.Split(fence.ReplaceAllStringFunc(document(t, path), blank), "\n") {
			if !strings.HasPrefix(line, "|") {
				columns = 0
				continue
			}
			cells := strings.Count(strings.ReplaceAll(code.ReplaceAllString(line, ""), `\|`, ""), "|")
			if columns == 0 {
				columns = cells
			}
			require.Equal(t, columns, cells, "%s:%d", path, n+1)
		}
	}
}

// blank keeps the line numbers of what is left out.
func blank(text string) string { return strings.Repeat("\n", strings.Count(text, "\n")) }

// What the README shows of a program is what the program is.
func TestTheReadmeShowsTheExamples(t *testing.T) {
	var examples strings.Builder
	for _, path := range files(t, ".go") {
		if strings.HasPrefix(path, "examples/") {
			examples.WriteString(document(t, path))
		}
	}
	blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```").FindAllStringSubmatch(document(t, "README.md"), -1)
	require.Len(t, blocks, 2)
	for _, block := range blocks {
		require.Contains(t, examples.String(), block[1])
	}
}

// The index of decisions has every record, and a record has its three parts.
func TestEveryDecisionIsIndexed(t *testing.T) {
	index := document(t, "docs/decisions/README.md")
	for _, path := range files(t, ".md") {
		folder, name := filepath.Split(path)
		if folder != "docs/decisions/" || name == "README.md" {
			continue
		}
		text := document(t, path)
		title, _, _ := strings.Cut(strings.TrimPrefix(text, "# "+name[:4]+". "), "\n")
		require.Contains(t, index, fmt.Sprintf("| %s | [%s](%s) |", name[:4], title, name))
		for _, part := range []string{"## Context", "## Decision", "## Consequences"} {
			require.Contains(t, text, "\n"+part+"\n\n", path)
		}
	}
}

// The index of documents has every document.
func TestEveryDocumentIsIndexed(t *testing.T) {
	index := document(t, "docs/README.md")
	for _, path := range files(t, ".md") {
		if name, found := strings.CutPrefix(path, "docs/"); found && !strings.Contains(name, "/") && name != "README.md" {
			require.Contains(t, index, "]("+name+")")
		}
	}
}

// document is the text of a file.
func document(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
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
