package page_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/webhook/page"
)

func styles(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("assets/page.css")
	require.NoError(t, err)
	return string(text)
}

var (
	roots    = regexp.MustCompile(`:root \{[^}]*\}`)
	variable = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)
)

// schemes are the colours by name: light, and dark over it.
func schemes(t *testing.T) map[string]map[string]string {
	blocks := roots.FindAllString(styles(t), -1)
	require.Len(t, blocks, 2, "one :root for each scheme")
	all := map[string]map[string]string{"light": {}, "dark": {}}
	for _, m := range variable.FindAllStringSubmatch(blocks[0], -1) {
		all["light"][m[1]], all["dark"][m[1]] = m[2], m[2]
	}
	for _, m := range variable.FindAllStringSubmatch(blocks[1], -1) {
		require.Contains(t, all["light"], m[1], "dark only")
		all["dark"][m[1]] = m[2]
	}
	return all
}

// luminance is WCAG 2.2's relative luminance of #rrggbb.
func luminance(t *testing.T, colour string) float64 {
	n, err := strconv.ParseUint(colour[1:], 16, 32)
	require.NoError(t, err, colour)
	channel := func(shift int) float64 {
		c := float64(n>>shift&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}

func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// WCAG 2.2: 1.4.3 for text, 1.4.11 for the edges of controls and for focus.
func TestColoursCanBeRead(t *testing.T) {
	require.InDelta(t, 21, contrast(t, "#ffffff", "#000000"), 0.001)
	require.InDelta(t, 4.54, contrast(t, "#767676", "#ffffff"), 0.01)
	pairs := []struct {
		front string
		backs string
		least float64
	}{
		{"text", "ground card tint", 4.5},
		{"soft", "ground card tint", 4.5},
		{"accent", "ground card tint", 4.5},
		{"accent-deep", "ground card tint", 4.5},
		{"on-accent", "accent accent-deep", 4.5},
		{"good", "ground card good-tint", 4.5},
		{"bad", "ground card bad-tint", 4.5},
		{"doubt", "card ground doubt-tint", 4.5},
		{"edge", "ground card", 3},
		{"qr-dark", "qr-light", 7},
	}
	for scheme, colours := range schemes(t) {
		for _, pair := range pairs {
			for back := range strings.FieldsSeq(pair.backs) {
				t.Run(scheme+" "+pair.front+" on "+back, func(t *testing.T) {
					require.GreaterOrEqual(t, contrast(t, colours[pair.front], colours[back]), pair.least)
				})
			}
		}
	}
}

// So that the pairs above are all there is.
func TestColoursAreVariables(t *testing.T) {
	rest := roots.ReplaceAllString(styles(t), "")
	require.NotRegexp(t, `#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(`, rest)
	require.NotRegexp(t, `url\(|@import`, rest, "one style sheet, nothing from elsewhere")
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`var\(--([a-z-]+)\)`).FindAllStringSubmatch(rest, -1) {
		used[m[1]] = true
	}
	for name := range schemes(t)["light"] {
		require.True(t, used[name], "--%s is used nowhere", name)
		delete(used, name)
	}
	require.Equal(t, map[string]bool{"shade": true}, used, "used and not defined")
}

// What moves asks first, and what is focused shows it.
func TestStyleSheetMindsItsReader(t *testing.T) {
	css := styles(t)
	before, _, found := strings.Cut(css, "@media (prefers-reduced-motion: no-preference)")
	require.True(t, found)
	require.NotRegexp(t, `transition:|animation:`, before)
	require.Contains(t, css, ":focus-visible { outline: 3px solid var(--accent)")
	require.NotRegexp(t, `user-select: none|font-size: \d+px|font-size: 0?\.[0-8]`, css,
		"text grows with the reader's setting")
}

// Every class of a page has a rule, and every class with a rule is on a page or
// put there by the script.
func TestClassesAreKnown(t *testing.T) {
	script, err := os.ReadFile("assets/page.js")
	require.NoError(t, err)
	ruled := map[string]bool{}
	for _, m := range regexp.MustCompile(`\.([a-z][a-z_-]*)`).FindAllStringSubmatch(styles(t), -1) {
		ruled[m[1]] = false
	}
	plain := map[string]bool{ // no look of their own
		"ask": true, "front": true, "review": true, "sending": true, "waiting": true, "new": true, "person": true,
		"send": true, "start": true, "use": true, "retry": true, // for the script
	}
	each(t, func(t *testing.T, _ page.Story, _, html string) {
		for _, n := range nodes(t, html) {
			for class := range strings.FieldsSeq(attr(n, "class")) {
				_, ok := ruled[class]
				require.True(t, ok || plain[class], "no rule for .%s", class)
				ruled[class] = true
			}
		}
	})
	for class, seen := range ruled {
		require.True(t, seen || strings.Contains(string(script), "'"+class+"'"), ".%s is on no page", class)
	}
}

func TestAssetsAreServedByTheirContent(t *testing.T) {
	p := pages(t)
	sizes := map[string]int{".css": 20_000, ".js": 15_000, ".svg": 1_000}
	html := draw(t, page.Landing{Lang: "en", Action: "/verify/start"})
	found := regexp.MustCompile(`/verify/assets/([a-z]+-[0-9a-f]{16}(\.[a-z]+))"`).FindAllStringSubmatch(html, -1)
	require.Len(t, found, 5)
	for _, m := range found {
		body, contentType, ok := p.Asset(m[1])
		require.True(t, ok)
		require.Contains(t, contentType, "; charset=utf-8", "all of them are text")
		require.NotEmpty(t, body)
		require.Less(t, len(body), sizes[m[2]], "%s is for a phone on a slow line", m[1])
	}
	for _, name := range []string{"page.css", "", "../page.go", "page-0000000000000000.css"} {
		_, _, ok := p.Asset(name)
		require.False(t, ok, name)
	}
}
