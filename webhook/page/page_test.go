package page_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"durablekyc.example/webhook/page"
)

var update = flag.Bool("update", false, "write the golden pages anew")

// hash is what an asset's content adds to its name.
var hash = regexp.MustCompile(`-[0-9a-f]{16}\.`)

// made draws every story once, which takes a moment.
var made = sync.OnceValues(func() (*page.Pages, error) { return page.New("/verify", nil) })

func pages(t testing.TB) *page.Pages {
	t.Helper()
	p, err := made()
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
	for _, lang := range p.Languages() {
		for _, story := range p.Storybook(lang) {
			t.Run(story.Name+"."+lang, func(t *testing.T) {
				var out bytes.Buffer
				require.NoError(t, p.Render(&out, story.Model))
				test(t, story, lang, out.String())
			})
		}
	}
}

// The pages as they are served, to be read in a review: in the first language.
// TestLanguagesDifferInWordsAlone has the others.
func TestEveryStoryLooksAsItDid(t *testing.T) {
	kept := map[string]bool{}
	p := pages(t)
	for _, story := range p.Storybook(p.Languages()[0]) {
		t.Run(story.Name, func(t *testing.T) {
			file := filepath.Join("testdata", story.Name+".html")
			kept[file] = true
			var out bytes.Buffer
			require.NoError(t, p.Render(&out, story.Model))
			text := hash.ReplaceAllString(out.String(), "-HASH.") // so that a new colour changes no golden page
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err, "go test ./webhook/page -update writes it")
			require.Equal(t, string(want), text)
		})
	}
	files, err := filepath.Glob("testdata/*.html")
	require.NoError(t, err)
	for _, file := range files {
		require.True(t, kept[file], "%s belongs to no story", file)
	}
}

// A page has the same elements in every language, and each sentence on it is in
// its language: a word that a template has instead of the catalogue is in all.
func TestLanguagesDifferInWordsAlone(t *testing.T) {
	first := page.DefaultLanguages[0]
	markup, words := map[string][]string{}, map[string][]string{}
	each(t, func(t *testing.T, story page.Story, lang, text string) {
		m, w := apart(t, text)
		if lang == first {
			markup[story.Name], words[story.Name] = m, w
			return
		}
		require.Equal(t, markup[story.Name], m)
		require.Len(t, w, len(words[story.Name]))
		for i, text := range w {
			if strings.Contains(text, " ") {
				require.NotEqual(t, words[story.Name][i], text, "it is not translated")
			}
		}
	})
}

// apart separates the elements of a page, in which LANG is written for every
// language, from its words.
func apart(t *testing.T, text string) (markup, words []string) {
	t.Helper()
	// Without scripts, or what <noscript> has would be a text.
	document, err := html.ParseWithOptions(strings.NewReader(text), html.ParseOptionEnableScripting(false))
	require.NoError(t, err)
	for n := range document.Descendants() {
		switch n.Type {
		case html.TextNode:
			words = append(words, strings.TrimSpace(n.Data))
		case html.ElementNode:
			element := strings.Repeat(" ", len(slices.Collect(n.Ancestors()))) + n.Data
			for _, a := range n.Attr {
				switch {
				case a.Key == "aria-label":
					words = append(words, a.Val)
					a.Val = ""
				case slices.Contains(page.DefaultLanguages, strings.TrimPrefix(a.Val, "?lang=")):
					a.Val = "LANG"
				}
				element += fmt.Sprintf(" %s=%q", a.Key, a.Val)
			}
			markup = append(markup, element)
		}
	}
	return markup, words
}
