package page_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/webhook/page"
)

var update = flag.Bool("update", false, "write the golden pages anew")

// hash is what an asset's content adds to its name.
var hash = regexp.MustCompile(`-[0-9a-f]{16}\.`)

func pages(t testing.TB) *page.Pages {
	t.Helper()
	p, err := page.New("/verify")
	require.NoError(t, err)
	return p
}

func draw(t testing.TB, m page.Model) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, pages(t).Render(&out, m))
	return out.String()
}

// each runs a test for every story in every language.
func each(t *testing.T, test func(t *testing.T, story page.Story, lang, html string)) {
	p := pages(t)
	for _, lang := range page.Languages {
		for _, story := range page.Storybook(lang) {
			t.Run(story.Name+"."+lang, func(t *testing.T) {
				var out bytes.Buffer
				require.NoError(t, p.Render(&out, story.Model))
				test(t, story, lang, out.String())
			})
		}
	}
}

// The pages as they are served, to be read in a review.
func TestEveryStoryLooksAsItDid(t *testing.T) {
	kept := map[string]bool{}
	each(t, func(t *testing.T, story page.Story, lang, html string) {
		file := filepath.Join("testdata", story.Name+"."+lang+".html")
		kept[file] = true
		html = hash.ReplaceAllString(html, "-HASH.") // so that a new colour changes no golden page
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(html), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err, "go test ./webhook/page -update writes it")
		require.Equal(t, string(want), html)
	})
	files, err := filepath.Glob("testdata/*.html")
	require.NoError(t, err)
	for _, file := range files {
		require.True(t, kept[file], "%s belongs to no story", file)
	}
}
