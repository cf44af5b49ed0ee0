package repository

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// replacedWord is a row of the table "Words that we no longer use".
var replacedWord = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.+) \\|$")

// TestVocabulary finds no word that docs/concepts.md has replaced in an
// identifier or file name, a help text, or a heading of a document.
func TestVocabulary(t *testing.T) {
	concepts, err := os.ReadFile("docs/concepts.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(concepts), "## Words that we no longer use")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n## ")
	rows := replacedWord.FindAllStringSubmatch(table, -1)
	require.Greater(t, len(rows), 30, "the table has another form than this test reads")
	check := func(place, text string) {
		for _, row := range rows {
			if strings.Contains(" "+words(text)+" ", " "+words(row[1])+" ") {
				t.Errorf("%s: %q has %q: say %s", place, text, row[1], row[2])
			}
		}
	}
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || len(path) > 1 && entry.Name()[0] == '.'):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			check(path, strings.TrimSuffix(filepath.Base(path), ".go"))
			checkGo(t, path, check)
		case strings.HasSuffix(path, ".md"):
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			for line := range strings.Lines(string(text)) {
				if strings.HasPrefix(line, "#") {
					check(path, line)
				}
			}
		}
		return nil
	}))
}

// checkGo checks what a file declares, and the help texts in its struct tags.
func checkGo(t *testing.T, path string, check func(place, text string)) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr: // what a package of someone else calls it is not our word
			_, name := n.X.(*ast.Ident)
			return !name
		case *ast.Ident:
			check(files.Position(n.Pos()).String(), n.Name)
		case *ast.Field:
			if n.Tag != nil {
				tag := reflect.StructTag(strings.Trim(n.Tag.Value, "`"))
				check(files.Position(n.Pos()).String(), tag.Get("help")+" "+tag.Get("desc"))
			}
		}
		return true
	})
}

// words splits camel case and punctuation, in lower case: "handOn" is "hand on".
func words(text string) string {
	var out strings.Builder
	var before rune
	for _, r := range text {
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			out.WriteByte(' ')
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			r = ' '
		}
		out.WriteRune(unicode.ToLower(r))
		before = r
	}
	return strings.Join(strings.Fields(out.String()), " ")
}
