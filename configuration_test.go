package repository

import (
	"cmp"
	"flag"
	"go/ast"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var write = flag.Bool("write", false, "write the table of docs/configuration.md again")

// variable is what the flags of the programs say of a variable: its first
// program's words, and the default of each program that has one.
type variable struct {
	programs       []string
	defaults, help string
}

// The table of variables is that of the programs' flags.
func TestConfigurationPage(t *testing.T) {
	const path, begin, end = "docs/configuration.md", "<!-- variables -->\n", "<!-- end -->\n"
	table := "\n| variable | programs | default | help |\n| --- | --- | --- | --- |\n"
	all := variables(t)
	require.Greater(t, len(all), 20)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v := all[name]
		table += "| `" + name + "` | " + strings.Join(v.programs, ", ") + " | " + v.defaults + " | " + v.help + " |\n"
	}
	page := document(t, path)
	before, rest, found := strings.Cut(page, begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	want := before + begin + table + "\n" + end + after
	if *write {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, page, "go test . -run TestConfigurationPage -write")
}

// variables reads the tags of the programs' settings.
func variables(t *testing.T) map[string]variable {
	t.Helper()
	all := map[string]variable{}
	programs := []string{"worker", "webhook", "sandbox"} // the first that has a variable describes it
	settings := slices.DeleteFunc(sources(t), func(s source) bool { return !slices.Contains(programs, s.room) })
	slices.SortStableFunc(settings, func(a, b source) int {
		return cmp.Compare(slices.Index(programs, a.room), slices.Index(programs, b.room))
	})
	for _, s := range settings {
		ast.Inspect(s.file, func(n ast.Node) bool {
			field, isField := n.(*ast.Field)
			if !isField || field.Tag == nil {
				return true
			}
			text, err := strconv.Unquote(field.Tag.Value)
			require.NoError(t, err)
			tag := reflect.StructTag(text)
			name, found := tag.Lookup("env")
			if !found {
				return true
			}
			v := all[name]
			v.programs = append(v.programs, s.room)
			if value := tag.Get("default"); value != "" && !strings.Contains(v.defaults, value) {
				v.defaults = strings.TrimPrefix(v.defaults+", `"+value+"`", ", ")
			}
			v.help = strings.ReplaceAll(cmp.Or(v.help, tag.Get("help")), "|", `\|`)
			all[name] = v
			return true
		})
	}
	return all
}
